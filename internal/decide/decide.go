// Package decide is the logic: does a predicate keep foreign rows out, whatever the row and whatever the context? Its answer
// is a proof, a refutation with a witness, or unknown with the reason. It performs no I/O; audit, prove and drift stand on it.
//
// A predicate is compiled to a program over variables (columns of the judged row, of rows that sub-queries find, settings,
// the role), and a search looks for values under which it is TRUE in SQL's three values though the row is foreign. The
// values tried are few, and stand for all others (domain.go says why they do); no such values is a proof. What is not
// understood becomes a free variable, which may be anything: sound, never silently safe. A refutation rests on no such
// variable, and is run through the evaluator in the server's order before it is believed.
//
// To add a form: its case in compile_NAME.go, its evaluation in eval or function_NAME.go, what tells its values apart in
// domain.go, a pair of fixtures (one proved, one refuted), and a rule in the oracle's grammar.
package decide

import (
	"slices"
	"sync"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// Verdict is the outcome of a decision.
type Verdict string

// The outcomes. Undecided is never good news.
const (
	Proved    Verdict = "proved"
	Leak      Verdict = "leak"
	Undecided Verdict = "unproven"
)

// A Reason classifies why a predicate fails, so that rules can name it.
type Reason string

// The reasons of refutation, most telling first.
const (
	NoRowSecurity   Reason = "no_row_security"   // nothing filters
	AlwaysTrue      Reason = "always_true"       // true for each row in each context
	ForeignRow      Reason = "foreign_row"       // true for some foreign row in a proper context
	NullKey         Reason = "null_key"          // true for rows whose key is NULL
	UnsetContext    Reason = "unset_context"     // true for some row while the context is unset
	EmptyContext    Reason = "empty_context"     // … while it is the empty string
	MalformedCtx    Reason = "malformed_context" // … while it holds something that is no tenant
	NotCorrelated   Reason = "not_correlated"    // a sub-query that does not look at the row
	CaseInsensitive Reason = "not_identity"      // an equality that is not identity: citext, collation, padding, cast, hash
	Pattern         Reason = "pattern"           // LIKE, prefix, range, array over the context
	SelfAsserted    Reason = "self_asserted"     // what is trusted, the role itself can write
	OtherSetting    Reason = "other_setting"     // a second setting or flag opens it
	LiteralTenant   Reason = "literal_tenant"    // a fixed tenant
	SessionState    Reason = "session_state"     // undecided for nothing but what the session says of itself
	Undecidable     Reason = "undecidable"       // opaque
	Unclassified    Reason = "unclassified"      // nobody said whether the table's rows belong to tenants
)

// A Witness is a row and a context for which the predicate is true though the row is foreign. Values are in text form; nil is
// NULL for a column, unset for a setting. Columns and settings that do not matter are left out.
type Witness struct {
	Row     map[string]*string `json:"row"`
	Context map[string]*string `json:"context"`
	// Others are rows that other tables must hold for it (a membership row, a parent): relation → row. A second row of one
	// relation stands under its name with " #2".
	Others map[string]map[string]*string `json:"others,omitempty"`
}

// A Decision is what is known of one way.
type Decision struct {
	Verdict  Verdict
	Reason   Reason
	Why      string // one sentence for people
	Witness  *Witness
	Unusable bool // the predicate raises or is never true for any row: closed, and no use to its owner either
	// Premises are what the proof rests on beyond the predicate: "public.members is written by no application role".
	Premises []string
}

// A Decider judges ways over one model. It is safe for concurrent use and decides each shape of predicate once.
type Decider struct {
	m       *tenancy.Model
	shapes  sync.Map  // shape → *core
	exprs   sync.Map  // nodeKey → *verdict
	guesses sync.Map  // shape → []*env
	plains  sync.Map  // expression → bool
	writes  *sync.Map // *catalog.Relation → []reach.Way that write it
	makes   sync.Map  // application role → []string: schemas in which it may make objects
	waysTo  func(*tenancy.Model, ...*catalog.Relation) []reach.Way
	fault   mutant

	doubted []*catalog.Relation // what sub-queries find there may be anything
	doubts  sync.Map            // *catalog.Relation → *Decider that doubts it as well

	calledOnce sync.Once
	called     map[string]bool // functions that policies call
}

// New returns a Decider over m.
func New(m *tenancy.Model) *Decider {
	return &Decider{m: m, waysTo: reach.WaysTo, writes: &sync.Map{}}
}

// doubting is a Decider that takes nothing at its word that stands in rel.
func (d *Decider) doubting(rel *catalog.Relation) *Decider {
	v, _ := d.doubts.LoadOrStore(rel, &Decider{m: d.m, waysTo: d.waysTo, writes: d.writes, fault: d.fault, doubted: append(slices.Clone(d.doubted), rel)})
	return v.(*Decider)
}
