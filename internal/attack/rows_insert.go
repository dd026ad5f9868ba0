package attack

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
)

// An identity is who inserts, and whether in the tenant's context.
type identity struct {
	role    string // "": the session itself
	context bool
}

// ladder returns who may make a row of the relation, in order: the owner first, with its own policies in force; the session
// itself where it sees all rows. Triggers and constraints are on for all of them.
func (m *maker) ladder(rel *catalog.Relation, tenant Tenant) []identity {
	if m.s.own {
		return []identity{{"", true}}
	}
	contexts := []bool{false}
	if m.contexts && (len(tenant.Context) > 0 || tenant.Role != "") {
		contexts = []bool{true, false}
	}
	var out []identity
	for _, c := range contexts {
		out = append(out, identity{rel.Owner, c})
	}
	if m.s.seesAll {
		for _, c := range contexts {
			out = append(out, identity{"", c})
		}
	}
	return out
}

// insert puts the draft into its table, mending it after each refusal, until it holds or nothing is left to try.
func (d *draft) insert(ctx context.Context, tx pgx.Tx) (*made, error) {
	for range d.m.limit {
		r, err := d.try(ctx, tx)
		if err == nil {
			return r, nil
		}
		e := pg.ServerError(err)
		if e == nil {
			return nil, &Unmade{Table: d.rel.Identity(), Why: err.Error()}
		}
		if !d.mend(ctx, tx, e) {
			return nil, &Unmade{Table: d.rel.Identity(), Constraint: culprit(e), Why: "SQLSTATE " + e.Code}
		}
	}
	return nil, &Unmade{Table: d.rel.Identity(), Why: fmt.Sprintf("no acceptable row in %d attempts", d.m.limit)}
}

// culprit names what refused: a constraint, a column, a data type, or the function that raised. Never a value.
func culprit(e *pgconn.PgError) string {
	switch {
	case e.ConstraintName != "":
		return e.ConstraintName
	case e.ColumnName != "":
		return "column " + e.ColumnName
	case e.DataTypeName != "":
		return "type " + e.DataTypeName
	}
	if _, after, ok := strings.Cut(e.Where, "function "); ok {
		name, _, _ := strings.Cut(after, " ")
		return "function " + name
	}
	return ""
}

// try inserts as each identity in turn; a refusal by privilege or policy, or a trigger that raises, is met by the next.
func (d *draft) try(ctx context.Context, tx pgx.Tx) (*made, error) {
	var first error
	for _, id := range d.m.ladder(d.rel, d.tenant) {
		r, err := d.as(ctx, tx, id)
		if err == nil {
			return r, nil
		}
		if first == nil {
			first = err
		}
		if code := state(err); len(code) == 5 && code[:2] == "23" {
			return nil, err // a constraint: nobody's identity changes that
		}
	}
	return nil, first
}

// as inserts as one identity and leaves the transaction as it was, but for the row.
func (d *draft) as(ctx context.Context, tx pgx.Tx, id identity) (*made, error) {
	var out *made
	err := within(ctx, tx, func(sp pgx.Tx) error {
		if err := d.m.take(ctx, sp, id, d.tenant); err != nil {
			return err
		}
		row := d.row()
		names := []string{"tableoid"}
		for _, c := range d.rel.Columns {
			names = append(names, pg.Ident(c.Name))
		}
		rows, err := query(ctx, sp, insertSQL(tableName(d.rel), row)+" RETURNING "+strings.Join(names, ", "))
		if err != nil {
			return err
		}
		if len(rows) != 1 {
			return fmt.Errorf("a trigger or rule swallowed the row")
		}
		out = d.m.read(d.rel, rows[0])
		out.given = row
		if err := d.verify(out); err != nil {
			return err
		}
		return d.m.s.leave(ctx, sp, d.tenant, id.context)
	})
	return out, err
}

// take becomes the identity.
func (m *maker) take(ctx context.Context, tx pgx.Tx, id identity, tenant Tenant) error {
	if id.role != "" {
		if err := m.s.asRole(ctx, tx, id.role); err != nil {
			return err
		}
	} else if _, err := query(ctx, tx, "SET LOCAL search_path = DEFAULT; SET LOCAL row_security = on"); err != nil {
		return err
	}
	if id.context {
		tenant.Role = "" // the owner makes the row; only its settings are the tenant's
		return m.s.setContext(ctx, tx, tenant)
	}
	return nil
}

// leave goes back to the session's own role and empties the context, inside the savepoint that keeps the row.
func (s *session) leave(ctx context.Context, tx pgx.Tx, t Tenant, context bool) error {
	if err := s.step(ctx, tx, ""); err != nil {
		return err
	}
	if !context {
		return nil
	}
	empty := Tenant{Context: map[string]string{}}
	for name := range t.Context {
		empty.Context[name] = ""
	}
	return s.setContext(ctx, tx, empty)
}

// verify makes sure that the row is the tenant's and carries the marker: a trigger may have changed either.
func (d *draft) verify(r *made) error {
	if d.tenant.Name != "" && d.tenant.Value != "" {
		for _, k := range d.m.s.keysOf(d.rel) {
			if v := r.values[k]; v == nil || strings.TrimRight(*v, " ") != strings.TrimRight(d.tenant.Value, " ") {
				return fmt.Errorf("a trigger or type changed the tenant key %s", k)
			}
		}
	}
	for _, v := range r.values {
		if v != nil && d.marker != "" && strings.Contains(*v, d.marker) {
			r.marker = d.marker
		}
	}
	return nil
}

func toFloat(s string) float64 {
	f, _ := strconv.ParseFloat(s, 64) // the caller's expression matches numbers only
	return f
}
