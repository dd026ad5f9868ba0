package ringfence

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

// rows are a statement's rows with what has to be done when they end. They give no connection away.
type rows struct {
	inner     pgx.Rows
	results   pgx.BatchResults // of the flight that the rows came in; nil where they came alone
	pool      *Pool
	conn      *pgxpool.Conn // to be given back at the end; nil where a Tx or a batch keeps it
	ctx       context.Context
	operation string
	tenant    Tenant
	commits   bool // COMMIT follows
	closed    bool
	err       error
	tag       pgconn.CommandTag
}

// failedRows are rows of what was not sent.
func failedRows(err error) pgx.Rows { return &rows{closed: true, err: err} }

// start sends a flight and begins to read the statement's result.
func (r *rows) start(f *flight) {
	conn := r.conn
	var err error
	if r.results, err = f.send(r.ctx, conn); err == nil {
		r.inner, err = r.results.Query()
	}
	if err != nil {
		r.end(err)
	}
}

// Close reads what is left, COMMIT's answer included, and gives the connection back.
func (r *rows) Close() {
	if r.closed {
		return
	}
	r.inner.Close()
	r.tag = r.inner.CommandTag()
	err := r.inner.Err()
	if err == nil && r.commits {
		err = readCommit(r.results)
	}
	r.end(err)
}

// end closes the flight and keeps the first error.
func (r *rows) end(err error) {
	r.closed = true
	if r.results != nil {
		err = finish(r.results, err)
	}
	if r.conn != nil {
		r.pool.giveBack(r.conn)
		r.conn = nil
	}
	r.err = r.pool.outcome(r.ctx, r.operation, r.tenant, err)
}

// Err implements pgx.Rows.
func (r *rows) Err() error {
	if r.err == nil && !r.closed {
		return r.inner.Err()
	}
	return r.err
}

// Next implements pgx.Rows.
func (r *rows) Next() bool {
	if r.closed {
		return false
	}
	if r.inner.Next() {
		return true
	}
	r.Close()
	return false
}

// Scan implements pgx.Rows. A pgx.RowScanner gets these rows, not those beneath, which know the connection.
func (r *rows) Scan(dest ...any) error {
	if r.closed {
		return r.afterEnd()
	}
	if len(dest) == 1 {
		if scanner, ok := dest[0].(pgx.RowScanner); ok {
			return scanner.ScanRow(r)
		}
	}
	if err := r.inner.Scan(dest...); err != nil {
		r.Close()
		return err
	}
	return nil
}

// Values implements pgx.Rows.
func (r *rows) Values() ([]any, error) {
	if r.closed {
		return nil, r.afterEnd()
	}
	values, err := r.inner.Values()
	if err != nil {
		r.Close()
	}
	return values, err
}

// afterEnd is the error of reading rows that have ended.
func (r *rows) afterEnd() error {
	if r.err != nil {
		return r.err
	}
	return errRowsEnded
}

// RawValues implements pgx.Rows.
func (r *rows) RawValues() [][]byte {
	if r.closed {
		return nil
	}
	return r.inner.RawValues()
}

// FieldDescriptions implements pgx.Rows: nil when the rows have ended, since the connection may be another's then.
func (r *rows) FieldDescriptions() []pgconn.FieldDescription {
	if r.closed || r.inner == nil {
		return nil
	}
	return r.inner.FieldDescriptions()
}

// CommandTag implements pgx.Rows.
func (r *rows) CommandTag() pgconn.CommandTag { return r.tag }

// TypeMap implements pgx.Rows: nil when the rows have ended.
func (r *rows) TypeMap() *pgtype.Map {
	if r.closed || r.inner == nil {
		return nil
	}
	return r.inner.TypeMap()
}

// Conn implements pgx.Rows: there is no way to the connection.
func (r *rows) Conn() *pgx.Conn { return nil }

// row is the first of some rows.
type row struct {
	rows pgx.Rows
	err  error
}

// Scan implements pgx.Row.
func (r *row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	defer r.rows.Close()
	for _, d := range dest {
		if _, ok := d.(*pgtype.DriverBytes); ok {
			return errDriverBytes
		}
	}
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return pgx.ErrNoRows
	}
	if err := r.rows.Scan(dest...); err != nil {
		return err
	}
	r.rows.Close()
	return r.rows.Err()
}
