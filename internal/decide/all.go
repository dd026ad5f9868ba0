package decide

import (
	"sync"

	"github.com/ringfencehq/ringfence/internal/reach"
)

// batch is how many ways are decided one after the other: neighbours are of one table and share much.
const batch = 16

// All decides ways, one answer for each, on all processors.
func (d *Decider) All(ways []reach.Way) []Decision {
	out := make([]Decision, len(ways))
	var workers sync.WaitGroup
	for from := 0; from < len(ways); from += batch {
		workers.Go(func() {
			for i := from; i < min(from+batch, len(ways)); i++ {
				out[i] = d.Decide(ways[i])
			}
		})
	}
	workers.Wait()
	return out
}
