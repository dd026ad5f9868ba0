package attack

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
)

var function = Probe{
	Name: "function",
	Doc: `reach another tenant's row through a function

A SECURITY DEFINER function acts as its owner. One that takes the tenant or a row's id as an argument, or pastes a text into a
query, answers whoever asks. It is called with the row in place and without it: an answer that differs depends on the row.`,
	Command: "SELECT", Kind: "isolation", Quiet: true, Writes: true,
	Ways: throughDefiners,
	Try:  tryFunction,
}

// throughDefiners are the SECURITY DEFINER functions that touch the table and can be called.
func throughDefiners(t *Target) []*Target {
	var out []*Target
	for i := range t.s.snap.Functions {
		f := &t.s.snap.Functions[i]
		if f.System || f.Extension != "" || !f.SecurityDefiner || f.Kind != "function" || len(f.Arguments) > 5 ||
			!t.s.touches(f, t.Table.Relation) || f.Result == "trigger" || f.Result == "event_trigger" || outside(t.s.snap, f) != "" {
			continue
		}
		u := *t
		if f.Result == "boolean" || f.Result == "void" {
			u.kind = "inference" // a yes or no tells that the row is there, and no more
		}
		u.call, u.Path = f, Path{{"function", f.Identity()}}
		out = append(out, &u)
	}
	return out
}

// maxCalls bounds the combinations of arguments that one function is called with.
const maxCalls = 24

// maxCalling bounds the time that one function is called for.
const maxCalling = 10 * time.Second

// errTooLong says that not every combination of arguments was tried.
var errTooLong = errors.New("not every combination of arguments was tried in time")

// tryFunction calls the function with arguments that aim at the row.
func tryFunction(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
	var last error
	began := time.Now()
	for _, args := range t.arguments(t.call) {
		if time.Since(began) > maxCalling {
			return false, errTooLong
		}
		sql := "SELECT f::text FROM " + pg.Ident(t.call.Schema, t.call.Name) + "(" + strings.Join(args, ", ") + ") AS f"
		reached, err := t.depends(ctx, tx, func(sp pgx.Tx) ([][]*string, error) { return t.query(ctx, sp, sql) })
		if errors.Is(err, errUnstable) || (err != nil && state(err) == "") {
			var rows [][]*string
			rows, err = t.query(ctx, tx, sql)
			reached = t.tells(flat(rows), args...)
		}
		if !reached && err == nil && t.call.Volatility == "volatile" {
			reached, err = t.changed(ctx, tx, func() error { _, err := t.query(ctx, tx, sql); return err })
		}
		if reached {
			t.s.statements = append(t.s.statements[:0], sql)
			return true, nil
		}
		if err != nil && !refused(err) {
			last = err
		}
	}
	return false, last
}

// arguments returns combinations of literals, those that name the tenant and the row first.
func (t *Target) arguments(f *catalog.Function) [][]string {
	out := [][]string{{}}
	for i, oid := range f.ArgumentOIDs {
		var next [][]string
		for _, v := range t.argument(oid) {
			cast := v
			if i < len(f.Arguments) {
				cast += "::" + f.Arguments[i]
			}
			for _, head := range out {
				next = append(next, append(slices.Clone(head), cast))
			}
		}
		out = next[:min(len(next), maxCalls)]
	}
	return out
}

// argument proposes literals for one argument.
func (t *Target) argument(oid uint32) []string {
	var out []string
	add := func(s string) {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	base, _ := t.s.baseType(oid, -1)
	for _, columns := range [][]string{t.tenantColumns(), t.Key} {
		for _, c := range columns {
			col := t.Table.Relation.ColumnByName(c)
			if v := t.Row[c]; col != nil && v != nil && base != nil {
				if b, _ := t.s.baseType(col.TypeOID, -1); b != nil && (b.OID == base.OID || (b.Category == base.Category && b.Category != "U")) {
					add(pg.Literal(*v))
				}
			}
		}
	}
	if base != nil && base.Category == "S" {
		for _, v := range []string{t.Owner.Value, t.Marker, "%", "%' OR 'a'='a", "' OR '1'='1", "x' OR true --", "x') OR true --", "true"} {
			add(pg.Literal(v))
		}
	}
	if base != nil && base.Category == "N" {
		add("'1000'")
	}
	if base != nil && base.Category == "B" {
		add("true")
	}
	add("NULL")
	return out
}

// outside returns why calling a function reaches beyond the transaction, or "".
func outside(snap *catalog.Snapshot, f *catalog.Function) string { return newWalker(snap).function(f) }
