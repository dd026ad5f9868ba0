package decide

import (
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// bind notes which rows of a sub-query a comparison ties to the context: those are the principal's, the session's, the
// token's rows. A row joined to such a row by an equality is tied as well.
func (c *compiler) bind(n int) {
	sub := &c.p.subs[n]
	var equalities [][2]sides
	conjuncts(sub.where, func(x *node) {
		if (x.op == opCompare && x.cmp == cmpEQ || x.op == opQuant && !x.not && x.cmp == cmpEQ || x.op == opDistinct && x.not) && len(x.args) == 2 {
			equalities = append(equalities, [2]sides{c.sidesOf(x.args[0], n), c.sidesOf(x.args[1], n)})
		}
	})
	for changed := true; changed; {
		changed = false
		for _, eq := range equalities {
			for i := range 2 {
				a, b := eq[i], eq[1-i]
				if a.row >= 0 && b.context {
					sub.ties = append(sub.ties, b.settings...)
					c.p.noteSession(c.p.rows[a.row].rel, b.session)
				}
				if a.row >= 0 && !sub.bound[a.row] && (b.context || b.row >= 0 && sub.bound[b.row]) {
					sub.bound[a.row], changed = true, true
				}
			}
		}
	}
}

// conjuncts visits what AND joins.
func conjuncts(n *node, visit func(*node)) {
	if n == nil {
		return
	}
	if n.op == opAnd {
		for _, a := range n.args {
			conjuncts(a, visit)
		}
		return
	}
	visit(n)
}

// sides says what one side of an equality is made of: one row of the sub-query alone, or the context alone.
type sides struct {
	row      int // -1: none, or several
	context  bool
	settings []int
	session  string // the function that tells the session from others
}

func (c *compiler) sidesOf(n *node, sub int) sides {
	out := sides{row: -1}
	other := false
	walkNodes(n, func(x *node) {
		switch x.op {
		case opSetting:
			out.context = true
			out.settings = append(out.settings, x.v)
		case opScalar, opExists:
			for i := range c.p.subs {
				if c.p.subs[i].found == x.v && len(c.p.subs[i].bound) > 0 {
					out.context = true
				}
			}
		case opVar:
			v := &c.p.vars[x.v]
			switch {
			case v.class == classSession, v.class == classFree && v.rowFree && !isConstant(v.name):
				out.context = true
				if f := sessionFunction(v.name); f != "" {
					out.session = f
				}
			case v.class != classColumn:
			case c.p.rows[v.row].sub == sub && (out.row == v.row || out.row < 0):
				out.row = v.row
			case c.p.rows[v.row].sub >= 0 && c.p.rows[v.row].sub != sub && len(c.p.subs[c.p.rows[v.row].sub].bound) > 0:
			default:
				other = true
			}
		}
	})
	if other || out.context && out.row >= 0 {
		return sides{row: -1}
	}
	return out
}

// sessionFunction returns the name of the function, among those that tell a session or transaction from others, that a
// free variable stands for; else "".
func sessionFunction(what string) string {
	name := functionName(strings.TrimPrefix(what, "function "))
	switch name {
	case "pg_backend_pid", "inet_client_port", "inet_client_addr", "pg_current_xact_id", "pg_current_xact_id_if_assigned", "txid_current", "txid_current_if_assigned":
		return name
	}
	return ""
}

// noteSession notes that a relation's row is the session's own: whoever sets the context writes it.
func (p *program) noteSession(rel *catalog.Relation, f string) {
	if f == "" || rel == nil {
		return
	}
	p.sessions[rel] = f
}

func isConstant(name string) bool { return len(name) > 11 && name[:11] == "a constant " }

func (p *program) uniqueOf(rel *catalog.Relation) bool {
	for _, u := range p.unique {
		if u.rel == rel {
			return false
		}
	}
	return true
}

// addUnique notes the keys of which a relation has no two rows alike: valid, not partial, over columns that are not NULL or
// whose NULLs the caller leaves out.
func (p *program) addUnique(rel *catalog.Relation) {
	for i := range rel.Indexes {
		x := &rel.Indexes[i]
		if !x.Unique || !x.Valid || x.Predicate != nil {
			continue
		}
		u := uniqueKey{rel: rel}
		for _, k := range x.Keys {
			col := rel.ColumnByName(k.Column)
			if k.Column == "" || col == nil {
				u.nums = nil
				break
			}
			u.nums = append(u.nums, col.Num)
		}
		if u.nums != nil {
			p.unique = append(p.unique, u)
		}
	}
	if p.uniqueOf(rel) { // a hand-made snapshot may have constraints without indexes
		for i := range rel.Constraints {
			if k := &rel.Constraints[i]; (k.Kind == "primary" || k.Kind == "unique") && !k.Deferrable {
				u := uniqueKey{rel: rel}
				for _, name := range k.Columns {
					if col := rel.ColumnByName(name); col != nil {
						u.nums = append(u.nums, col.Num)
					}
				}
				p.unique = append(p.unique, u)
			}
		}
	}
}
