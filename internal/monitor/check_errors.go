package monitor

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/metrics"
)

// maxLog bounds what is read of the server's log in one run; beyond it the rest is left out and the outcome is unknown.
const maxLog = 8 << 20

var errorsCheck = Check{
	Name: "errors",
	Doc: `SQLSTATE 42501 (a policy or a grant refused), 42704 (the context was never set) and 22P02 (it is empty or malformed) in the server's log, where that
is written as CSV or JSON and the session may read it: bad with any since the last run, unknown where there is no such log`,
	Run: func(ctx context.Context, e *eye) Result {
		n, whole, first, err := e.readLog(ctx)
		if err != nil {
			return unknown("%v", err)
		}
		total := 0
		for _, s := range metrics.MonitorStates {
			total += n[s]
			e.o.Stats.Add(metrics.MonitorErrors, float64(n[s]), s)
		}
		switch {
		case first:
			r := unknown("there is no earlier run to compare with")
			r.Quiet = true
			return r
		case total > 0:
			r := bad("%d errors of isolation since the last run", total)
			r.Details = counts(n)
			return r
		case !whole:
			return unknown("the server's log grew by more than %d MiB since the last run", maxLog>>20)
		}
		return fine("none since the last run")
	},
}

// readLog counts the states in what was written since the last run. A log that was rotated is read from its beginning.
func (e *eye) readLog(ctx context.Context) (n map[string]int, whole, first bool, err error) {
	var file, format string
	for _, format = range []string{"jsonlog", "csvlog"} {
		// pg_current_logfile(text) is not known to take jsonlog before 15, and says NULL of a format that is not written.
		err = e.conn.QueryRow(ctx, "SELECT coalesce(pg_catalog.pg_current_logfile($1), '')", format).Scan(&file)
		if err == nil && file != "" {
			break
		}
	}
	if file == "" {
		return nil, false, false, fmt.Errorf("the server writes no log as CSV or JSON that this session may see")
	}
	var size int64
	if err := e.conn.QueryRow(ctx, "SELECT size FROM pg_catalog.pg_stat_file($1)", file).Scan(&size); err != nil {
		return nil, false, false, fmt.Errorf("the server's log may not be read: %w", plainState(err))
	}
	first = e.kept.logFile == ""
	from := e.kept.logAt
	switch {
	case first:
		from = size
	case file != e.kept.logFile || from > size:
		from = 0
	}
	whole = size-from <= maxLog
	var raw []byte
	if err := e.conn.QueryRow(ctx, "SELECT pg_catalog.pg_read_binary_file($1, $2, $3)", file, from, min(size-from, maxLog)).Scan(&raw); err != nil {
		return nil, false, false, fmt.Errorf("the server's log may not be read: %w", plainState(err))
	}
	if whole { // a line that is not whole is read next time
		raw = raw[:wholeLines(raw)]
	}
	e.kept.logFile, e.kept.logAt = file, size
	if whole {
		e.kept.logAt = from + int64(len(raw))
	}
	return countStates(format, raw, e.conn.Config().Database), whole, first, nil
}

// wholeLines is where the last line ends that does not end inside of a quoted field.
func wholeLines(raw []byte) int {
	end := bytes.LastIndexByte(raw, '\n') + 1
	for end > 0 && bytes.Count(raw[:end], []byte{'"'})%2 == 1 {
		end = bytes.LastIndexByte(raw[:end-1], '\n') + 1
	}
	return end
}

// countStates counts the states of one database in a piece of log.
func countStates(format string, raw []byte, database string) map[string]int {
	out := map[string]int{}
	if format == "jsonlog" {
		for line := range bytes.Lines(raw) {
			var l struct {
				State    string `json:"state_code"`
				Database string `json:"dbname"`
			}
			if json.Unmarshal(line, &l) == nil && l.Database == database {
				out[l.State]++
			}
		}
		return watched(out)
	}
	// In a CSV log the database is the third field and the state the thirteenth.
	r := csv.NewReader(bytes.NewReader(raw))
	r.FieldsPerRecord, r.LazyQuotes = -1, true
	for {
		record, err := r.Read()
		if record == nil && err != nil {
			return watched(out)
		}
		if len(record) > 12 && record[2] == database {
			out[record[12]]++
		}
	}
}

func watched(all map[string]int) map[string]int {
	out := map[string]int{}
	for _, s := range metrics.MonitorStates {
		out[s] = all[s]
	}
	return out
}

// plainState is an error without what the server quotes of a path.
func plainState(err error) error {
	_, text, _ := strings.Cut(err.Error(), "(SQLSTATE ")
	return fmt.Errorf("SQLSTATE %s", strings.TrimSuffix(text, ")"))
}
