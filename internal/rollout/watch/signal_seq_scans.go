package watch

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/rollout"
)

// floorSeqRows is how many rows a call must be read by sequential scans of a table to be worth a word.
const floorSeqRows = 1000

var seqScans = Kind{
	Name:     "seq_scans",
	Doc:      `a table that is read from end to end more than five times as much as before, measured against calls, and by a thousand rows a call: its index is not used`,
	Severity: 3,
	Judge: func(v *View) []rollout.Signal {
		if v.Base == nil || len(v.Spans) == 0 {
			return nil
		}
		var out []rollout.Signal
		span := v.Spans[len(v.Spans)-1]
		n, _, _ := span.sum()
		before := float64(max(1, total(v.Base)))
		for _, table := range v.Tables {
			was := float64(v.Base.Tables[table].SeqRows) / before
			read := float64(span.To.Tables[table].SeqRows - span.From.Tables[table].SeqRows)
			// What the watch itself may have read, every minute as two tenants, is not the application's.
			read -= (span.To.At.Sub(span.From.At).Minutes() + 1) * 2 * float64(2*canaryBound+span.To.Tables[table].Live)
			is := read / float64(max(1, n))
			if n >= timedLeast && is > 5*was && is-was >= floorSeqRows {
				out = append(out, rollout.Signal{Tables: []string{table}, Value: fmt.Sprintf("%.0f rows a call, was %.0f", is, was),
					Why: fmt.Sprintf("sequential scans of %s read %.0f rows a call, %.0f before", table, is, was)})
			}
		}
		return out
	},
}
