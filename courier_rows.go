package ringfence

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

// carried are the rows of a statement that a courier carries. They keep the connection until they end.
type carried struct {
	pool      *Pool
	conn      *pgxpool.Conn
	courier   *courier
	ctx       context.Context
	operation string
	tenant    Tenant
	known     *known
	fields    []pgconn.FieldDescription
	values    [][]byte
	stop      func() bool // ends the watch over ctx
	explicit  bool
	ahead     bool // the first row was read
	done      bool // the statement's own result was read
	closed    bool
	tag       pgconn.CommandTag
	err       error
}

var errUnexpected = errors.New("running a statement: the server answered with what no such statement is answered with")

// carry sends a statement with its context and begins to read its result.
func (p *Pool) carry(ctx context.Context, conn *pgxpool.Conn, c *courier, operation string, s scope, explicit bool, sql string, args []any) (*carried, error) {
	r := &carried{pool: p, conn: conn, courier: c, ctx: ctx, operation: operation, tenant: s.tenant, explicit: explicit}
	var err error
	if r.known, err = c.learn(ctx, sql); err == nil {
		err = c.encode(r.known, args)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil { // nothing was sent
		r.closed, r.err = true, p.outcome(ctx, operation, s.tenant, err)
		p.giveBack(conn)
		return r, r.err
	}
	r.fields = r.known.fields
	if ctx.Done() != nil {
		r.stop = context.AfterFunc(ctx, c.interrupt)
	}
	if err := c.send(s, p.cfg.Signer != nil, r.known, explicit); err != nil {
		r.broken(fmt.Errorf("sending a statement: %w", err))
		return r, r.err
	}
	r.begin()
	return r, r.err
}

// begin reads the results before the statement's own, and that one's beginning.
func (r *carried) begin() {
	before := 1
	if r.explicit {
		before = 2
	}
	for before > 0 {
		msg, ok := r.receive()
		if !ok {
			return
		}
		switch msg.(type) {
		case *pgproto3.CommandComplete:
			before--
		case *pgproto3.DataRow: // set_config's
		default:
			r.broken(errUnexpected)
			return
		}
	}
	r.ahead = r.advance()
}

// receive reads a message. It reports false where the server answered with an error, which ends the rows.
func (r *carried) receive() (pgproto3.BackendMessage, bool) {
	msg, err := r.courier.receive()
	if err != nil {
		r.broken(err)
		return nil, false
	}
	if fault, ok := msg.(*pgproto3.ErrorResponse); ok {
		r.fail(pgconn.ErrorResponseToPgError(fault))
		return nil, false
	}
	return msg, true
}

// advance reads the statement's next row, or its end.
func (r *carried) advance() bool {
	for {
		msg, ok := r.receive()
		if !ok {
			return false
		}
		switch msg := msg.(type) {
		case *pgproto3.DataRow:
			r.values = msg.Values
			return true
		case *pgproto3.RowDescription:
			r.describe(msg)
		case *pgproto3.CommandComplete:
			r.tag, r.done, r.values = pgconn.NewCommandTag(string(msg.CommandTag)), true, nil
			return false
		case *pgproto3.EmptyQueryResponse:
			r.done, r.values = true, nil
			return false
		default:
			r.broken(errUnexpected)
			return false
		}
	}
}

// describe takes the server's description where it is not the known one.
func (r *carried) describe(d *pgproto3.RowDescription) {
	same := len(d.Fields) == len(r.fields)
	for i := 0; same && i < len(d.Fields); i++ {
		f := &d.Fields[i]
		same = f.DataTypeOID == r.fields[i].DataTypeOID && f.Format == r.fields[i].Format && f.TypeModifier == r.fields[i].TypeModifier && string(f.Name) == r.fields[i].Name
	}
	if same {
		return
	}
	r.fields = make([]pgconn.FieldDescription, len(d.Fields))
	for i, f := range d.Fields {
		r.fields[i] = pgconn.FieldDescription{Name: string(f.Name), TableOID: f.TableOID, TableAttributeNumber: f.TableAttributeNumber,
			DataTypeOID: f.DataTypeOID, DataTypeSize: f.DataTypeSize, TypeModifier: f.TypeModifier, Format: f.Format}
	}
	r.known.scans = scans{}
	r.courier.forget(r.known)
}

// fail reads up to the end of the flight after an error, which skips all that follows it.
func (r *carried) fail(fault *pgconn.PgError) {
	for {
		msg, err := r.courier.receive()
		if err != nil {
			r.broken(fault)
			return
		}
		if _, ok := msg.(*pgproto3.ReadyForQuery); ok {
			break
		}
	}
	if fault.Code == "26000" { // the server has forgotten what it had prepared: somebody cleaned the session
		r.broken(fault)
		return
	}
	if r.courier.known[r.known.sd.SQL] == r.known && outdates(fault) {
		r.courier.forget(r.known)
	}
	r.end(fault)
}

// broken ends the rows of a connection that cannot be used again.
func (r *carried) broken(err error) {
	r.courier.hangUp()
	if ended := r.ctx.Err(); ended != nil && !errors.Is(err, ended) {
		err = fmt.Errorf("%w: %v", ended, err)
	}
	r.end(err)
}

// finish reads COMMIT's answer and the end of the flight.
func (r *carried) finish() {
	var err error
	for {
		msg, ok := r.receive()
		if !ok {
			return
		}
		switch msg := msg.(type) {
		case *pgproto3.CommandComplete:
			if string(msg.CommandTag) != "COMMIT" {
				err = committed(pgconn.NewCommandTag(string(msg.CommandTag)))
			}
		case *pgproto3.ReadyForQuery:
			r.end(err)
			return
		default:
			r.broken(errUnexpected)
			return
		}
	}
}

// end gives the connection back and keeps the error.
func (r *carried) end(err error) {
	r.closed, r.values = true, nil
	if r.stop != nil && !r.stop() {
		r.courier.hangUp() // its deadline has passed, or is about to
	}
	r.pool.giveBack(r.conn)
	r.conn, r.courier = nil, nil
	r.err = r.pool.outcome(r.ctx, r.operation, r.tenant, err)
}

// Close implements pgx.Rows.
func (r *carried) Close() {
	for !r.closed && !r.done {
		r.advance()
	}
	if !r.closed {
		r.finish()
	}
}

// Next implements pgx.Rows.
func (r *carried) Next() bool {
	if r.closed {
		return false
	}
	if r.ahead || !r.done && r.advance() {
		r.ahead = false
		return true
	}
	r.Close()
	return false
}

// Err implements pgx.Rows.
func (r *carried) Err() error { return r.err }

// CommandTag implements pgx.Rows.
func (r *carried) CommandTag() pgconn.CommandTag { return r.tag }

// Conn implements pgx.Rows: there is no way to the connection.
func (r *carried) Conn() *pgx.Conn { return nil }

// FieldDescriptions implements pgx.Rows.
func (r *carried) FieldDescriptions() []pgconn.FieldDescription { return r.fields }

// TypeMap implements pgx.Rows: nil when the rows have ended.
func (r *carried) TypeMap() *pgtype.Map {
	if r.closed {
		return nil
	}
	return r.courier.conn.TypeMap()
}

// RawValues implements pgx.Rows.
func (r *carried) RawValues() [][]byte { return r.values }

// Values implements pgx.Rows.
func (r *carried) Values() ([]any, error) {
	if r.closed {
		return nil, r.afterEnd()
	}
	all := make([]any, len(r.fields))
	for i, raw := range r.values {
		var err error
		if all[i], err = decode(r.courier.conn.TypeMap(), r.fields[i], raw); err != nil {
			r.giveUp(err)
			return nil, err
		}
	}
	return all, nil
}

// decode turns a column into the Go value that pgx makes of its type.
func decode(m *pgtype.Map, f pgconn.FieldDescription, raw []byte) (any, error) {
	if raw == nil {
		return nil, nil
	}
	if t, ok := m.TypeForOID(f.DataTypeOID); ok {
		return t.Codec.DecodeValue(m, f.DataTypeOID, f.Format, raw)
	}
	if f.Format == pgtype.TextFormatCode {
		return string(raw), nil
	}
	return append([]byte(nil), raw...), nil
}

// Scan implements pgx.Rows.
func (r *carried) Scan(dest ...any) error {
	if r.closed || r.values == nil {
		return r.afterEnd()
	}
	if len(dest) == 1 {
		if scanner, ok := dest[0].(pgx.RowScanner); ok {
			return scanner.ScanRow(r)
		}
	}
	if err := r.scan(dest); err != nil {
		r.giveUp(err)
		return err
	}
	return nil
}

func (r *carried) scan(dest []any) error {
	if len(dest) != len(r.values) || len(dest) != len(r.fields) {
		return fmt.Errorf("number of field descriptions must equal number of destinations, got %d and %d", len(r.fields), len(dest))
	}
	plans := r.known.scans.plan(r.courier.conn.TypeMap(), r.fields, dest)
	for i, d := range dest {
		if d == nil {
			continue
		}
		if err := plans[i].Scan(r.values[i], d); err != nil {
			return pgx.ScanArgError{ColumnIndex: i, FieldName: r.fields[i].Name, Err: err}
		}
	}
	return nil
}

// giveUp ends the rows after an error of the caller's own destinations. The statement itself has run.
func (r *carried) giveUp(err error) {
	r.Close()
	if r.err == nil {
		r.err = err
	}
}

func (r *carried) afterEnd() error {
	if r.err != nil {
		return r.err
	}
	return errRowsEnded
}
