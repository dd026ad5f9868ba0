package catalog

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// A query is one of the fixed list: what it reads, its text, and what takes one of its rows.
// Its result columns are of the types that row can read: oid, oid[], int2, int4, int8, int2[], float4, boolean, text, text[].
type query struct {
	name string
	sql  string
	args []string // in text form
	need string   // a catalogue that a hardened server may hide; then the query is left out and that is noted
	take func(*row)
}

// run sends all queries in one round trip and feeds every row to its query's take, in order.
// The first error ends it, naming the query.
func run(ctx context.Context, conn *pgconn.PgConn, queries []query) error {
	p := conn.StartPipeline(ctx)
	for _, q := range queries {
		args := make([][]byte, len(q.args))
		for i, a := range q.args {
			args[i] = []byte(a)
		}
		p.SendQueryParams(q.sql, args, nil, nil, []int16{1})
	}
	err := p.Sync()
	for i := 0; err == nil && i < len(queries); i++ {
		if err = takeAll(p, queries[i]); err != nil {
			err = fmt.Errorf("reading %s: %w", queries[i].name, err)
		}
	}
	if closeErr := p.Close(); err == nil && closeErr != nil {
		err = fmt.Errorf("reading the catalogue: %w", closeErr)
	}
	return err
}

func takeAll(p *pgconn.Pipeline, q query) error {
	result, err := p.GetResults()
	if err != nil {
		return err
	}
	rows, ok := result.(*pgconn.ResultReader)
	if !ok {
		return fmt.Errorf("unexpected answer %T", result)
	}
	r := &row{}
	for rows.NextRow() {
		r.values, r.next = rows.Values(), 0
		q.take(r)
		if r.err == nil && r.next != len(r.values) {
			r.err = fmt.Errorf("%d of %d columns read", r.next, len(r.values))
		}
		if r.err != nil {
			break
		}
	}
	if _, err := rows.Close(); err != nil {
		return err
	}
	return r.err
}

// oidList is the text form of an oid[] parameter.
func oidList(oids []uint32) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, o := range oids {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatUint(uint64(o), 10))
	}
	b.WriteByte('}')
	return b.String()
}

// textList is the text form of a text[] parameter.
func textList(items []string) string {
	quoted := make([]string, len(items))
	for i, s := range items {
		quoted[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
	}
	return "{" + strings.Join(quoted, ",") + "}"
}
