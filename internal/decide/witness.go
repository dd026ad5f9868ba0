package decide

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ringfencehq/ringfence/internal/reach"
)

// leak makes the outcome of a refutation.
func (j *judgement) leak(leaf *env) *core {
	out := &core{verdict: Leak, reason: j.reason(leaf), leaf: leaf}
	out.why = explanation[out.reason]
	if out.reason == OtherSetting && j.opensByArgument(leaf) {
		out.why = "an argument that the caller chooses opens it"
	}
	return out
}

// witness writes an assignment down as a row and a context.
func (j *judgement) witness(leaf *env) *Witness {
	w := &Witness{Row: map[string]*string{}, Context: map[string]*string{}}
	names := map[int]string{}
	for i := range j.c.p.vars {
		v := &j.c.p.vars[i]
		if !leaf.set[i] {
			continue
		}
		switch {
		case v.class == classSetting || v.class == classSession || v.class == classArgument:
			w.Context[v.name] = textOf(leaf.val[i])
		case v.class == classColumn && v.row == 0:
			w.Row[v.name] = textOf(leaf.val[i])
		case v.class == classColumn && j.c.p.rows[v.row].rel != nil && exists(&j.c.p.rows[v.row], leaf):
			j.other(w, names, v, leaf.val[i])
		}
	}
	w.merge()
	return w
}

// merge makes one of rows that do not contradict each other: what two sub-queries find may be the same row.
func (w *Witness) merge() {
	for _, name := range slices.Sorted(maps.Keys(w.Others)) {
		first, _, again := strings.Cut(name, " #")
		if again && compatible(w.Others[first], w.Others[name]) {
			maps.Copy(w.Others[first], w.Others[name])
			delete(w.Others, name)
		}
	}
}

func compatible(a, b map[string]*string) bool {
	for k, x := range a {
		if y, ok := b[k]; ok && (x == nil) != (y == nil) || ok && x != nil && *x != *y {
			return false
		}
	}
	return true
}

// other adds a column of a row that another table must hold.
func (j *judgement) other(w *Witness, names map[int]string, v *variable, x value) {
	if w.Others == nil {
		w.Others = map[string]map[string]*string{}
	}
	name, ok := names[v.row]
	if !ok {
		id := j.c.p.rows[v.row].rel.Identity()
		name = id
		for n := 2; w.Others[name] != nil; n++ {
			name = id + " #" + strconv.Itoa(n)
		}
		names[v.row] = name
		w.Others[name] = map[string]*string{}
	}
	w.Others[name][v.name] = textOf(x)
}

func exists(r *row, leaf *env) bool {
	on := func(v int) bool { return v < 0 || leaf.set[v] && !leaf.val[v].isFalse() }
	return on(r.found) && on(r.present)
}

func textOf(v value) *string {
	if v.null {
		return nil
	}
	s := v.output()
	return &s
}

// explanation says in a clause what each reason means; the policy is named in front of it.
var explanation = map[Reason]string{
	NoRowSecurity:   "nothing filters the rows",
	AlwaysTrue:      "it is true of every row in every context",
	ForeignRow:      "it is true of a row of another tenant in a proper context",
	NullKey:         "it is true of a row that belongs to nobody: its tenant key is NULL",
	UnsetContext:    "it is true of a tenant's row while the context is unset",
	EmptyContext:    "it is true of a tenant's row while the context is the empty string",
	MalformedCtx:    "it is true of a tenant's row while the context names no tenant",
	NotCorrelated:   "its sub-query does not look at the row: one hit opens every row",
	CaseInsensitive: "it takes different tenants for one: its comparison is not identity",
	Pattern:         "it matches by pattern: other tenants' keys match too",
	OtherSetting:    "a setting that is not the tenant's opens it",
	LiteralTenant:   "it opens a fixed tenant's rows, whatever the context",
}

// reason classifies a refutation.
func (j *judgement) reason(leaf *env) Reason {
	if j.alwaysTrue() {
		return AlwaysTrue
	}
	if j.q == anyRow {
		return ForeignRow
	}
	if j.orphan(leaf) {
		return NullKey
	}
	if r, ok := j.contextReason(leaf); ok {
		return r
	}
	switch {
	case j.uncorrelated(leaf):
		return NotCorrelated
	case j.keyIsLiteral(leaf):
		return LiteralTenant
	case j.opensByArgument(leaf), j.opensBySetting(leaf):
		return OtherSetting
	case j.keyMeets(matchesPattern):
		return Pattern
	case j.keyMeets(j.losesIdentity):
		return CaseInsensitive
	}
	return ForeignRow
}

// alwaysTrue reports whether the predicate is TRUE before anything is chosen.
func (j *judgement) alwaysTrue() bool {
	e := newSearch(j.k, mode{proof: true}, 1).env
	r := e.eval(j.c.p.root)
	return r.st == known && r.v.isTrue()
}

// orphan reports whether the row belongs to nobody.
func (j *judgement) orphan(leaf *env) bool {
	for _, r := range j.k.parents {
		if leaf.val[j.c.p.rows[r].present].isFalse() && leaf.set[j.c.p.rows[r].present] {
			return true
		}
	}
	return slices.ContainsFunc(j.k.keys, func(i int) bool { return leaf.set[i] && leaf.val[i].null })
}

// contextReason classifies by the context's state, where it is read and not proper.
func (j *judgement) contextReason(leaf *env) (Reason, bool) {
	for _, t := range j.k.contexts {
		if j.c.p.vars[t.v].class != classSetting || !leaf.set[t.v] || !j.reads(t.v) {
			continue
		}
		v := leaf.val[t.v]
		switch {
		case v.null:
			return UnsetContext, true
		case v.s == "":
			return EmptyContext, true
		case !j.proper(v, t) && j.keyMeets(matchesPattern):
			return Pattern, true
		case !j.proper(v, t) && j.keyMeets(j.losesIdentity):
			return CaseInsensitive, true
		case !j.proper(v, t):
			return MalformedCtx, true
		}
	}
	return "", false
}

// reads reports whether the predicate, or a sub-query of it, looks at a variable.
func (j *judgement) reads(i int) bool {
	hit := false
	visit := func(n *node) { hit = hit || (n.op == opVar || n.op == opSetting) && n.v == i }
	walkNodes(j.c.p.root, visit)
	for n := range j.c.p.subs {
		walkNodes(j.c.p.subs[n].where, visit)
	}
	return hit
}

// uncorrelated reports whether the predicate rests on a sub-query and looks at no column of the row that tells its tenant.
func (j *judgement) uncorrelated(leaf *env) bool {
	found := false
	for i := range j.c.p.subs {
		f := j.c.p.subs[i].found
		found = found || leaf.set[f] && leaf.val[f].isTrue()
	}
	if !found {
		return false
	}
	for i := range j.c.p.vars {
		if v := &j.c.p.vars[i]; v.class == classColumn && v.row == 0 && j.reads(i) {
			return false
		}
	}
	return true
}

// keyMeets reports whether the key is looked at in a comparison or function of which test holds for some part.
func (j *judgement) keyMeets(test func(*node) bool) bool {
	hit := false
	visit := func(n *node) {
		if !meets(n) || hit || !slices.ContainsFunc(j.c.p.valuesOf(n), func(v int) bool { return slices.Contains(j.k.keys, v) }) {
			return
		}
		walkNodes(n, func(x *node) { hit = hit || test(x) })
	}
	walkNodes(j.c.p.root, visit)
	for i := range j.c.p.subs {
		walkNodes(j.c.p.subs[i].where, visit)
	}
	return hit
}

func matchesPattern(n *node) bool { return n.op == opCall && n.fn.pattern }

// losesIdentity reports whether a node takes different values for one.
func (j *judgement) losesIdentity(n *node) bool {
	switch n.op {
	case opCall:
		return n.fn.lossy
	case opConvert:
		from := n.args[0].t
		return n.to.length > 0 || n.to.kind == kindCitext || n.to.kind == kindBpchar || n.to.bits > 0 && from.kind == kindNum && from.bits == 0
	case opVar:
		return j.c.p.vars[n.v].t.kind == kindCitext
	}
	return n.folded
}

func (j *judgement) keyIsLiteral(leaf *env) bool {
	return slices.ContainsFunc(j.k.keys, func(i int) bool {
		return leaf.set[i] && !leaf.val[i].null && leaf.val[i].s != "" && j.reads(i) && j.isConstant(j.c.p.vars[i].group, leaf.val[i])
	})
}

func (j *judgement) opensByArgument(leaf *env) bool {
	for i := range j.c.p.vars {
		if j.c.p.vars[i].class == classArgument && leaf.set[i] && !leaf.val[i].null {
			return true
		}
	}
	return false
}

func (j *judgement) opensBySetting(leaf *env) bool {
	for i := range j.c.p.vars {
		if j.c.p.vars[i].class == classSetting && !j.isContext(i) && leaf.set[i] && !leaf.val[i].null {
			return true
		}
	}
	return false
}

// decision says a verdict of one way.
func (v *verdict) decision(way reach.Way) Decision {
	out := Decision{Verdict: v.verdict, Reason: v.reason, Why: v.why, Witness: v.witness, Unusable: v.unusable}
	out.Premises = append(out.Premises, v.notes...)
	if v.verdict == Leak && v.witness != nil && way.Unbound == "" {
		out.Why = subject(way) + ": " + v.why
	}
	if v.verdict == Undecided && way.Opaque == "" && len(way.Policies) > 0 {
		out.Why = subject(way) + ": " + v.why
	}
	return out
}

// subject names the policies of a way.
func subject(way reach.Way) string {
	var names []string
	for _, p := range way.Policies {
		if p.Permissive && !slices.Contains(names, p.Name) {
			names = append(names, p.Name)
		}
	}
	switch len(names) {
	case 0:
		return "what filters " + way.Relation.Identity()
	case 1:
		return "policy " + names[0]
	}
	out := "policies " + names[0]
	for i, n := range names[1:] {
		if i == len(names)-2 {
			out += " and " + n
		} else {
			out += ", " + n
		}
	}
	return out
}
