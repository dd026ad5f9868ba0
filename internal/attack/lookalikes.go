package attack

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
)

// lookalikes returns values that other tenants may bear and that a careless comparison takes for the owner's: in another
// case, cut, grown, padded, a pattern, or alike in the first 63 bytes. Empty where the key's type has no such values.
func (t *Target) lookalikes() []string {
	columns := keyColumns(t.Table)
	if len(columns) == 0 {
		return nil
	}
	col := t.Table.Relation.ColumnByName(columns[0])
	if col == nil || len(t.Owner.Value) < 2 || t.Owner.Role != "" {
		return nil
	}
	v := t.Owner.Value
	switch base, _ := t.s.baseType(col.TypeOID, col.TypeMod); {
	case base == nil:
		return nil
	case base.Category == "N":
		return []string{v[:len(v)-1]}
	case base.Category != "S":
		return nil
	}
	out := []string{strings.ToUpper(v), strings.ToLower(v), v[:len(v)-1], v[:1], v + " ", "_" + v[1:], v[:1] + "%"}
	var different []string
	for _, x := range out {
		if x != v {
			different = append(different, x)
		}
	}
	return different
}

// alike runs the stranger's half as each lookalike that can be a tenant of its own: its row is made, and it must read that row.
func (r *runner) alike(ctx context.Context, tx pgx.Tx, p Probe, role string, t *Target) []half {
	var out []half
	for _, v := range t.lookalikes() {
		var h half
		err := undone(ctx, tx, func(sp pgx.Tx) error {
			if err := r.s.step(ctx, sp, ""); err != nil {
				return err
			}
			actor := Tenant{Name: "lookalike", Value: v}
			var err error
			if actor.Context, err = contextOf(r.settings, v, "", r.opts.Sign); err != nil {
				return err
			}
			row, err := r.maker.row(ctx, sp, t.Table.Relation, actor)
			if err != nil {
				return err
			}
			own := *t
			own.Row, own.Owner = row.values, actor
			if c := r.run(ctx, sp, read, own.as(role, actor)); !c.reached {
				return errNoRow
			}
			h = r.run(ctx, sp, p, t.as(role, actor))
			return nil
		})
		r.maker.forgetTenant("lookalike")
		if err == nil {
			out = append(out, h)
		}
		if h.reached {
			break
		}
	}
	if len(out) == 0 {
		out = append(out, half{ran: true, err: errNoLookalike})
	}
	return out
}

// forgetTenant drops what was made for one tenant, after its savepoint was rolled back.
func (m *maker) forgetTenant(name string) {
	for k := range m.rows {
		if k.tenant == name {
			delete(m.rows, k)
		}
	}
	for k := range m.failed {
		if k.tenant == name {
			delete(m.failed, k)
		}
	}
	for k := range m.reserved {
		if k.tenant == name {
			delete(m.reserved, k)
		}
	}
}
