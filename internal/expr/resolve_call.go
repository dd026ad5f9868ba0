package expr

// A match is a candidate chosen, with the argument types it asks for once variadic and defaulted ones are laid out.
type match struct {
	c        *callable
	args     []uint32 // for the arguments given
	expanded bool     // the variadic argument was given element by element
}

// candidates collects what a name may mean for so many arguments, as FuncnameGetCandidates does: by the path, an earlier
// schema hiding the same argument types of a later one.
func (d *directory) candidates(table map[qualified][]*callable, schema, name string, nargs int, path []string) []match {
	schemas := path
	if schema != "" {
		schemas = []string{schema}
	}
	var out []match
	for _, s := range schemas {
		for _, c := range table[qualified{s, name}] {
			if m, ok := c.layout(nargs); ok && !hidden(out, m) {
				out = append(out, m)
			}
		}
	}
	return out
}

// layout fits a candidate to a number of arguments.
func (c *callable) layout(nargs int) (match, bool) {
	n := len(c.args)
	if c.variadic != 0 && nargs >= n {
		args := append([]uint32(nil), c.args[:n-1]...)
		for len(args) < nargs {
			args = append(args, c.variadic)
		}
		return match{c: c, args: args, expanded: true}, true
	}
	if nargs <= n && nargs >= n-c.defaults {
		return match{c: c, args: c.args[:nargs]}, true
	}
	return match{}, false
}

func hidden(out []match, m match) bool {
	for _, o := range out {
		if equalOIDs(o.args, m.args) {
			return true
		}
	}
	return false
}

func equalOIDs(a, b []uint32) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// choose picks the candidate that PostgreSQL would (func_get_detail, oper): exact types first, then the rules of
// func_select_candidate. False where none fits or more than one does.
func (d *directory) choose(t *nameTable, list []match, types []uint32) (match, bool) {
	for _, m := range list {
		if equalOIDs(m.args, types) {
			return m, true
		}
	}
	var fit []match
	for _, m := range list {
		ok := true
		for i, want := range m.args {
			ok = ok && d.coercible(t, types[i], want, implicitCast)
		}
		if ok {
			fit = append(fit, m)
		}
	}
	if len(fit) > 1 {
		fit = d.narrow(t, fit, types)
	}
	if len(fit) != 1 {
		return match{}, false
	}
	return fit[0], true
}

// narrow is func_select_candidate.
func (d *directory) narrow(t *nameTable, fit []match, types []uint32) []match {
	bases := make([]uint32, len(types))
	unknowns := 0
	for i, y := range types {
		bases[i] = t.base(y)
		if y == unknownOID {
			unknowns++
		}
	}
	fit = best(fit, func(m match) int {
		return score(m, func(i int) bool { return types[i] != unknownOID && m.args[i] == bases[i] })
	})
	if len(fit) == 1 {
		return fit
	}
	fit = best(fit, func(m match) int {
		return score(m, func(i int) bool {
			if types[i] == unknownOID {
				return false
			}
			cat, _ := t.category(bases[i])
			have, preferred := t.category(m.args[i])
			return m.args[i] == bases[i] || preferred && have == cat
		})
	})
	if len(fit) == 1 || unknowns == 0 {
		return fit
	}
	fit = d.byCategory(t, fit, types)
	if len(fit) == 1 || unknowns == len(types) {
		return fit
	}
	return d.asKnown(t, fit, types, bases)
}

func score(m match, exact func(int) bool) int {
	n := 0
	for i := range m.args {
		if exact(i) {
			n++
		}
	}
	return n
}

// best keeps the candidates with the highest score.
func best(fit []match, score func(match) int) []match {
	top := -1
	var out []match
	for _, m := range fit {
		switch s := score(m); {
		case s > top:
			top, out = s, []match{m}
		case s == top:
			out = append(out, m)
		}
	}
	return out
}

// byCategory settles literals of unknown type: text where any candidate takes text, else the one category they agree on,
// and its preferred type where some candidate has it.
func (d *directory) byCategory(t *nameTable, fit []match, types []uint32) []match {
	want := make([]string, len(types))
	preferred := make([]bool, len(types))
	for i, y := range types {
		if y != unknownOID {
			continue
		}
		conflict := false
		for _, m := range fit {
			cat, pref := t.category(m.args[i])
			switch {
			case want[i] == "" || cat == "S" && want[i] != "S":
				want[i], preferred[i] = cat, pref
				conflict = conflict && cat != "S"
			case cat == want[i]:
				preferred[i] = preferred[i] || pref
			case want[i] != "S":
				conflict = true
			}
		}
		if conflict {
			return fit
		}
	}
	var out []match
	for _, m := range fit {
		ok := true
		for i, y := range types {
			if y != unknownOID {
				continue
			}
			cat, pref := t.category(m.args[i])
			ok = ok && cat == want[i] && (!preferred[i] || pref)
		}
		if ok {
			out = append(out, m)
		}
	}
	if len(out) == 0 {
		return fit
	}
	return out
}

// asKnown takes literals for the type of the arguments that are known, where those have one type.
func (d *directory) asKnown(t *nameTable, fit []match, types, bases []uint32) []match {
	var known uint32
	for i, y := range types {
		switch {
		case y == unknownOID:
		case known == 0:
			known = bases[i]
		case known != bases[i]:
			return fit
		}
	}
	var out []match
	for _, m := range fit {
		ok := true
		for _, want := range m.args {
			ok = ok && d.coercible(t, known, want, implicitCast)
		}
		if ok {
			out = append(out, m)
		}
	}
	if len(out) != 1 {
		return fit
	}
	return out
}

// operator finds a binary or prefix operator (oper, left_oper).
func (d *directory) operator(t *nameTable, schema, name string, types []uint32, path []string) (match, bool) {
	list := d.candidates(d.operators, schema, name, len(types), path)
	exact := append([]uint32(nil), types...)
	if len(types) == 2 { // binary_oper_exact: a literal is first taken for the other side's type
		if exact[0] == unknownOID {
			exact[0] = exact[1]
		} else if exact[1] == unknownOID {
			exact[1] = exact[0]
		}
	}
	for _, try := range [][]uint32{exact, {t.base(exact[0]), t.base(exact[len(exact)-1])}} {
		for _, m := range list {
			if equalOIDs(m.args, try[:len(types)]) && try[0] != unknownOID {
				return m, true
			}
		}
	}
	return d.choose(t, list, types)
}

// result works out what a polymorphic callable returns for actual argument types; false where it does not follow.
func (m match) result(t *nameTable, types []uint32) (uint32, bool) {
	res := m.c.result
	if is, _ := polymorphic(res); !is {
		return res, true
	}
	elem := m.element(t, types)
	if elem == 0 {
		return 0, false
	}
	switch res {
	case anyArrayOID, 5078:
		a := t.arrayOf(elem)
		return a, a != 0
	case 3831, 5080, 4537, 4538:
		return 0, false
	}
	return elem, true
}

// element returns the element type that the polymorphic arguments agree on, 0 when they do not.
func (m match) element(t *nameTable, types []uint32) uint32 {
	var elem uint32
	for i, want := range m.args {
		is, _ := polymorphic(want)
		if !is || i >= len(types) || types[i] == unknownOID {
			continue
		}
		have := t.base(types[i])
		if want == anyArrayOID || want == 5078 {
			y := t.typeOf(have)
			if y == nil || y.Element == 0 {
				return 0
			}
			have = y.Element
		}
		if elem != 0 && elem != have {
			return 0
		}
		elem = have
	}
	if elem == 0 {
		for i, want := range m.args {
			if is, _ := polymorphic(want); is && i < len(types) && types[i] == unknownOID {
				return textOID
			}
		}
	}
	return elem
}
