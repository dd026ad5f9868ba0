package decide

import (
	"math/rand/v2"
	"slices"
)

// A search looks for an assignment under which the predicate is true of a row that does not belong.
type search struct {
	k      *claim
	env    env
	any    bool // any row will do
	wants  bool // look for a row that belongs: is the predicate of any use?
	world  func(i int, v value) bool
	accept func(*env) bool // whether a refutation counts
	steps  int
	budget int
	order  *rand.Rand // shuffles what is tried; nil: in the domain's order
	used   []int      // per group, the highest fresh rank in use

	over    bool     // the budget ran out
	notes   []string // what would have to be known, from branches that were given up
	leaf    *env     // the assignment found
	lenient bool     // some branch was true but for the order of evaluation
	inexact bool     // some branch was true but for a sub-query that was widened
	secret  bool     // some branch was true for who knows what a column holds
	open    bool     // the leaf rests on something not understood
}

func newSearch(k *claim, m mode, budget int) *search {
	n := len(k.p.vars)
	return &search{k: k, budget: budget, used: make([]int, len(k.p.groups)),
		env: env{vars: k.p.vars, val: make([]value, n), set: make([]bool, n), mode: m}}
}

// run reports whether there is such an assignment.
func (s *search) run() bool {
	s.steps++
	if s.spent() > s.budget {
		s.over = true
		return false
	}
	ok, need := s.look()
	switch {
	case need >= 0:
		return s.branch(need)
	case ok:
		s.leaf = &env{vars: s.env.vars, val: slices.Clone(s.env.val), set: slices.Clone(s.env.set), mode: s.env.mode}
	}
	return ok
}

// spent is how much of a budget a search has used.
func (s *search) spent() int { return max(s.steps, s.env.evals/evalsPerStep) }

func (s *search) branch(i int) bool {
	v := &s.k.p.vars[i]
	g := v.group
	dom := booleans
	switch {
	case v.fixed != nil:
		dom = v.fixed
	case v.class == classFound && !v.notNull:
		dom = truths
	case v.class != classFound && v.class != classPresent:
		dom = s.k.p.groups[g].domain(i, v)
	}
	if x, ok := s.forced(i); ok {
		dom = []value{x}
	}
	if s.order != nil {
		dom = slices.Clone(dom)
		s.order.Shuffle(len(dom), func(a, b int) { dom[a], dom[b] = dom[b], dom[a] })
	}
	for _, x := range dom {
		if s.world != nil && !s.world(i, x) {
			continue
		}
		before := s.used[g]
		if !s.k.p.groups[g].ordered {
			if s.order == nil && int(x.fresh) > before+1 {
				continue // another value of no meaning of its own: tried already, under another name
			}
			s.used[g] = max(before, int(x.fresh))
		}
		s.env.val[i], s.env.set[i] = x, true
		found := s.run()
		s.env.set[i] = false
		s.used[g] = before
		if found || s.over {
			return found
		}
	}
	return false
}

var (
	booleans = []value{trueV, falseV}
	truths   = []value{trueV, falseV, null}
)

// look evaluates all conditions under the present assignment: it holds (true, -1), it cannot hold (false, -1), or the value
// of a variable is wanted.
func (s *search) look() (bool, int) {
	s.open = false
	wait := -1
	if !s.must(s.k.p.root, &wait) {
		return false, -1
	}
	for i := range s.k.p.subs {
		if !s.finds(&s.k.p.subs[i], &wait) {
			return false, -1
		}
	}
	for _, a := range s.k.asserts {
		if wait < 0 && !s.must(a, &wait) {
			return false, -1
		}
	}
	if wait >= 0 {
		if !s.any {
			if r := s.k.belongs(&s.env); r.st == known && r.v.isTrue() && !s.wants {
				return false, -1 // whatever else is chosen, the row belongs
			}
		}
		return false, wait
	}
	if !s.any {
		r := s.k.belongs(&s.env)
		if r.st == wanting {
			return false, r.need
		}
		if r.st != known || r.v.isTrue() != s.wants {
			return false, -1
		}
	}
	for _, c := range s.k.p.checks {
		switch r := s.env.eval(c); {
		case r.st == wanting:
			return false, r.need
		case r.st == known && r.v.isFalse(), r.st == raises:
			return false, -1
		}
	}
	if !s.consistent() {
		return false, -1
	}
	if s.env.mode.proof {
		return s.ordersAgree() && s.functionsAgree() && (s.accept == nil || s.accept(&s.env)), -1
	}
	return s.confirm()
}

// finds reports that a sub-query's row is not ruled out to be what was chosen of it.
func (s *search) finds(q *subquery, wait *int) bool {
	switch {
	case !s.env.set[q.found] || s.env.val[q.found].isFalse():
		return true
	case s.env.val[q.found].null:
		return s.must(q.cond, wait) && s.must(q.test, wait)
	}
	return s.must(q.where, wait)
}

// must reports that n is not ruled out to be TRUE; wait is the first variable that it wants.
func (s *search) must(n *node, wait *int) bool {
	r := s.env.eval(n)
	switch r.st {
	case known:
		return r.v.isTrue()
	case wanting:
		if *wait < 0 {
			*wait = r.need
		}
		return true
	case stuck:
		s.open = true
		s.note(r.need)
		return s.env.mode.proof
	}
	return false
}

func (s *search) note(need int) {
	name := "a value whose meaning is the server's"
	if need >= 0 {
		name = s.k.p.vars[need].name
	}
	if !slices.Contains(s.notes, name) {
		s.notes = append(s.notes, name)
	}
}

// confirm checks what a refutation needs beyond a proof: the order of evaluation, sub-queries taken literally, values that
// can be written down.
func (s *search) confirm() (bool, int) {
	s.env.mode.strict = true
	r := s.env.eval(s.k.p.root)
	s.env.mode.strict = false
	switch {
	case r.st == wanting:
		return false, r.need
	case r.st == stuck:
		s.note(r.need)
		return false, -1
	case r.st != known || !r.v.isTrue():
		s.lenient = true
		return false, -1
	}
	if ok, need := s.plans(); !ok {
		return false, need
	}
	for i := range s.k.p.subs {
		if ok, need := s.literally(i); !ok {
			s.inexact = s.inexact || need < 0
			return false, need
		}
	}
	for i := range s.env.vars {
		if v := &s.env.vars[i]; s.env.set[i] && !s.env.val[i].null && !printable(v.t) {
			s.note(-1)
			return false, -1
		}
	}
	if s.accept != nil && !s.accept(&s.env) {
		s.secret = true
		return false, -1
	}
	return true, -1
}

// literally reports whether a sub-query, taken at its word, finds what was chosen of it; where it takes a variable to tell, which.
func (s *search) literally(i int) (bool, int) {
	sub := &s.k.p.subs[i]
	if !s.env.set[sub.found] {
		return true, -1
	}
	found := s.env.val[sub.found]
	there, none := !found.isFalse(), !found.isTrue() // NULL is both: a row whose test is NULL is there, and none whose test is TRUE
	switch {
	case there && (!sub.exact || s.partnered(sub)), none && !sub.known:
		return false, -1
	case len(sub.rows) == 0:
		n, need, ok := s.count(sub)
		single := n.found+n.unknown <= 1 || !sub.limited && !sub.valued
		return ok && single && (n.found > 0) == found.isTrue() && (found.isTrue() || (n.unknown > 0) == found.null), need
	case there && len(sub.sets) > 0 && (sub.limited || sub.valued), none && !s.k.p.anchored(sub):
		return false, -1
	}
	return !(sub.limited || none) || !s.populated(i), -1
}

// partnered reports whether a row that an outer join was to find no partner for might have one after all.
func (s *search) partnered(sub *subquery) bool {
	return slices.ContainsFunc(sub.rows, func(r int) bool {
		row := &s.k.p.rows[r]
		return row.present >= 0 && s.env.set[row.present] && s.env.val[row.present].isFalse() && s.another(r)
	})
}

// populated reports whether a relation of a sub-query that found nothing has a row after all.
func (s *search) populated(n int) bool {
	return slices.ContainsFunc(s.k.p.subs[n].rows, s.another)
}

// another reports whether there is another row of a row's relation.
func (s *search) another(r int) bool {
	for q := range s.k.p.rows {
		if q != r && s.k.p.rows[q].rel == s.k.p.rows[r].rel && s.exists(q) {
			return true
		}
	}
	return false
}

// exists reports whether a row is there under the present assignment.
func (s *search) exists(r int) bool {
	x := &s.k.p.rows[r]
	on := func(v int) bool { return v < 0 || s.env.set[v] && !s.env.val[v].isFalse() }
	return on(x.found) && on(x.present)
}
