package impact

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// ObserveKind is the kind of the steps that put a table under observation.
const ObserveKind = "observe"

// observePolicy begins the names of the policies that observe; the one that lets everything through is named like this itself.
const observePolicy = "ringfence_observe"

// An Unobservable is a role that no policy runs for, so that observing sees nothing of it.
type Unobservable struct {
	Role  string `json:"role"`
	Table string `json:"table,omitempty"` // empty: every table
	Why   string `json:"why"`
	First string `json:"first"` // the step that comes first
}

// A ConflictError refuses to observe: switching row security on would begin to refuse by policies that lie dormant today.
type ConflictError struct {
	Tables []string
	Why    string
	Do     string
}

func (e *ConflictError) Error() string { return e.Why + ": " + strings.Join(e.Tables, ", ") }

// Hint says what to do.
func (e *ConflictError) Hint() string { return e.Do }

// Observe makes the plan of a mode that refuses nothing and counts, by table, role and cause, what p would refuse. It is a plan like
// any other: package apply installs it, resumes it where it was killed, and takes it back. Only tables that p still has to protect
// are observed; where that begins to refuse, or where no application role can be seen, the error is a *ConflictError.
//
// A restrictive policy per command, true for every row, calls definer functions that scan empty marker tables, one for each role and
// cause. The server's statistics count these scans, also in transactions that roll back and that only read. A permissive policy lets
// every row through where row security was off; where it was on, none is added, so nothing is widened.
func Observe(m *tenancy.Model, p *plan.Plan) (*plan.Plan, []Unobservable, error) {
	var steps []plan.Step
	var conflict []string
	var blind []Unobservable
	prints := m.Snapshot.Fingerprints()
	seen := false
	for _, c := range changes(m, p) {
		if c.done() || c.shape == nil || c.shape.Rows.Every || c.shape.Rows.Key != nil && c.rel.ColumnByName(c.shape.Rows.Key.Column) == nil {
			continue
		}
		if dormant(c.rel) {
			conflict = append(conflict, c.rel.Identity())
			continue
		}
		unseen, some := c.unobservable(m)
		blind, seen = append(blind, unseen...), seen || some
		steps = append(steps, newObserver(m, c).step(prints[c.rel.Identity()]))
	}
	switch {
	case len(conflict) > 0:
		return nil, nil, &ConflictError{Tables: conflict, Why: "restrictive policies lie dormant here, and observing would put them to work",
			Do: "drop these policies, or switch row security on for these tables first, on purpose"}
	case len(steps) == 0:
		return nil, nil, &ConflictError{Tables: []string{"every table of the plan"}, Why: "there is nothing to observe, what the plan enforces is in force already or needs a column first", Do: "ringfence verify DIR says what is in place"}
	case !seen:
		return nil, blind, &ConflictError{Tables: roles(blind), Why: "no policy runs for any application role, so nothing could be counted",
			Do: "let the application connect as a role that neither owns the tables nor bypasses row security first: ringfence plan --application-role NAME, then apply its role steps"}
	}
	out := &plan.Plan{Schema: plan.SchemaVersion, Server: p.Server, Steps: steps, Withheld: []plan.Withheld{}, Summary: map[string]int{"steps": len(steps)}}
	sum := sha256.New()
	for _, s := range steps {
		fmt.Fprintf(sum, "%s\x00%s\x00", s.ID, s.Before[s.Table])
	}
	out.Fingerprint = hex.EncodeToString(sum.Sum(nil))
	return out, blind, nil
}

// dormant reports whether a table has restrictive policies that would begin to refuse. Dormant permissive ones are joined by OR with
// one that is true, and are not even evaluated.
func dormant(r *catalog.Relation) bool {
	return !r.RowSecurity && slices.ContainsFunc(r.Policies, func(p catalog.Policy) bool { return !p.Permissive })
}

// unobservable lists the application roles that no policy runs for on the table, and whether there is one that can be seen.
func (c *change) unobservable(m *tenancy.Model) (out []Unobservable, seen bool) {
	for _, role := range m.Applications() {
		switch {
		case m.Rights.Superuser(role):
			out = append(out, Unobservable{Role: role, Why: "a superuser: no policy ever runs for it", First: "connect as an ordinary role"})
		case m.Rights.Bypass(role):
			out = append(out, Unobservable{Role: role, Why: "it has BYPASSRLS: no policy ever runs for it", First: "ALTER ROLE … NOBYPASSRLS, or connect as another role"})
		case !c.bound(m, role, true, c.rel.ForceRLS):
			out = append(out, Unobservable{Role: role, Table: c.rel.Identity(), Why: "it owns the table, which is not forced", First: "let the application connect as a role that is not the owner"})
		case m.Rights.Any(role, c.rel):
			seen = true
		}
	}
	return out, seen
}

func roles(all []Unobservable) []string {
	var out []string
	for _, u := range all {
		if !slices.Contains(out, u.Role) {
			out = append(out, u.Role)
		}
	}
	return out
}

// Blind leaves one entry for a role that no table sees.
func Blind(all []Unobservable) []Unobservable {
	var out []Unobservable
	for _, u := range all {
		if !slices.Contains(out, u) {
			out = append(out, u)
		}
	}
	return out
}

// Observing lists the tables of a snapshot that are under observation, sorted.
func Observing(s *catalog.Snapshot) []string {
	var out []string
	for i := range s.Relations {
		r := &s.Relations[i]
		if slices.ContainsFunc(r.Policies, func(p catalog.Policy) bool { return strings.HasPrefix(p.Name, observePolicy) }) {
			out = append(out, r.Identity())
		}
	}
	slices.Sort(out)
	return out
}

// tag makes the names of a table's observers its own.
func tag(r *catalog.Relation) string {
	sum := sha256.Sum256([]byte(r.Identity()))
	return hex.EncodeToString(sum[:6])
}
