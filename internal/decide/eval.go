package decide

// A state is what an evaluation under a partial assignment came to.
type state uint8

const (
	known   state = iota // v is the value
	raises               // the server raises an error
	wanting              // the value of variable need is not chosen yet
	stuck                // it needs the value of something not understood: variable need
)

// A result is the outcome of evaluating one node.
type result struct {
	st   state
	need int
	v    value
}

func is(v value) result { return result{v: v} }

// A mode says how an evaluation is meant.
type mode struct {
	// proof: what is not understood may be anything; otherwise functions are run and the rest is stuck.
	proof bool
	// strict: AND, OR and errors come in the order written, as the server runs them; otherwise an error on one side does not
	// hide what the other side says, which is true of more rows, never fewer.
	strict bool
}

// An env is an assignment of values to some variables of a program.
type env struct {
	vars []variable
	val  []value
	set  []bool
	mode mode

	evals int // nodes evaluated
}

func (e *env) get(i int) result {
	if e.set[i] {
		return is(e.val[i])
	}
	if !e.mode.proof && e.vars[i].class == classFree {
		return result{st: stuck, need: i}
	}
	return result{st: wanting, need: i}
}

// eval evaluates n. Deciding is a matter of many small evaluations, so this is one switch.
func (e *env) eval(n *node) result {
	e.evals++
	if e.mode.proof {
		switch {
		case n.never:
			return is(falseV)
		case n.stand >= 0:
			return e.standIn(n)
		}
	}
	switch n.op {
	case opConst:
		return is(n.val)
	case opVar:
		return e.get(n.v)
	case opAnd, opOr:
		if e.mode.strict {
			return e.connectStrict(n)
		}
		return e.connect(n)
	case opNot:
		r := e.eval(n.args[0])
		if r.st == known && !r.v.null {
			return is(boolean(r.v.isFalse()))
		}
		return r
	case opIsNull:
		return e.isNull(n)
	case opTruth:
		return e.truth(n)
	case opSetting:
		return e.setting(n)
	case opCoalesce:
		return e.coalesce(n)
	case opCase:
		return e.choose(n)
	case opExists:
		return e.get(n.v)
	case opScalar:
		return e.scalar(n)
	case opPresent:
		return e.present(n)
	case opRaise:
		return result{st: raises}
	case opTry:
		if e.mode.proof {
			return e.choose(n)
		}
		if r := e.eval(n.args[2]); r.st != raises {
			return r
		}
		return e.eval(n.args[1])
	}
	return e.apply(n)
}

// standIn is the value of a node that a proof does not run: NULL and errors come through, the rest is open.
func (e *env) standIn(n *node) result {
	if n.op == opCompare || n.op == opDistinct {
		return e.compareIn(n)
	}
	if n.op == opConvert || n.op == opCall && n.fn.strict {
		for _, a := range n.args {
			r := e.eval(a)
			if r.st != known || r.v.null {
				return r
			}
			if n.op == opConvert && n.to.length > 0 {
				return e.cut(n, r.v)
			}
		}
	}
	return e.get(n.stand)
}

// cut is what is left of a text in a type of limited length: of one that stands for others, itself or any that is as long as the type
// allows.
func (e *env) cut(n *node, v value) result {
	if v.fresh == 0 && (v.k == kindText || v.k == kindBpchar) {
		switch out, how := convert(v, n.to, n.explicit); how {
		case done:
			return is(out)
		case raised:
			return result{st: raises}
		}
	}
	r := e.get(n.stand)
	if r.st == known && r.v.fresh == 0 && !r.v.null && len(r.v.s) < n.to.length && r.v.s != v.s {
		return result{st: raises} // a choice that no text leads to
	}
	return r
}

// compareIn is a comparison that a proof does not run: of NULL, and of values that are the same to the letter, its outcome is known.
func (e *env) compareIn(n *node) result {
	a, b := e.eval(n.args[0]), e.eval(n.args[1])
	switch {
	case a.st != known:
		return a
	case b.st != known:
		return b
	case a.v.k == kindRow, b.v.k == kindRow:
		return e.get(n.stand)
	case a.v.null || b.v.null, a.v.k == b.v.k && equal(a.v, b.v):
		if v, how := applyValues(n, []value{a.v, b.v}); how == done {
			return is(v)
		}
	}
	return e.get(n.stand)
}

// connect is AND and OR when the order of evaluation is open.
func (e *env) connect(n *node) result {
	decisive, neutral := falseV, trueV
	if n.op == opOr {
		decisive, neutral = trueV, falseV
	}
	out, unknown := is(neutral), result{}
	wait, raise := -1, false
	for i := range n.args {
		r := e.eval(n.args[i])
		switch {
		case r.st == known && !r.v.null && r.v.s == decisive.s:
			return is(decisive)
		case n.positive && n.op == opAnd && (r.st == raises || r.st == known && r.v.null):
			return is(falseV) // it will not be TRUE any more, and nothing else counts here
		case r.st == known && r.v.null:
			out = is(null)
		case r.st == wanting:
			if wait < 0 || e.vars[wait].class == classFree && e.vars[r.need].class != classFree {
				wait = r.need
			}
		case r.st == raises:
			raise = true
		case r.st == stuck:
			unknown = r
		}
	}
	switch {
	case wait >= 0:
		return result{st: wanting, need: wait}
	case unknown.st == stuck:
		return unknown
	case raise:
		return result{st: raises}
	}
	return out
}

// connectStrict is AND and OR from left to right.
func (e *env) connectStrict(n *node) result {
	decisive := "false"
	out := is(trueV)
	if n.op == opOr {
		decisive, out = "true", is(falseV)
	}
	for _, a := range n.args {
		r := e.eval(a)
		if r.st != known {
			return r
		}
		if r.v.null {
			out = is(null)
		} else if r.v.s == decisive {
			return r
		}
	}
	return out
}

func (e *env) isNull(n *node) result {
	r := e.eval(n.args[0])
	if r.st != known {
		return r
	}
	if !r.v.null && r.v.k == kindRow {
		all := true // IS NULL: every field is; IS NOT NULL: no field is
		for _, f := range r.v.elems {
			all = all && f.null != n.not
		}
		return is(boolean(all))
	}
	return is(boolean(r.v.null != n.not))
}

func (e *env) truth(n *node) result {
	r := e.eval(n.args[0])
	if r.st != known {
		return r
	}
	var hit bool
	switch n.want {
	case "true":
		hit = r.v.isTrue()
	case "false":
		hit = r.v.isFalse()
	default:
		hit = r.v.null
	}
	return is(boolean(hit != n.not))
}

func (e *env) setting(n *node) result {
	r := e.get(n.v)
	if r.st == known && r.v.null && !n.missingOK {
		return result{st: raises}
	}
	return r
}

func (e *env) coalesce(n *node) result {
	for _, a := range n.args {
		if r := e.eval(a); r.st != known || !r.v.null {
			return r
		}
	}
	return is(null)
}

func (e *env) choose(n *node) result {
	last := len(n.args) - 1
	for i := 0; i < last; i += 2 {
		r := e.eval(n.args[i])
		if r.st != known {
			return r
		}
		if r.v.isTrue() {
			return e.eval(n.args[i+1])
		}
	}
	return e.eval(n.args[last])
}

func (e *env) scalar(n *node) result {
	r := e.get(n.v)
	if r.st != known {
		return r
	}
	if !r.v.isTrue() {
		return is(null)
	}
	return e.eval(n.args[0])
}

func (e *env) present(n *node) result {
	r := e.get(n.v)
	if r.st != known {
		return r
	}
	if !r.v.isTrue() {
		return is(null)
	}
	return e.eval(n.args[0])
}
