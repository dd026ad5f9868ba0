// Package impact says who would lose or gain which rows, before anything is enforced: by logic for each role, table and command, and
// by counting, for a few tenants in their own context, the rows that are visible today and would not be then. It also makes the
// plan of the mode that refuses nothing and counts what enforcing would refuse (observe).
//
// That every application role loses other tenants' rows is the aim. Unexpected is what nobody wants to lose: a tenant's own rows, and
// rows that would belong to nobody because their key is NULL, a sentinel or no tenant's. These stop an application (gate.go).
//
// To add a cause of loss: its constant and fix here, and its column in countSQL and scanCounts (count.go), with a fixture that counts it.
package impact

import (
	"github.com/ringfencehq/ringfence/internal/plan"
)

// SchemaVersion names the JSON form of a Document.
const SchemaVersion = "ringfence/impact/v1"

// A Document says what a plan takes from whom and gives to whom. Tables are sorted by identity.
type Document struct {
	Schema  string         `json:"schema"`
	Server  map[string]any `json:"server"`
	Impact  []Table        `json:"impact"`
	Revoked []Revoked      `json:"revoked"` // privileges that the plan takes, in its order
	Summary Summary        `json:"summary"`
}

// A Revoked is what a role may do to an object today and may not then, whatever the rows.
type Revoked struct {
	Object     string   `json:"object"`
	Role       string   `json:"role"` // "": PUBLIC
	Privileges []string `json:"privileges"`
	Columns    []string `json:"columns,omitempty"`
}

// A Summary counts a Document.
type Summary struct {
	Tables     int   `json:"tables"`
	Unexpected int   `json:"unexpected"` // tables with an unexpected loss that nobody accepted
	Unknown    int   `json:"unknown"`    // tables of which it is not known, and nobody accepted that
	Accepted   int   `json:"accepted"`
	Rows       int64 `json:"rows"` // rows of unexpected losses that nobody accepted
}

// A Table is what the plan does to the rows of one table.
type Table struct {
	Table   string   `json:"table"`
	Effects []Effect `json:"effects"` // by role and command, from logic
	// Losses are rows counted, visible to some application role before and not after, by cause; what is expected among them too.
	Losses  []Loss   `json:"losses"`
	Tenants []Tenant `json:"tenants"` // the ones that were sampled
	Counted Counted  `json:"counted"`
	// Unknown says why it could not be counted; empty: it was.
	Unknown  string    `json:"unknown,omitempty"`
	Accepted *Accepted `json:"accepted"`
}

// A Counted says how far the counts can be relied on.
type Counted struct {
	Exact bool    `json:"exact"` // every row of the table was looked at
	Rows  int64   `json:"rows"`  // looked at
	Share float64 `json:"share"` // of the table's pages, 1 for all
}

// An Effect is what becomes of one command of one role on the table, by logic.
type Effect struct {
	Role    string `json:"role"`
	Command string `json:"command"`
	Before  Extent `json:"before"`
	After   Extent `json:"after"`
	Change  string `json:"change"` // loses, gains, none, unknown
	Why     string `json:"why,omitempty"`
}

// An Extent says which rows a command of a role reaches.
type Extent string

// The extents.
const (
	EveryTenant Extent = "every tenant's rows"
	OwnTenant   Extent = "the tenant's own rows"
	Everything  Extent = "every row of reference data"
	NoRow       Extent = "no row"
	NotKnown    Extent = "unknown"
)

// A Cause says why a row is not visible any more.
type Cause string

// The causes. All but Foreign and NoContext are unexpected.
const (
	Foreign     Cause = "foreign"      // another tenant's rows: the aim
	NoContext   Cause = "no_context"   // statements that name no tenant, which see nothing then: observe counts these
	OwnRow      Cause = "own_row"      // the tenant's own, directly or by its parent
	NullKey     Cause = "null_key"     // the key is NULL, or no parent says whose it is
	SentinelKey Cause = "sentinel_key" // 0, the nil UUID, the empty string: a value that stands for no tenant
	OrphanKey   Cause = "orphan_key"   // a key that is no tenant's
)

// A Loss counts the rows that some application role sees today and would not see then. The most of any sampled tenant is given:
// rows that belong to nobody are lost to each.
type Loss struct {
	Cause      Cause  `json:"cause"`
	Rows       int64  `json:"rows"`
	Unexpected bool   `json:"unexpected"`
	Fix        string `json:"fix,omitempty"`
}

// A Tenant is what one sampled tenant sees of the table in its own context. An empty name is a session without context.
type Tenant struct {
	Tenant string `json:"tenant"`
	Role   string `json:"role"`
	Own    int64  `json:"own"` // rows that are its own
	Before int64  `json:"before"`
	After  int64  `json:"after"`
	Lost   int64  `json:"lost"` // its own, visible before and not after
}

// An Accepted is a loss that somebody takes, from ringfence.yaml or by a flag.
type Accepted struct {
	Reason string `json:"reason"`
	By     string `json:"by"`
	Until  string `json:"until"`
}

// unexpected are the causes that nobody wants, with what to do about each.
var unexpected = map[Cause]string{
	OwnRow:      "a policy that stays, or a key that disagrees with the parent's, hides the tenant's own rows: correct the key, or the policy",
	NullKey:     "fill in the key of these rows (UPDATE … SET key = its tenant), or move what is shared by all to a table of reference data",
	SentinelKey: "give these rows their tenant, or move what is shared by all to a table of reference data",
	OrphanKey:   "the tenant of these rows is not there: restore it, correct the key, or delete them",
}

// summarize counts a document's tables.
func summarize(tables []Table) Summary {
	s := Summary{Tables: len(tables)}
	for _, t := range tables {
		switch {
		case t.Accepted != nil && (t.Unknown != "" || t.unexpectedRows() > 0):
			s.Accepted++
		case t.Unknown != "":
			s.Unknown++
		case t.unexpectedRows() > 0:
			s.Unexpected++
			s.Rows += t.unexpectedRows()
		}
	}
	return s
}

// unexpectedRows sums the unexpected losses of a table.
func (t *Table) unexpectedRows() int64 {
	n := int64(0)
	for _, l := range t.Losses {
		if l.Unexpected {
			n += l.Rows
		}
	}
	return n
}

// of makes an empty document about a plan.
func of(p *plan.Plan) *Document {
	d := &Document{Schema: SchemaVersion, Server: p.Server, Impact: []Table{}, Revoked: []Revoked{}}
	for i := range p.Steps {
		if t := p.Steps[i].Takes; t != nil {
			d.Revoked = append(d.Revoked, Revoked{Object: p.Steps[i].Object, Role: t.Role, Privileges: t.Privileges, Columns: t.Columns})
		}
	}
	return d
}
