package watch

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
)

// A serverLog reads errors by SQLSTATE out of the server's CSV log, where it has one that the session may read; else from the hook
// sqlstates, which prints a JSON object of counts since ever. Only counts are kept: a message may hold a row.
type serverLog struct {
	file   string
	offset int64
	rest   string
	counts map[string]int64
}

// logChunk bounds what is read of the log at once, and logMost in one look.
const (
	logChunk = 1 << 20
	logMost  = 16 << 20
)

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
	var file *string
	var size int64
	err := e.conn.QueryRow(ctx, `SELECT f, coalesce((pg_catalog.pg_stat_file(f, true)).size, 0) FROM (SELECT pg_catalog.pg_current_logfile('csvlog') AS f) AS l`, pgx.QueryExecModeSimpleProtocol).Scan(&file, &size)
	if err != nil || file == nil {
		r.unknown("sqlstates", "errors are not counted: the server keeps no CSV log that this session may read, and no hook sqlstates is given")
		return
	}
	if l.counts == nil || *file != l.file { // begun now: what was before is not counted
		if l.counts == nil {
			l.counts, l.offset = map[string]int64{}, size
		} else {
			l.offset = 0
		}
		l.file, l.rest = *file, ""
	}
	for read := 0; l.offset < size && read < logMost; {
		var chunk []byte
		err := e.conn.QueryRow(ctx, "SELECT pg_catalog.pg_read_binary_file($1, $2, $3)", l.file, l.offset, min(logChunk, size-l.offset)).Scan(&chunk)
		if err != nil || len(chunk) == 0 {
			r.unknown("sqlstates", "the server's log cannot be read: %s", pg.SQLState(err))
			return
		}
		l.offset, read = l.offset+int64(len(chunk)), read+len(chunk)
		l.take(string(chunk), e.conn.Config().Database)
	}
	r.States = map[string]int64{}
	for state, n := range l.counts {
		r.States[state] = n
	}
}

// The columns of the CSV log, as PostgreSQL documents them.
const (
	csvDatabase = 2
	csvSeverity = 11
	csvState    = 12
)

// take counts the errors of a database in a piece of the log; a line that is not whole is kept for the next.
func (l *serverLog) take(chunk, database string) {
	text := l.rest + chunk
	cut := strings.LastIndexByte(text, '\n')
	for cut >= 0 && strings.Count(text[:cut], `"`)%2 == 1 { // inside of a quoted field
		cut = strings.LastIndexByte(text[:cut], '\n')
	}
	if l.rest = text[cut+1:]; cut < 0 {
		return
	}
	records := csv.NewReader(strings.NewReader(text[:cut+1]))
	records.FieldsPerRecord = -1
	for {
		fields, err := records.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil || len(fields) <= csvState || fields[csvDatabase] != database {
			continue
		}
		if s := fields[csvSeverity]; s == "ERROR" || s == "FATAL" {
			l.counts[fields[csvState]]++
		}
	}
}
