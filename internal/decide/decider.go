package decide

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// Decide judges one way. It never fails: what cannot be judged is Undecided, with the reason in Why.
func (d *Decider) Decide(way reach.Way) (out Decision) {
	defer func() { // a stranger's policy must not end the program
		if p := recover(); p != nil {
			out = Decision{Verdict: Undecided, Reason: Undecidable, Why: fmt.Sprintf("deciding it ended in an error: %v", p)}
		}
	}()
	if !way.Privileged {
		return Decision{Verdict: Proved, Why: "no privilege"}
	}
	v := d.pure(way)
	out = v.decision(way)
	if f := d.guarded(way); out.Verdict == Leak && f != nil {
		return Decision{Verdict: Undecided, Reason: Undecidable, Why: "function " + f.Identity() + " refuses some callers by what the session is; whom, was not followed"}
	}
	if out.Verdict == Proved && !d.fault.skipPremises && len(v.trusted)+len(v.functions) > 0 {
		if rel := d.premises(way, v, &out); rel != nil { // it need not rest on it
			if again := d.doubting(rel).Decide(way); again.Verdict == Proved {
				return again
			}
		}
	}
	return out
}

// guarded returns the function that a way leads over where it looks at the session and refuses some callers; nil for none.
func (d *Decider) guarded(way reach.Way) *catalog.Function {
	if d.m.Reader == nil {
		return nil
	}
	for _, h := range way.Path {
		if h.Via != "function" {
			continue
		}
		if f := d.m.Snapshot.Function(h.Name); f != nil && (way.Asked || d.m.Reader.RefusesUnfollowed(f)) {
			return f
		}
	}
	return nil
}

// pure judges the predicate alone: what its sub-queries and functions read is taken at its word.
func (d *Decider) pure(way reach.Way) *verdict {
	t := d.m.Table(way.Relation.Identity())
	switch {
	case way.Opaque != "":
		return &verdict{verdict: Undecided, reason: Undecidable, why: way.Opaque}
	case t == nil || t.Class == tenancy.Unclassified:
		return &verdict{verdict: Undecided, reason: Unclassified, why: unclassified}
	case t.Class == tenancy.Infrastructure && d.byPolicyFunction(way):
		return &verdict{verdict: Proved, why: "only what policies call reads it", notes: []string{"the functions that policies call give away nothing of " + way.Relation.Identity() + " but the tenant"}}
	case t.Class == tenancy.Infrastructure:
		return d.satisfiable(way, t, "an application role reaches a table that is the system's own")
	case t.Class == tenancy.Global:
		return d.global(way, t)
	}
	return d.tenantRows(way, t)
}

// byPolicyFunction reports whether a way leads through a function that a policy calls: reading the table for it is what the
// function is there for.
func (d *Decider) byPolicyFunction(way reach.Way) bool {
	if way.Command != reach.Select || d.m.Reader == nil {
		return false
	}
	calls := d.policyFunctions()
	for _, h := range way.Path {
		if h.Via == "function" && calls[h.Name] {
			return true
		}
	}
	return false
}

// policyFunctions returns the identities of the functions that policies call.
func (d *Decider) policyFunctions() map[string]bool {
	d.calledOnce.Do(func() {
		d.called = map[string]bool{}
		for i := range d.m.Snapshot.Relations {
			rel := &d.m.Snapshot.Relations[i]
			for k := range rel.Policies {
				for _, tree := range []*catalog.Tree{rel.Policies[k].Using, rel.Policies[k].Check} {
					if e, err := d.m.Reader.Expression(tree, rel); err == nil && e != nil {
						d.noteCalls(e)
					}
				}
			}
		}
	})
	return d.called
}

func (d *Decider) noteCalls(e expr.Expr) {
	expr.WalkDeep(e, func(x expr.Expr, _ int) bool {
		if call, ok := x.(*expr.Call); ok && call.Func != nil && !call.Func.System {
			d.called[call.Func.Identity()] = true
		}
		return true
	})
}

// global: everybody may read reference data, no tenant writes it.
func (d *Decider) global(way reach.Way, t *tenancy.Table) *verdict {
	switch way.Command {
	case reach.Select, reach.References, reach.Maintain:
		return &verdict{verdict: Proved, why: "reference data, read by all"}
	}
	return d.satisfiable(way, t, "reference data that a tenant may write")
}

// satisfiable refutes a way that lets any row through.
func (d *Decider) satisfiable(way reach.Way, t *tenancy.Table, why string) *verdict {
	out := d.judge(way, t, predicatesOf(way), anyRow)
	if out.verdict == Leak {
		out = out.copy()
		out.why = why
	}
	return out
}

// predicatesOf lists the predicates that a way's row must fulfil, the old row's first.
func predicatesOf(way reach.Way) []predicate {
	var out []predicate
	if way.Old != nil {
		out = append(out, predicate{e: way.Old})
	}
	if way.New != nil {
		out = append(out, predicate{e: way.New, made: true})
	}
	return out
}

// A predicate is an expression over one row: one that is there, or one that is made.
type predicate struct {
	e    expr.Expr
	made bool
}

// tenantRows: no foreign row is read, made, changed or destroyed.
func (d *Decider) tenantRows(way reach.Way, t *tenancy.Table) *verdict {
	switch way.Command {
	case reach.Maintain:
		return &verdict{verdict: Proved, why: "no row is read, made, changed or destroyed"}
	case reach.References:
		return &verdict{verdict: Leak, reason: NoRowSecurity, why: "a foreign key of one's own tells which keys exist, whatever the policies"}
	}
	preds := slices.DeleteFunc(predicatesOf(way), func(p predicate) bool { return p.made && d.fault.skipMade || !p.made && d.fault.skipOld })
	if len(preds) == 0 {
		if way.Unbound != "" {
			return &verdict{verdict: Leak, reason: NoRowSecurity, why: way.Unbound}
		}
		return &verdict{verdict: Undecided, reason: Undecidable, why: "it is not known which rows are reached"}
	}
	out := d.judge(way, t, preds, ownRow)
	if out.verdict == Leak && way.Unbound != "" {
		out = out.copy()
		out.reason, out.why = NoRowSecurity, way.Unbound
	}
	return out
}

// A question is what is asked of a predicate.
type question uint8

const (
	ownRow question = iota // is it true of a row that does not belong?
	anyRow                 // is it true of any row?
)

// judge compiles and searches; predicates are judged one by one and the first that fails decides.
func (d *Decider) judge(way reach.Way, t *tenancy.Table, preds []predicate, q question) *verdict {
	var out *verdict
	for i, p := range preds {
		v := d.cached(way, t, p, q)
		if len(preds) == 1 {
			return v
		}
		v = v.copy()
		switch {
		case i == 0:
			out = v
		case v.unusable && way.Command == reach.Update: // no such row can be made: nothing happens
			v.merge(out)
			out = v
		case v.verdict == Leak && out.unusable && way.Command == reach.Update: // no such row is there to be changed
		case v.verdict == Leak && out.verdict != Leak, v.verdict == Undecided && out.verdict == Proved:
			v.merge(out)
			out = v
		default:
			out.merge(v)
		}
	}
	return out
}

func (d *Decider) judgeOne(way reach.Way, t *tenancy.Table, pred predicate, q question) *verdict {
	out := d.judgeAs(way, t, pred, q, false)
	if out.verdict != Undecided || d.m.Reader == nil || !callsUser(pred.e) {
		return out
	}
	if v := d.judgeAs(way, t, pred, q, true); v.verdict == Proved && !v.unusable {
		return v
	}
	return out
}

// judgeAs judges one predicate. asContext takes a definer's function for the way in which the session's tenant is known,
// without looking into it: a look-up or a signature check that is beyond this logic, and that the owner answers for.
func (d *Decider) judgeAs(way reach.Way, t *tenancy.Table, pred predicate, q question, asContext bool) *verdict {
	c, k, problem := d.compile(way, t, pred, q, asContext)
	if problem != nil {
		return problem
	}
	j := &judgement{d: d, way: way, c: c, k: k, made: pred.made, q: q}
	return j.decide()
}

// compile makes the program and the claim; a verdict is returned where that alone decides.
func (d *Decider) compile(way reach.Way, t *tenancy.Table, pred predicate, q question, asContext bool) (*compiler, *claim, *verdict) {
	c := &compiler{p: newProgram(), m: d.m, d: d, snap: d.m.Snapshot, as: way.As, user: cmp.Or(way.CurrentUser, way.As), login: way.Role, args: way.Args, asContext: asContext, sub: -1, unfolds: map[int]*elements{}}
	c.p.rows = []row{{rel: way.Relation, found: -1, present: -1, source: "own", sub: -1}}
	if way.Unbound == "" && way.Relation.RowSecurity {
		c.stack = append(c.stack, way.Relation)
	}
	c.p.root = c.compile(c.inlined(pred.e), c.rowScope(0))
	switch {
	case c.recursion != nil:
		return nil, nil, &verdict{verdict: Proved, unusable: true, why: "the policies of " + c.recursion.Identity() + " ask for themselves: every statement fails (infinite recursion)"}
	case c.nodes > maxNodes:
		return nil, nil, &verdict{verdict: Undecided, reason: Undecidable, why: fmt.Sprintf("the predicate is too large (more than %d nodes)", maxNodes)}
	}
	k := &claim{p: c.p}
	if q == ownRow {
		var ok bool
		if k, ok = c.claimOf(t); !ok {
			return nil, nil, &verdict{verdict: Undecided, reason: Undecidable, why: "its tenant key is not known"}
		}
		c.findContexts(k)
		c.findLists(k)
		if !pred.made || len(t.Key) == 0 || t.Class == tenancy.Root {
			c.findOwn(k, t)
		}
		if way.Command == reach.Select && !pred.made {
			k.share(d.m.Sentinels)
		}
	}
	c.tableChecks()
	c.p.addUnique(way.Relation)
	c.p.pin()
	if c.p.root.op != opConst {
		markPositive(c.p.root)
		c.p.markNever(c.p.root)
	}
	c.p.early = c.p.planned()
	c.p.stands = c.p.stoodFor()
	if q == ownRow {
		c.findCousins(k, t)
	}
	c.group(k)
	c.findMembers(k)
	if d.fault.program != nil {
		d.fault.program(c, k)
	}
	return c, k, nil
}

// inlined brings functions that can be read to the expressions they compute, and notes that they are believed.
func (c *compiler) inlined(e expr.Expr) expr.Expr {
	if c.m.Reader == nil || c.asContext || !callsUser(e) || callsVerifier(e) {
		return e
	}
	e, used := c.m.Reader.Inlined(e)
	for _, f := range used {
		c.p.functions[f] = true
	}
	return e
}

// callsUser reports whether an expression calls any function that is not PostgreSQL's own.
func callsUser(e expr.Expr) bool {
	hit := false
	expr.WalkDeep(e, func(x expr.Expr, _ int) bool {
		switch x := x.(type) {
		case *expr.Call:
			hit = hit || x.Func != nil && !x.Func.System
		case *expr.Operation:
			hit = hit || expr.OwnOperator(x)
		}
		return !hit
	})
	return hit
}

// share marks the sentinel tenants, whose rows are everybody's to read.
func (k *claim) share(sentinels []string) {
	for _, s := range sentinels {
		if s == "NULL" {
			k.isNull = true
		}
		k.shared = append(k.shared, s)
	}
}

// tableChecks adds the table's CHECK constraints: no row breaks them. Those that call a function of the schema's are left out: it may
// read what has changed since the row was made, so that a row may well break them, and no proof has to trust it for that.
func (c *compiler) tableChecks() {
	r := c.p.rows[0].rel
	for i := range r.Constraints {
		k := &r.Constraints[i]
		if k.Kind != "check" || k.Check == nil || !k.Validated || c.m.Reader == nil {
			continue
		}
		if e, err := c.m.Reader.Expression(k.Check, r); err == nil && e != nil && !callsOwn(e) {
			c.p.checks = append(c.p.checks, c.compile(e, c.rowScope(0)))
		}
	}
}

// callsOwn reports whether an expression calls a function that is not the system's.
func callsOwn(e expr.Expr) bool {
	found := false
	expr.WalkDeep(e, func(n expr.Expr, _ int) bool {
		if c, ok := n.(*expr.Call); ok && c.Func != nil && !c.Func.System {
			found = true
		}
		return !found
	})
	return found
}

// group forms the groups of variables, the key's with the context's.
func (c *compiler) group(k *claim) {
	roots := []*node{c.p.root}
	for i := range c.p.subs {
		roots = append(roots, c.p.subs[i].where)
	}
	roots = append(append(roots, c.p.checks...), append(k.asserts, k.lists...)...)
	together := [][]int{append([]int(nil), k.keys...)}
	for _, x := range k.contexts {
		together[0] = append(together[0], x.v)
	}
	together[0] = append(together[0], c.memberKeys()...) // the claim compares them with the key, even where the predicate does not
	alike := c.p.sameColumns()
	for _, x := range k.cousins {
		together[0] = append(together[0], x.keys...)
		for _, pair := range x.pairs {
			alike = append(alike, pair[:])
		}
	}
	c.p.joinGroups(roots, together, alike)
	for _, x := range k.contexts {
		if g := c.p.groups[c.p.vars[x.v].group]; x.path != nil && len(g.paths) == 0 {
			g.paths = append(g.paths, x.path) // nothing reads the document: one that names a tenant is made all the same
		}
	}
}
