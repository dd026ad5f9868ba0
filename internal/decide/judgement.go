package decide

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/reach"
)

// The budgets bound a search: steps of the proof, and of each attempt at a refutation.
const (
	proofBudget = 80000
	leakBudget  = 40000
	leaksBudget = 8 * leakBudget // … and of all of them together
	restarts    = 240            // a search that ran out of its budget is begun anew this often
	// evalsPerStep bounds the evaluation of nodes by the steps.
	evalsPerStep = 12
)

// A judgement is one predicate being decided.
type judgement struct {
	d     *Decider
	way   reach.Way
	c     *compiler
	k     *claim
	made  bool
	q     question
	notes []string
}

// A verdict is a decision before it is said of one way: shared by all ways of its shape.
type verdict struct {
	verdict   Verdict
	reason    Reason
	why       string
	witness   *Witness
	unusable  bool
	notes     []string
	trusted   map[*catalog.Relation]string
	functions map[*catalog.Function]bool
	sessions  map[*catalog.Relation]string
	reads     columnsRead
}

// copy returns a verdict that may be changed: cached ones are shared by all that decide at once.
func (v *verdict) copy() *verdict {
	c := *v
	c.trusted, c.functions, c.sessions, c.notes = maps.Clone(v.trusted), maps.Clone(v.functions), maps.Clone(v.sessions), slices.Clone(v.notes)
	c.reads = columnsRead{}
	c.reads.add(v.reads)
	return &c
}

// merge takes over what another predicate of the same way rests on.
func (v *verdict) merge(o *verdict) {
	for r, as := range o.trusted {
		if v.trusted == nil {
			v.trusted = map[*catalog.Relation]string{}
		}
		v.trusted[r] = as
	}
	for f := range o.functions {
		if v.functions == nil {
			v.functions = map[*catalog.Function]bool{}
		}
		v.functions[f] = true
	}
	for r, f := range o.sessions {
		if v.sessions == nil {
			v.sessions = map[*catalog.Relation]string{}
		}
		v.sessions[r] = f
	}
	v.reads.add(o.reads) // v is a copy
	v.unusable = v.unusable || o.unusable
}

func (j *judgement) verdict(v Verdict) *verdict {
	return &verdict{verdict: v, trusted: j.c.p.trusted, functions: j.c.p.functions, sessions: j.c.p.sessions, notes: j.c.p.notes, reads: j.c.p.reads()}
}

// decide says what the search found out of this judgement's own rows and columns.
func (j *judgement) decide() *verdict {
	c := j.core()
	out := j.verdict(c.verdict)
	out.reason, out.why, out.unusable = c.reason, c.why, c.unusable
	out.notes = append(slices.Clone(out.notes), c.notes...)
	switch {
	case c.leaf != nil:
		out.witness = j.witness(c.leaf)
	case c.verdict == Proved && j.takesRoles():
		return j.rolesLeak()
	case c.verdict == Proved && j.usersOwnClaim() != "":
		out.verdict, out.reason, out.unusable = Leak, SelfAsserted, false
		out.why = "the tenant is " + j.usersOwnClaim() + ", which users write themselves"
	case c.verdict == Proved:
		j.defaults(out)
	}
	return out
}

// usersOwnClaim is the claim by which the predicate knows the tenant, where it stands in the part of a token's document that
// its user fills in (GoTrue: "user_metadata", of the column raw_user_meta_data); or "".
func (j *judgement) usersOwnClaim() string {
	for _, t := range j.k.contexts {
		asked := slices.ContainsFunc(j.c.p.groups[j.c.p.vars[t.v].group].paths, func(p []string) bool { return slices.Equal(p, t.path) })
		if writtenByUsers(t.path) && asked && j.reads(t.v) {
			return strings.Join(t.path, ".")
		}
	}
	own := ""
	for _, l := range j.k.lists {
		walkNodes(l, func(n *node) {
			if n.op == opCall && writtenByUsers(n.fn.path) {
				own = strings.Join(wholePath(n), ".")
			}
		})
	}
	return own
}

// writtenByUsers reports whether a path leads into the part of a token's document that its user fills in.
func writtenByUsers(path []string) bool {
	return slices.Contains(path, "user_metadata") || slices.Contains(path, "raw_user_meta_data")
}

// core is search, done once for each shape.
func (j *judgement) core() *core {
	key := j.shape()
	if v, ok := j.d.shapes.Load(key); ok {
		return v.(*core)
	}
	v, _ := j.d.shapes.LoadOrStore(key, j.find())
	return v.(*core)
}

// find looks for a counterexample in which what is not understood may be anything; none is a proof. Else it looks for one
// that PostgreSQL will confirm.
func (j *judgement) find() *core {
	s := j.search(mode{proof: true}, proofBudget, nil)
	found := s.run()
	if !found && !j.truncated() && (!s.over || j.divided(j.c.p.root, 0)) {
		return &core{verdict: Proved, why: "no row of another tenant fulfils it, whatever the context", unusable: !j.usable(), notes: j.emptyKeys()}
	}
	j.note(s)
	left := leaksBudget
	worlds := j.worlds()
	for n, w := range worlds {
		share := min(leakBudget, left/(len(worlds)-n)) // a quarter of it in order, the rest in other orders
		l := j.search(mode{}, share/4, w.allows)
		l.accept = func(e *env) bool { return !j.secret(e) }
		if l.run() {
			return j.leak(l.leaf)
		}
		j.note(l)
		left -= l.spent()
		if l.over {
			leaf, spent := j.restarted(w.allows, share-share/4)
			if leaf != nil {
				return j.leak(leaf)
			}
			left -= spent
		}
		if l.secret {
			j.notes = append(j.notes, "who knows what a column of the row and a setting both hold")
		}
		if l.lenient {
			j.notes = append(j.notes, "the order in which the server evaluates what may raise an error")
		}
		if l.inexact {
			j.notes = append(j.notes, "which rows a sub-query finds")
		}
	}
	slices.Sort(j.notes)
	j.notes = slices.Compact(j.notes)
	out := &core{verdict: Undecided, reason: Undecidable, why: "it depends on " + strings.Join(j.notes, ", ")}
	if len(j.notes) == 0 {
		out.why = "it depends on more values than were tried"
	}
	if s.leaf != nil && j.byState(s.leaf) {
		out.reason = SessionState
	}
	return out
}

// byState reports whether an assignment rests, but for what is understood, on what the session says of itself.
func (j *judgement) byState(leaf *env) bool {
	rests := false
	for i := range j.c.p.vars {
		if v := &j.c.p.vars[i]; v.class == classFree && leaf.set[i] {
			if !v.state {
				return false
			}
			rests = true
		}
	}
	return rests
}

// restarted looks for a counterexample again, in other orders: a search that began at a value that leads nowhere ends in its budget. The
// orders are drawn from fixed seeds, so that a predicate is always judged alike.
func (j *judgement) restarted(world func(int, value) bool, budget int) (leaf *env, spent int) {
	for seed := range uint64(restarts) {
		s := j.search(mode{}, budget/restarts, world)
		s.order = rand.New(rand.NewPCG(seed, restarts))
		s.accept = func(e *env) bool { return !j.secret(e) }
		if s.run() {
			return s.leaf, spent
		}
		spent += s.spent()
	}
	return nil, spent
}

// emptyKeys says so where the empty context sees rows whose key is the empty string: they are nobody's, unless somebody
// made it a tenant.
func (j *judgement) emptyKeys() []string {
	if j.q == anyRow || len(j.k.keys) != 1 || j.c.p.vars[j.k.keys[0]].t.kind != kindText && j.c.p.vars[j.k.keys[0]].t.kind != kindBpchar {
		return nil
	}
	s := newSearch(j.k, mode{}, leakBudget)
	s.wants = true
	s.world = func(i int, v value) bool {
		return !j.isContext(i) && i != j.k.keys[0] || !v.null && v.s == ""
	}
	if !s.run() {
		return nil
	}
	return []string{"no row's tenant key is the empty string: an empty context sees such rows"}
}

// takesRoles reports whether the way takes another role, the predicate asks who runs it, and there is a choice of roles:
// then SET ROLE chooses the tenant.
func (j *judgement) takesRoles() bool {
	if !becomes(j.way) || j.c.m.Rights == nil || len(j.c.m.Rights.Identities(j.way.Role)) < 3 {
		return false
	}
	return slices.ContainsFunc(j.k.contexts, func(t tenantContext) bool {
		return j.c.p.vars[t.v].class == classSession && j.c.p.vars[t.v].name == "current_user" && j.reads(t.v)
	})
}

// rolesLeak is the refutation of a predicate that keys rows by a role which is one of several the session may take.
func (j *judgement) rolesLeak() *verdict {
	out := j.verdict(Leak)
	out.reason, out.why = SelfAsserted, "the tenant is the current role, and role "+j.way.Role+" may take several by SET ROLE"
	user := j.c.user
	out.witness = &Witness{Row: map[string]*string{}, Context: map[string]*string{"current_user": &user}}
	for _, i := range j.k.keys {
		if j.c.p.vars[i].row == 0 {
			out.witness.Row[j.c.p.vars[i].name] = &user
		}
	}
	return out
}

// defaults refutes a proof where a role's or database's default sets the context: a session that nobody gave a tenant has
// one all the same.
func (j *judgement) defaults(out *verdict) {
	if out.unusable || j.q == anyRow {
		return
	}
	for _, set := range j.c.snap.Settings {
		i, ok := j.c.p.byKey["setting/"+settingName(set.Name)]
		if !ok || set.Role != "" && set.Role != j.way.Role || set.Database != "" && set.Database != j.c.snap.Server.Database || !j.isContext(i) {
			continue
		}
		s := newSearch(j.k, mode{}, leakBudget)
		s.wants = true
		s.world = func(n int, v value) bool { return n != i || !v.null && v.s == set.Value }
		j.k.p.groups[j.c.p.vars[i].group].dom[i] = []value{text(set.Value)}
		for _, key := range j.k.keys { // the key that the default names is tried too
			g := j.k.p.groups[j.c.p.vars[key].group]
			if v, how := convert(text(set.Value), j.c.p.vars[key].t, false); how == done {
				g.dom[key] = []value{v}
			}
		}
		if s.run() && j.reads(i) {
			out.verdict, out.reason, out.witness = Leak, UnsetContext, j.witness(s.leaf)
			out.why = "a default of the role or database sets " + set.Name + ": a session without context acts as that tenant"
			return
		}
	}
}

func (j *judgement) search(m mode, budget int, world func(int, value) bool) *search {
	s := newSearch(j.k, m, budget)
	s.any = j.q == anyRow
	s.world = world
	return s
}

// note remembers what a search would have had to know.
func (j *judgement) note(s *search) {
	j.notes = append(j.notes, s.notes...)
	if s.over {
		j.notes = append(j.notes, "more cases than can be tried")
	}
	if s.leaf == nil {
		return
	}
	for i := range j.c.p.vars {
		if v := &j.c.p.vars[i]; v.class == classFree && s.leaf.set[i] {
			j.notes = append(j.notes, v.name)
		}
	}
}

func (j *judgement) truncated() bool {
	return slices.ContainsFunc(j.c.p.groups, (*group).truncated)
}

// usable reports whether the predicate is true of any row that belongs, in a proper context. Where that needs to be known
// of something opaque, it is.
func (j *judgement) usable() bool {
	if j.q == anyRow {
		return false
	}
	s := newSearch(j.k, mode{proof: true}, leakBudget)
	s.wants = true
	return s.run() || s.over
}

// secret reports whether the refutation rests on a column and a setting, neither of the tenant, that hold the same value of
// no other meaning: a share token, a person's id. Who knows it is let in on purpose; for a row that is made, anybody
// chooses both.
func (j *judgement) secret(leaf *env) bool {
	if j.made || j.q == anyRow {
		return false
	}
	for i := range j.c.p.vars {
		v := &j.c.p.vars[i]
		if v.class != classSetting || !leaf.set[i] || leaf.val[i].null || leaf.val[i].s == "" || j.isContext(i) || j.isConstant(v.group, leaf.val[i]) {
			continue
		}
		for n := range j.c.p.vars {
			w := &j.c.p.vars[n]
			if w.class == classColumn && w.row == 0 && w.group == v.group && leaf.set[n] && sameTenant(leaf.val[n], leaf.val[i]) && !slices.Contains(j.k.keys, n) {
				return true
			}
		}
	}
	return false
}

func (j *judgement) isContext(i int) bool {
	return slices.ContainsFunc(j.k.contexts, func(t tenantContext) bool { return t.v == i })
}

// isConstant reports whether a value is one that the predicate itself names.
func (j *judgement) isConstant(group int, v value) bool {
	return slices.ContainsFunc(j.c.p.groups[group].consts, func(c value) bool { return c.s == v.s })
}
