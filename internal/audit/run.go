package audit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/decide"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// A Result is what all rules found, sorted: gravest first, then by rule, object, role and command.
type Result struct {
	Findings  []Finding
	Unchecked []Unchecked
}

// Read prepares what rules look at: every way of every application role, each decided once.
func Read(m *tenancy.Model) *Input {
	d := decide.New(m)
	in := &Input{Model: m, Ways: reach.Ways(m), decider: d, keepers: keepers(m)}
	in.Answers = d.All(in.Ways)
	in.byTable = make(map[*catalog.Relation][]int, len(m.Tables))
	for i, w := range in.Ways {
		in.byTable[w.Relation] = append(in.byTable[w.Relation], i)
	}
	in.isolation = isolationWays(in)
	in.policies = sync.OnceValue(func() []written { return readPolicies(in) })
	in.asking = sync.OnceValue(func() map[string][]string { return asked(in) })
	return in
}

// Run applies rules to in, on all processors. now decides which acceptances still count. A rule that panics would hide what it
// should have found: it is reported as unchecked for the whole database.
func Run(in *Input, rules []Rule, now time.Time) Result {
	each := make([]Result, len(rules))
	var workers sync.WaitGroup
	for i := range rules {
		workers.Go(func() { each[i] = apply(&rules[i], in) })
	}
	workers.Wait()
	var out Result
	if why, _ := in.Model.Unjudged(); why != "" {
		out.Unchecked = append(out.Unchecked, Unchecked{Rule: "all", Object: in.Model.Snapshot.Server.Database, Why: why})
	}
	var found []*Finding
	for _, r := range each {
		for i := range r.Findings {
			found = append(found, &r.Findings[i])
		}
		out.Unchecked = append(out.Unchecked, r.Unchecked...)
	}
	slices.SortFunc(found, compare)
	found = slices.CompactFunc(found, func(a, b *Finding) bool { return compare(a, b) == 0 })
	out.Findings = make([]Finding, len(found))
	for i, f := range found {
		f.Accepted = acceptance(in.Model, f, now)
		out.Findings[i] = *f
	}
	slices.SortFunc(out.Unchecked, func(a, b Unchecked) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Object, b.Object), cmp.Compare(a.Why, b.Why))
	})
	return out
}

func apply(r *Rule, all *Input) (out Result) {
	in := *all
	in.unchecked = func(u Unchecked) { out.Unchecked = append(out.Unchecked, u) }
	defer func() {
		if p := recover(); p != nil {
			out.Findings = nil
			in.unchecked(Unchecked{Rule: r.ID, Object: in.Model.Snapshot.Server.Database, Why: fmt.Sprintf("the rule ended abnormally: %v", p)})
		}
	}()
	r.Check(&in, func(f Finding) {
		f.ID, f.Rule = r.ID, r.Name
		f.Title = cmp.Or(f.Title, r.Title)
		f.Severity = cmp.Or(f.Severity, r.Severity)
		if f.Path == nil {
			f.Path = []reach.Hop{}
		}
		if f.Fix != nil {
			f.Fix.Step = cmp.Or(f.Fix.Step, r.Fix)
		}
		out.Findings = append(out.Findings, f)
	})
	return out
}

// rank is a severity's place, the gravest first.
func rank(s Severity) int {
	return slices.Index([]Severity{Critical, High, Medium, Low, Info}, s)
}

func compare(a, b *Finding) int {
	if a.ID == b.ID && a.Severity == b.Severity { // the most by far
		return cmp.Or(strings.Compare(a.Object, b.Object), strings.Compare(a.Role, b.Role), strings.Compare(a.Command, b.Command),
			strings.Compare(a.Detail, b.Detail))
	}
	return cmp.Or(cmp.Compare(rank(a.Severity), rank(b.Severity)), cmp.Compare(a.ID, b.ID))
}

// acceptance returns the entry of ringfence.yaml that covers f today, or nil.
func acceptance(m *tenancy.Model, f *Finding, now time.Time) *Accepted {
	for _, a := range m.Accepted {
		until, err := time.Parse(time.DateOnly, a.Until)
		if err != nil || !now.Before(until.AddDate(0, 0, 1)) {
			continue
		}
		if a.ID == f.ID && tenancy.Matches(a.Object, f.Object) && (a.Role == "" || a.Role == f.Role) && (a.Command == "" || a.Command == f.Command) {
			return &Accepted{Reason: a.Reason, By: a.By, Until: a.Until}
		}
	}
	return serviceFunction(m, f)
}

// serviceFunction accepts what a function reaches that ringfence.yaml names as working without a tenant on purpose.
func serviceFunction(m *tenancy.Model, f *Finding) *Accepted {
	if f.ObjectType != "function" || f.ID != definerReaches.ID {
		return nil
	}
	if s := m.ServiceFunction(f.Object); s != nil {
		return &Accepted{Reason: s.Reason, By: s.By}
	}
	return nil
}

// Summary counts findings by severity, accepted ones apart, and what could not be checked.
func (r Result) Summary() map[string]int {
	out := map[string]int{"critical": 0, "high": 0, "medium": 0, "low": 0, "info": 0, "accepted": 0, "unchecked": len(r.Unchecked)}
	for _, f := range r.Findings {
		if f.Accepted != nil {
			out["accepted"]++
			continue
		}
		out[string(f.Severity)]++
	}
	return out
}
