// Package live reads what a running database tells of its work, beside its catalogue: the errors in its log, and what its statements
// did. It gives counts; neither a statement's text nor a message, which may hold a row, leaves it.
//
// To add a source: a file of its own, with a function or type that reads it on a connection of the caller's.
package live

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
)

// ErrNoLog says that there is no log to read.
var ErrNoLog = errors.New("the server writes no log as CSV or JSON that this session may see")

// logChunk bounds what is asked of the server at once, and LogMost what is read in one look.
const (
	logChunk = 1 << 20
	LogMost  = 16 << 20
)

// A Log counts the errors of one database by SQLSTATE, as the server's log tells them. The first Read begins at the log's end; what was
// there before is not counted. The zero Log is ready; it is not safe for concurrent use.
type Log struct {
	file, format string
	at           int64  // of what was read
	rest         []byte // the beginning of a line that was not whole
	begun        bool
}

// Errors are what one Read found.
type Errors struct {
	States map[string]int64 // since the last Read
	First  bool             // there was none before
	Whole  bool             // all was read; else the next Read goes on where this one ended
}

// Read reads what was written since the last Read. Of a log that goes on in another file the rest is read first, where it is there
// still; one that was cut is read from its beginning. Errors: ErrNoLog, and the SQLSTATE by which the server refuses.
func (l *Log) Read(ctx context.Context, conn *pgx.Conn) (Errors, error) {
	out := Errors{States: map[string]int64{}, First: !l.begun}
	file, format := current(ctx, conn)
	if file == "" {
		return out, ErrNoLog
	}
	left := int64(LogMost)
	if l.begun && file != l.file {
		err := l.read(ctx, conn, &left, &out)
		if err != nil && pg.SQLState(err) != undefinedFile {
			return out, refusal(err)
		}
		if err == nil && !out.Whole {
			return out, nil
		}
		l.at, l.rest = 0, nil
	}
	l.file, l.format = file, format
	if err := l.read(ctx, conn, &left, &out); err != nil {
		return out, refusal(err)
	}
	return out, nil
}

const undefinedFile = "58P01"

// read reads on in the log's file, at most what is left, and begins at its end where nothing was begun.
func (l *Log) read(ctx context.Context, conn *pgx.Conn, left *int64, out *Errors) error {
	var size int64
	if err := conn.QueryRow(ctx, "SELECT size FROM pg_catalog.pg_stat_file($1)", l.file).Scan(&size); err != nil {
		return err
	}
	switch {
	case !l.begun:
		l.at, l.begun = size, true
	case size < l.at:
		l.at, l.rest = 0, nil
	}
	for end := min(size, l.at+*left); l.at < end; {
		var chunk []byte
		if err := conn.QueryRow(ctx, "SELECT pg_catalog.pg_read_binary_file($1, $2, $3)", l.file, l.at, min(logChunk, end-l.at)).Scan(&chunk); err != nil {
			return err
		}
		if len(chunk) == 0 {
			break // it was cut meanwhile
		}
		l.at += int64(len(chunk))
		*left -= int64(len(chunk))
		l.take(chunk, conn.Config().Database, out.States)
	}
	out.Whole = l.at >= size
	return nil
}

// current is the log that the server writes now, and its form. pg_current_logfile is not known to take jsonlog before 15, may be
// withheld from the session, and says NULL of a form that is not written.
func current(ctx context.Context, conn *pgx.Conn) (file, format string) {
	for _, format := range []string{"jsonlog", "csvlog"} {
		if err := conn.QueryRow(ctx, "SELECT coalesce(pg_catalog.pg_current_logfile($1), '')", format).Scan(&file); err == nil && file != "" {
			return file, format
		}
	}
	return "", ""
}

// refusal is the server's error without what it quotes of a path.
func refusal(err error) error {
	if state := pg.SQLState(err); state != "" {
		return fmt.Errorf("the server's log may not be read: SQLSTATE %s", state)
	}
	return fmt.Errorf("reading the server's log: %w", err)
}

// take counts the errors of a database in a piece of the log; a line that is not whole is kept for the next, up to LogMost.
func (l *Log) take(chunk []byte, database string, states map[string]int64) {
	text := append(l.rest, chunk...)
	cut := bytes.LastIndexByte(text, '\n') + 1
	for l.format != "jsonlog" && cut > 0 && bytes.Count(text[:cut], []byte{'"'})%2 == 1 { // inside of a quoted field
		cut = bytes.LastIndexByte(text[:cut-1], '\n') + 1
	}
	if l.rest = bytes.Clone(text[cut:]); len(l.rest) > LogMost {
		l.rest = nil
	}
	if l.format == "jsonlog" {
		countJSON(text[:cut], database, states)
		return
	}
	countCSV(text[:cut], database, states)
}

// failed reports whether a line of that severity is an error that a client met.
func failed(severity string) bool {
	return severity == "ERROR" || severity == "FATAL" || severity == "PANIC"
}

func countJSON(text []byte, database string, states map[string]int64) {
	for line := range bytes.Lines(text) {
		var l struct {
			State    string `json:"state_code"`
			Database string `json:"dbname"`
			Severity string `json:"error_severity"`
		}
		if json.Unmarshal(line, &l) == nil && l.Database == database && failed(l.Severity) {
			states[l.State]++
		}
	}
}

// The columns of the CSV log, as PostgreSQL documents them.
const (
	csvDatabase = 2
	csvSeverity = 11
	csvState    = 12
)

func countCSV(text []byte, database string, states map[string]int64) {
	records := csv.NewReader(bytes.NewReader(text))
	records.FieldsPerRecord, records.LazyQuotes = -1, true
	for {
		fields, err := records.Read()
		if fields == nil && err != nil {
			return
		}
		if len(fields) > csvState && fields[csvDatabase] == database && failed(fields[csvSeverity]) {
			states[fields[csvState]]++
		}
	}
}
