package ledger

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestOneEntryEach has writers of different kinds take the same number at once: one of them has it, the others are told, and the directory
// has one file of it.
func TestOneEntryEach(t *testing.T) {
	d := Directory(t.TempDir())
	kinds := []Kind{KindFact, KindWord, KindSample, KindPage, KindSignal, KindClosed}
	for number := 1; number <= 40; number++ {
		var done atomic.Int32
		var all sync.WaitGroup
		for _, kind := range kinds {
			all.Go(func() {
				e := Entry{Sequence: number, At: time.Unix(0, 0).UTC(), Kind: kind, Body: []byte("{}")}
				switch err := d.Append(t.Context(), e); {
				case err == nil:
					done.Add(1)
				case !errors.Is(err, ErrConflict):
					t.Error(err)
				}
			})
		}
		all.Wait()
		entries, err := d.Entries(t.Context(), number-1)
		if err != nil || done.Load() != 1 || len(entries) != 1 {
			t.Fatalf("number %d was taken by %d, and has %d files: %v", number, done.Load(), len(entries), err)
		}
	}
}
