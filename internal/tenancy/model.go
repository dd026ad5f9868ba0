// Package tenancy reads a Snapshot as a multi-tenant schema: which column is the tenant key, which setting or claim is the
// tenant context, which tables belong to a tenant and how, and which roles are the application's. What it infers carries its
// reason and confidence; what ringfence.yaml says wins.
//
// To add a way of inference: add a file that votes (evidence_NAME.go) and its fixture; a decision is made in one place only.
package tenancy

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/rights"
)

// Class says what a table is to the tenants.
type Class string

// The classes of tables, and what is claimed of each (contract.md).
const (
	Owned          Class = "owned"          // has the tenant key: no foreign row is read, made, changed or destroyed
	Child          Class = "child"          // reaches its tenant through a parent: likewise
	Root           Class = "root"           // one row a tenant: likewise
	Global         Class = "global"         // reference data: no tenant writes it
	Infrastructure Class = "infrastructure" // no application role reaches it
	Unclassified   Class = "unknown"        // nobody can say: nothing is claimed, everything is unproven
)

// Tenant reports whether rows of the class belong to tenants.
func (c Class) Tenant() bool { return c == Owned || c == Child || c == Root }

// Confidence says how sure an inference is.
type Confidence string

// The three degrees of confidence. What ringfence.yaml says is Certain.
const (
	Certain Confidence = "certain"
	Likely  Confidence = "likely"
	Guess   Confidence = "guess"
)

// RoleKind says what a role is to the product.
type RoleKind string

// The kinds of roles.
const (
	Application RoleKind = "application" // what tenants' requests run as
	OwnerRole   RoleKind = "owner"       // owns tables; migrations run as it
	Service     RoleKind = "service"     // sees all tenants on purpose: back-ups, jobs, support
)

// A Model is a Snapshot read as a multi-tenant schema.
type Model struct {
	Snapshot *catalog.Snapshot
	Reader   *expr.Reader
	Rights   *rights.Rights

	TenantColumns []string // spellings of the tenant key, most common first
	KeyType       uint32   // the commonest type of the key; 0: unknown
	Contexts      []Context
	Roles         []Role
	Tables        []*Table // tables, partitioned tables, foreign tables; sorted by identity
	Questions     []Question
	Sentinels     []string          // tenant values that mark rows shared on purpose, in text form
	Accepted      []Acceptance      // from ringfence.yaml
	Config        *Config           // nil: none
	byRelation    map[string]*Table // by identity
	helpers       map[*catalog.Function]bool
}

// A Context is one way in which the database learns the current tenant.
type Context struct {
	Kind   string   `json:"kind"` // setting, claim, user, membership, session_table, role
	Name   string   `json:"name"` // the setting's name, the membership table, …
	Path   []string `json:"path,omitempty"`
	Uses   int      `json:"uses"` // policies that read it
	Signed bool     `json:"signed,omitempty"`
	Why    string   `json:"why"`
	// Principal is true where the context names a user, not a tenant: the tenant comes by membership.
	Principal bool `json:"principal,omitempty"`
}

// A Role is a database role with its part in the product.
type Role struct {
	Name string   `json:"name"`
	Kind RoleKind `json:"kind"`
	Why  string   `json:"why"`
}

// A Table is a relation with its class.
type Table struct {
	Relation   *catalog.Relation
	Class      Class
	Key        []string // its own tenant key columns; empty for a child
	Parent     *Link    // how a child reaches its tenant
	Why        string
	Confidence Confidence
	Nullable   bool // some key column may be NULL
	// LookUp is true where policies' functions look up in it whose session this is, and the application has no privilege on it:
	// who writes it through a function says which tenant a session is, as who sets a setting does.
	LookUp bool
	// Principals are the columns, beside the key, by which policies find the session's own rows in it: the person of a
	// membership, the login or the owner of a tenant. Where no setting or claim names the tenant, such a row tells one of the session's.
	Principals []string
}

// A Link is one step from a child to its parent: a foreign key, or what a policy or the configuration says.
type Link struct {
	Table   *Table   // the parent, or grand-parent on the way
	Columns []string // of the child
	Refs    []string // of the parent
	Source  string   // foreign_key, policy, membership, name, config
	// Rivals are other foreign keys' columns that lead to a tenant as well, where each of them, and Columns, may be NULL: a row may be
	// told by any of them, and nothing says by which.
	Rivals []string
}

// A Question is what the inference could not decide, with its equally good candidates.
type Question struct {
	About      string   `json:"about"` // tenant_column, context, role, table NAME
	Candidates []string `json:"candidates"`
	Why        string   `json:"why"`
}

// An Acceptance is a finding or cell that somebody opened on purpose.
type Acceptance struct {
	ID      string `json:"id"`     // rule id, or "cell"
	Object  string `json:"object"` // identity, or a pattern with *
	Role    string `json:"role,omitempty"`
	Command string `json:"command,omitempty"`
	Reason  string `json:"reason"`
	By      string `json:"by"`
	Until   string `json:"until"` // date; past: the acceptance no longer counts
}

// Table returns the table of that identity, or nil.
func (m *Model) Table(identity string) *Table { return m.byRelation[identity] }

// Helper reports whether policies call f, directly or not: what it reads comes out as the answer to whose session this is.
func (m *Model) Helper(f *catalog.Function) bool { return m.helpers[f] }

// Applications returns the names of the application roles, sorted.
func (m *Model) Applications() []string {
	var out []string
	for _, r := range m.Roles {
		if r.Kind == Application {
			out = append(out, r.Name)
		}
	}
	return out
}

// Unjudged says why nothing can be told of who reaches tenants' rows, and by which flag that is mended: no table is known to be a
// tenant's, and of some it is not known; or no role is known that tenants' requests run as. Both are empty where there are such.
func (m *Model) Unjudged() (why, flag string) {
	unknown := 0
	for _, t := range m.Tables {
		if t.Class == Unclassified {
			unknown++
		}
	}
	switch tenants := len(m.TenantTables()); {
	case tenants == 0 && unknown > 0:
		return fmt.Sprintf("no tenant key was found, so that nothing was judged (tables of which it is not known whose rows they hold: %d)", unknown), "--tenant-column"
	case tenants > 0 && len(m.Applications()) == 0:
		return "no application role is known, so that nothing was judged of who reaches what", "--app-role"
	}
	return "", ""
}

// TenantTables returns the tables whose rows belong to tenants.
func (m *Model) TenantTables() []*Table {
	var out []*Table
	for _, t := range m.Tables {
		if t.Class.Tenant() {
			out = append(out, t)
		}
	}
	return out
}
