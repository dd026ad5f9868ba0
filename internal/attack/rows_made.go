package attack

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// A made row is one that the attack may aim at.
type made struct {
	rel      *catalog.Relation
	stored   *catalog.Relation  // the partition it is stored in, else rel
	values   map[string]*string // every column, as the server returned it
	given    map[string]*string // the columns that the INSERT named
	marker   string             // text that occurs in it and nowhere else
	existing bool               // found, not made: to be read only
}

// An Unmade says why a table's rows could not be made, with the constraint, trigger or policy that stood in the way.
type Unmade struct {
	Table      string `json:"table"`
	Constraint string `json:"constraint,omitempty"`
	Why        string `json:"why"`
}

// Error returns the reason in one line.
func (u *Unmade) Error() string {
	if u.Constraint == "" {
		return fmt.Sprintf("making a row in %s: %s", u.Table, u.Why)
	}
	return fmt.Sprintf("making a row in %s: %s: %s", u.Table, u.Constraint, u.Why)
}

// A maker makes rows for tenants, parents first. What it makes stays in the transaction it is given.
type maker struct {
	s        *session
	v        *values
	model    *tenancy.Model
	tables   map[string]*tenancy.Table
	rows     map[rowKey]*made
	failed   map[rowKey]*Unmade
	busy     map[rowKey]bool
	refusals map[string]string            // tables not to be written to, by identity, with the reason
	reserved map[rowKey]map[string]string // key values promised to rows that refer to one another
	private  bool                         // rows that all share are made for each tenant instead
	contexts bool                         // whether tenants' contexts may be set
	limit    int                          // attempts for one row
}

// rowKey names the row of one tenant in one table; tenant "" is a row that all share.
type rowKey struct{ relation, tenant string }

// newMaker returns a maker over the model's tables.
func newMaker(s *session, m *tenancy.Model, seed uint64, limit int) *maker {
	mk := &maker{s: s, model: m, limit: limit, tables: map[string]*tenancy.Table{}, rows: map[rowKey]*made{}, failed: map[rowKey]*Unmade{},
		busy: map[rowKey]bool{}, reserved: map[rowKey]map[string]string{}}
	mk.v = &values{s: s, random: rand.New(rand.NewPCG(seed, seed>>7))}
	for _, t := range m.Tables {
		mk.tables[t.Relation.Identity()] = t
	}
	return mk
}

// forget drops what was made, after its savepoint was rolled back.
func (m *maker) forget() {
	m.rows, m.failed = map[rowKey]*made{}, map[rowKey]*Unmade{}
	m.reserved = map[rowKey]map[string]string{}
}

// row returns the tenant's row in a table, and makes it, parents first, when there is none. The error is an *Unmade.
func (m *maker) row(ctx context.Context, tx pgx.Tx, rel *catalog.Relation, tenant Tenant) (*made, error) {
	key := rowKey{rel.Identity(), tenant.Name}
	if r := m.rows[key]; r != nil {
		return r, nil
	}
	if u := m.failed[key]; u != nil {
		return nil, u
	}
	if why := m.refusals[rel.Identity()]; why != "" {
		return nil, &Unmade{Table: rel.Identity(), Why: why}
	}
	m.busy[key] = true
	defer delete(m.busy, key)
	r, err := m.settle(ctx, tx, rel, tenant)
	if err != nil && m.s.own { // a parent that only others may make, and that is there
		if seen, look := m.visible(ctx, tx, rel, tenant); look == nil && seen != nil {
			r, err = seen, nil
		}
	}
	if err != nil {
		u, ok := err.(*Unmade)
		if !ok {
			u = &Unmade{Table: rel.Identity(), Why: err.Error()}
		}
		m.failed[key] = u
		return nil, u
	}
	delete(m.reserved, key) // kept: the next row of the tenant's is free again
	m.rows[key] = r
	return r, nil
}

// settle drafts a row and inserts it.
func (m *maker) settle(ctx context.Context, tx pgx.Tx, rel *catalog.Relation, tenant Tenant) (*made, error) {
	d, err := m.draft(ctx, tx, rel, tenant)
	if err != nil {
		return nil, err
	}
	return d.insert(ctx, tx)
}

// spare returns the values of a second row of the tenant's that the table would accept; it is not left in the table.
func (m *maker) spare(ctx context.Context, tx pgx.Tx, rel *catalog.Relation, tenant Tenant) (map[string]*string, error) {
	if why := m.refusals[rel.Identity()]; why != "" {
		return nil, &Unmade{Table: rel.Identity(), Why: why}
	}
	var out map[string]*string
	err := undone(ctx, tx, func(sp pgx.Tx) error {
		r, err := m.settle(ctx, sp, rel, tenant)
		if err == nil {
			out = r.given
		}
		return err
	})
	return out, err
}

// shared returns some row of a table that belongs to no tenant: one that is there, else one that is made.
func (m *maker) shared(ctx context.Context, tx pgx.Tx, rel *catalog.Relation) (*made, error) {
	key := rowKey{rel.Identity(), ""}
	if r := m.rows[key]; r != nil {
		return r, nil
	}
	if r, err := m.find(ctx, tx, rel, ""); err == nil && r != nil {
		m.rows[key] = r
		return r, nil
	}
	return m.row(ctx, tx, rel, Tenant{})
}
