package watch

import (
	"context"
	"encoding/json"
	"errors"
	"maps"

	"github.com/ringfencehq/ringfence/internal/live"
)

// A serverLog sums up errors by SQLSTATE: out of the server's log, where it has one that the session may read; else from the hook
// sqlstates, which prints a JSON object of counts since ever. Only counts are kept: a message may hold a row.
type serverLog struct {
	log    live.Log
	counts map[string]int64
}

func (l *serverLog) read(ctx context.Context, e *eyes, r *Reading) {
	if run := e.t.Hook(ctx, "sqlstates"); run != nil {
		counts := map[string]int64{}
		if json.Unmarshal([]byte(run.Last()), &counts) != nil || run.Exit != 0 {
			r.unknown("sqlstates", "the hook sqlstates did not print a JSON object of counts")
			return
		}
		r.States = counts
		return
	}
	found, err := l.log.Read(ctx, e.conn)
	switch {
	case errors.Is(err, live.ErrNoLog):
		r.unknown("sqlstates", "errors are not counted: %v, and no hook sqlstates is given", err)
		return
	case err != nil:
		r.unknown("sqlstates", "%v", err)
		return
	}
	if l.counts == nil {
		l.counts = map[string]int64{}
	}
	for state, n := range found.States {
		l.counts[state] += n
	}
	r.States = maps.Clone(l.counts)
}
