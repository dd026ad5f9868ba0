package attack

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// pair are the two tenants of an attack.
type pair [2]Tenant

// names of the two tenants.
var tenantNames = [2]string{"A", "B"}

// birth makes two tenants: with rows in the root table where there is one, with values of the key's type where there is none,
// and with roles of that name where the context is the role. Where roots cannot be made, two that are there are taken.
func (r *runner) birth(ctx context.Context, tx pgx.Tx) error {
	if r.roleContext {
		return r.birthRoles()
	}
	if r.s.own {
		for i, v := range r.opts.Tenants {
			if err := r.name(i, v); err != nil {
				return err
			}
		}
		return nil
	}
	if root := r.root(); root != nil {
		return r.birthRoots(ctx, tx, root)
	}
	col := r.keyColumn()
	if col == nil {
		return fmt.Errorf("making two tenants: no table has a tenant key")
	}
	values := r.keyValues(col)
	if len(values) < 2 {
		return fmt.Errorf("making two tenants: the key %s does not take two values", col.Name)
	}
	for i := range r.tenants {
		if err := r.name(i, values[i]); err != nil {
			return err
		}
	}
	return nil
}

// name gives a tenant its value and context.
func (r *runner) name(i int, value string) error {
	t := Tenant{Name: tenantNames[i], Value: value}
	if r.maker.contexts {
		var err error
		if t.Context, err = contextOf(r.settings, value, r.users[i], r.opts.Sign); err != nil {
			return err
		}
	}
	r.tenants[i] = t
	return nil
}

// birthRoles takes two roles that an application role may become, and that it is not itself, as the tenants.
func (r *runner) birthRoles() error {
	var names []string
	for _, m := range r.s.snap.Memberships {
		role := r.s.snap.Role(m.Role)
		if slices.Contains(r.roles, m.Member) && m.Set && role != nil && !role.Superuser && !role.BypassRLS && !role.Predefined &&
			!slices.Contains(names, m.Role) {
			names = append(names, m.Role)
		}
	}
	if len(names) < 2 {
		for _, n := range r.roles {
			if !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	if len(names) < 2 {
		return fmt.Errorf("making two tenants: the context is the role, and the application has fewer than two to become")
	}
	slices.Sort(names)
	for i := range r.tenants {
		if err := r.name(i, names[i]); err != nil {
			return err
		}
		r.tenants[i].Role = names[i]
	}
	return nil
}

// root returns the table with one row a tenant, the one that most tables refer to.
func (r *runner) root() *tenancy.Table {
	var best *tenancy.Table
	most := -1
	for _, t := range r.opts.Model.Tables {
		if t.Class != tenancy.Root || len(keyColumns(t)) != 1 {
			continue
		}
		n := 0
		for i := range r.s.snap.Relations {
			for _, k := range r.s.snap.Relations[i].Constraints {
				if k.Kind == "foreign" && k.RefTable == t.Relation.Identity() {
					n++
				}
			}
		}
		if n > most {
			best, most = t, n
		}
	}
	return best
}

// birthRoots makes one root row for each tenant, or takes two that are there.
func (r *runner) birthRoots(ctx context.Context, tx pgx.Tx, root *tenancy.Table) error {
	col := root.Relation.ColumnByName(keyColumns(root)[0])
	if col == nil {
		return fmt.Errorf("making two tenants: the root %s has no key column", root.Relation.Identity())
	}
	var last error
	taken := ""
	for i := range r.tenants {
		made := false
		for _, v := range r.keyValues(col) {
			if v == taken {
				continue
			}
			if last = r.name(i, v); last != nil {
				return last
			}
			delete(r.maker.failed, rowKey{root.Relation.Identity(), tenantNames[i]})
			if last = r.rootRow(ctx, tx, root, col, i); last == nil {
				made, taken = true, v
				break
			}
		}
		if !made {
			return r.takeRoots(ctx, tx, root, col, last)
		}
	}
	return nil
}

// rootRow makes the root row of a tenant; one that a default names may be there already.
func (r *runner) rootRow(ctx context.Context, tx pgx.Tx, root *tenancy.Table, col *catalog.Column, i int) error {
	if slices.Contains(r.defaultTenants(), r.tenants[i].Value) {
		if row, err := r.findRoot(ctx, tx, root, col, r.tenants[i].Value); err == nil && row != nil {
			r.maker.rows[rowKey{root.Relation.Identity(), tenantNames[i]}] = row
			return nil
		}
	}
	_, err := r.maker.row(ctx, tx, root.Relation, r.tenants[i])
	return err
}

// findRoot returns the root row with that key, or nil.
func (r *runner) findRoot(ctx context.Context, tx pgx.Tx, root *tenancy.Table, col *catalog.Column, value string) (*made, error) {
	t := &Target{Table: root, s: r.s}
	return r.maker.find(ctx, tx, root.Relation, t.match([]string{col.Name}, map[string]*string{col.Name: &value}))
}

// defaultTenants are the tenants that roles or databases start in: a session without a context is one of them.
func (r *runner) defaultTenants() []string {
	var out []string
	for _, role := range r.roles {
		for _, d := range r.s.defaults(role) {
			plain := slices.ContainsFunc(r.settings, func(s setting) bool { return s.name == d.Name && len(s.paths) > 0 && len(s.paths[0]) == 0 })
			if plain && d.Value != "" && !slices.Contains(r.opts.Model.Sentinels, d.Value) && !slices.Contains(out, d.Value) {
				out = append(out, d.Value)
			}
		}
	}
	return out
}

// takeRoots takes two tenants that are there, because none could be made.
func (r *runner) takeRoots(ctx context.Context, tx pgx.Tx, root *tenancy.Table, col *catalog.Column, why error) error {
	values, err := r.maker.existingTenants(ctx, tx, root.Relation, col.Name)
	if err != nil {
		return fmt.Errorf("making two tenants: %v; %w", why, err)
	}
	if len(values) < 2 {
		return fmt.Errorf("making two tenants: %w; and %s holds fewer than two", why, root.Relation.Identity())
	}
	for i := range r.tenants {
		if err := r.name(i, values[i]); err != nil {
			return err
		}
		key := rowKey{root.Relation.Identity(), tenantNames[i]}
		delete(r.maker.failed, key)
		row, err := r.findRoot(ctx, tx, root, col, values[i])
		if err != nil || row == nil {
			return fmt.Errorf("making two tenants: reading %s: %v", root.Relation.Identity(), err)
		}
		r.maker.rows[key] = row
	}
	r.note("tenants are two that the database holds: " + why.Error())
	return nil
}

// keyColumn returns the key column of the first table that has one, one that is attacked if there is one.
func (r *runner) keyColumn() *catalog.Column {
	for _, t := range append(slices.Clone(r.tables), r.opts.Model.Tables...) {
		for _, k := range keyColumns(t) {
			if c := t.Relation.ColumnByName(k); c != nil {
				return c
			}
		}
	}
	return nil
}

// keyValues proposes tenant values for a key column, those that are read by most casts first.
func (r *runner) keyValues(col *catalog.Column) []string {
	d := &draft{m: r.maker, rel: r.relationOf(col), fields: map[string]*field{}}
	out := r.defaultTenants()
	if base, mod := r.s.baseType(col.TypeOID, col.TypeMod); base != nil && base.Category == "S" && (mod < 4 || mod >= 40) && !d.checked(col) {
		out = append(out, r.maker.v.uuid(), r.maker.v.uuid())
	}
	for range 4 {
		for _, v := range d.propose(col) {
			if v != "" && !slices.Contains(out, v) {
				out = append(out, v)
			}
		}
	}
	return out
}

// relationOf returns the relation a column is part of.
func (r *runner) relationOf(col *catalog.Column) *catalog.Relation {
	for _, t := range r.opts.Model.Tables {
		if t.Relation.ColumnByName(col.Name) == col {
			return t.Relation
		}
	}
	return &catalog.Relation{}
}
