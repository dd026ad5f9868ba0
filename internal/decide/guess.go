package decide

import (
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// A Guess is a row that does not belong and a context, under which a predicate of an undecided way would let the row through if
// what logic does not follow were as it would have to be. It is good for nothing until PostgreSQL has evaluated Expr on it.
type Guess struct {
	Expr    expr.Expr
	Witness *Witness
}

// The bounds of guessing: searches in orders of chance, the steps of each and of one for a pair of values, and what is kept of each and of all.
const (
	guessRounds = 160
	guessBudget = 300
	pairBudget  = 30
	guessesEach = 8
	maxGuesses  = 1600
)

// Guesses lists what PostgreSQL might be asked of an undecided way over tenants' rows: nothing where the answer would hang on more
// than the row, the settings and PostgreSQL's own functions of these.
func (d *Decider) Guesses(way reach.Way) (out []Guess) {
	defer func() { // as in Decide
		if recover() != nil {
			out = nil
		}
	}()
	t := d.m.Table(way.Relation.Identity())
	if !way.Privileged || way.Opaque != "" || way.Args || t == nil || len(t.Key) == 0 && t.Parent == nil {
		return nil
	}
	switch t.Class {
	case tenancy.Unclassified, tenancy.Infrastructure, tenancy.Global:
		return nil
	}
	for _, p := range predicatesOf(way) {
		if d.cached(way, t, p, ownRow).verdict != Undecided {
			continue
		}
		j := d.guessing(way, t, p)
		if j == nil {
			continue
		}
		for _, leaf := range d.guessed(j) {
			out = append(out, Guess{Expr: p.e, Witness: j.witness(leaf)})
		}
	}
	return out
}

// guessing compiles a predicate for guessing; nil where it is none to guess about.
func (d *Decider) guessing(way reach.Way, t *tenancy.Table, p predicate) *judgement {
	c, k, problem := d.compile(way, t, p, ownRow, false)
	if problem != nil || len(c.p.subs) > 0 || !c.calculable(c.inlined(p.e)) {
		return nil
	}
	for _, g := range c.p.groups {
		g.wide, g.pattern, g.list = true, true, true
	}
	return &judgement{d: d, way: way, c: c, k: k, made: p.made, q: ownRow}
}

// calculable reports whether a predicate's value follows from the row and the settings by PostgreSQL's own functions: the same in
// every session.
func (c *compiler) calculable(e expr.Expr) bool {
	ok := true
	runs := func(oid uint32) {
		f := c.snap.FunctionByOID(oid)
		ok = ok && f != nil && f.System && (f.Volatility == "immutable" || steady[f.Name] || clocks[f.Name])
	}
	expr.WalkDeep(e, func(x expr.Expr, _ int) bool {
		switch x := x.(type) {
		case *expr.Call:
			runs(x.OID)
		case *expr.Operation:
			runs(x.FuncOID)
		case *expr.Quantified:
			runs(x.FuncOID)
		case *expr.SubLink, *expr.Param, *expr.Unknown, *expr.Aggregate:
			ok = false
		}
		return ok
	})
	return ok
}

// steady are the stable functions that look at their arguments and at settings only.
var steady = map[string]bool{
	"current_setting": true, "concat": true, "concat_ws": true, "format": true, "to_json": true, "to_jsonb": true,
	"json_build_object": true, "jsonb_build_object": true, "json_build_array": true, "jsonb_build_array": true, "to_char": true,
}

// guessed returns the assignments to be tried, done once for each shape.
func (d *Decider) guessed(j *judgement) []*env {
	key := j.shape()
	if v, ok := d.guesses.Load(key); ok {
		return v.([]*env)
	}
	v, _ := d.guesses.LoadOrStore(key, j.guess())
	return v.([]*env)
}

// guess tries each value of a tenant key with each of a context, and then whatever chance gives. Which lists of the context a row of
// several tenants is rightly held against is not known where logic does not follow how: nothing is guessed of such a row.
func (j *judgement) guess() []*env {
	g := guesses{j: j, seen: map[string]bool{}}
	if slices.ContainsFunc(j.k.keys, func(i int) bool { return j.c.p.vars[i].t.elem != nil }) {
		return nil
	}
	for _, key := range j.k.keys {
		for _, t := range j.k.contexts {
			for _, x := range j.domainOf(key) {
				for _, y := range j.domainOf(t.v) {
					g.look(pairBudget, 1, func(i int, v value) bool { return (i != key || identical(v, x)) && (i != t.v || identical(v, y)) })
				}
			}
		}
	}
	for range guessRounds {
		g.look(guessBudget, guessesEach, nil)
	}
	return g.out
}

func (j *judgement) domainOf(i int) []value {
	v := &j.c.p.vars[i]
	return j.c.p.groups[v.group].domain(i, v)
}

// identical reports whether two values of a domain are one.
func identical(a, b value) bool { return a.null == b.null && a.output() == b.output() }

// guesses are the assignments found so far, each once.
type guesses struct {
	j    *judgement
	out  []*env
	seen map[string]bool
	runs uint64
}

// look searches once, in an order of its own, for at most so many guesses of the values that world lets through.
func (g *guesses) look(budget, most int, world func(int, value) bool) {
	if len(g.out) >= maxGuesses {
		return
	}
	s := g.j.search(mode{proof: true}, budget, world)
	s.order = rand.New(rand.NewPCG(g.runs, guessRounds))
	g.runs++
	n := 0
	s.accept = func(e *env) bool {
		leaf := &env{vars: e.vars, val: slices.Clone(e.val), set: slices.Clone(e.set)}
		g.j.fill(leaf, s.order, world)
		for _, l := range []*env{leaf, g.j.bare(leaf)} {
			if key := g.j.spelt(l); !g.seen[key] && g.j.telling(l) {
				g.seen[key] = true
				g.out = append(g.out, l)
				n++
			}
		}
		return n >= most
	}
	s.run()
}

// fill chooses the columns and settings that only functions which logic does not follow read.
func (j *judgement) fill(leaf *env, order *rand.Rand, world func(int, value) bool) {
	for i := range j.c.p.vars {
		v := &j.c.p.vars[i]
		if leaf.set[i] || v.class != classSetting && (v.class != classColumn || v.row != 0) {
			continue
		}
		dom := slices.Clone(j.domainOf(i))
		if world != nil {
			dom = slices.DeleteFunc(dom, func(v value) bool { return !world(i, v) })
		}
		leaf.val[i], leaf.set[i] = dom[order.IntN(len(dom))], true
	}
}

// bare is an assignment with NULL in each column that may hold it, but the tenant key's: what else was chosen may break a CHECK.
func (j *judgement) bare(leaf *env) *env {
	out := &env{vars: leaf.vars, val: slices.Clone(leaf.val), set: leaf.set}
	for i := range j.c.p.vars {
		if v := &j.c.p.vars[i]; v.class == classColumn && v.row == 0 && !v.notNull && !slices.Contains(j.k.keys, i) {
			out.val[i] = null
		}
	}
	return out
}

// spelt writes the row and the context of an assignment down.
func (j *judgement) spelt(leaf *env) string {
	var b strings.Builder
	for i := range j.c.p.vars {
		if c := j.c.p.vars[i].class; leaf.set[i] && (c == classColumn || c == classSetting) {
			v := leaf.val[i]
			b.WriteString(map[bool]string{true: "-", false: "+"}[v.null] + v.output() + "\x00")
		}
	}
	return b.String()
}

// telling reports whether a guess would show a leak if it came true: nothing that is known to insiders is in it, every setting that
// is not the tenant's holds nothing, or what the predicate names and no column holds, and a context that is no tenant's name has no tenant's name in it.
func (j *judgement) telling(leaf *env) bool {
	if j.secret(leaf) {
		return false
	}
	for i := range j.c.p.vars {
		v, x := &j.c.p.vars[i], leaf.val[i]
		if v.class != classSetting || !leaf.set[i] || x.null || x.s == "" {
			continue
		}
		if at := slices.IndexFunc(j.k.contexts, func(t tenantContext) bool { return t.v == i }); at < 0 {
			if !j.isConstant(v.group, x) || j.holds(leaf, x.s) {
				return false
			}
		} else if t := j.k.contexts[at]; !(t.path != nil && j.proper(x, t) || t.path == nil && j.plain(x.s)) && j.mentions(leaf, x.s) {
			return false
		}
	}
	return true
}

// holds reports whether a column of the row holds what a setting does: who knows it may be let in on purpose.
func (j *judgement) holds(leaf *env, s string) bool {
	for i := range j.c.p.vars {
		if v := &j.c.p.vars[i]; v.class == classColumn && v.row == 0 && leaf.set[i] && !leaf.val[i].null && leaf.val[i].output() == s {
			return true
		}
	}
	return false
}

// mentions reports whether a text has the row's tenant in it, however it is written.
func (j *judgement) mentions(leaf *env, s string) bool {
	bare := func(s string) string { return strings.ToLower(unmarked.Replace(s)) }
	return slices.ContainsFunc(j.k.keys, func(i int) bool {
		return leaf.set[i] && !leaf.val[i].null && strings.Contains(bare(s), bare(leaf.val[i].output()))
	})
}

// unmarked takes out what a tenant's name may be written with or without.
var unmarked = strings.NewReplacer("-", "", " ", "", "0", "")
