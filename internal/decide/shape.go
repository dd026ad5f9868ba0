package decide

import (
	"strconv"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// A nodeKey is a judgement's key by identity: composed predicates are shared between ways.
type nodeKey struct {
	e           expr.Expr
	rel         *catalog.Relation
	role        string
	as, user    string
	binds, made bool
	reads       bool
	becomes     bool
	args        bool
	q           question
}

// cached is judgeOne, done once for each predicate over one relation in one role's rights.
func (d *Decider) cached(way reach.Way, t *tenancy.Table, p predicate, q question) *verdict {
	key := nodeKey{p.e, way.Relation, way.Role, way.As, way.CurrentUser, way.Unbound == "", p.made, way.Command == reach.Select, becomes(way), way.Args, q}
	if d.plain(p.e) {
		key.role, key.as, key.user = "", "", ""
	}
	if v, ok := d.exprs.Load(key); ok {
		return v.(*verdict)
	}
	v, _ := d.exprs.LoadOrStore(key, d.judgeOne(way, t, p, q))
	return v.(*verdict)
}

// plain reports whether a predicate says the same whoever runs it: no sub-query, no function of the user's, no role.
func (d *Decider) plain(e expr.Expr) bool {
	if len(d.m.Snapshot.Settings) > 0 {
		return false // defaults are a role's
	}
	if v, ok := d.plains.Load(e); ok {
		return v.(bool)
	}
	plain := true
	expr.Walk(e, func(x expr.Expr) bool {
		switch x := x.(type) {
		case *expr.SubLink, *expr.SessionValue:
			plain = false
		case *expr.Call:
			plain = plain && x.Func != nil && x.Func.System
		}
		return plain
	})
	d.plains.Store(e, plain)
	return plain
}

// becomes reports whether a way takes another role by SET ROLE.
func becomes(way reach.Way) bool {
	for _, h := range way.Path {
		if h.Via == "set_role" {
			return true
		}
	}
	return false
}

// A core is what a search found out: the same for every program of one shape, whatever its tables and columns are called.
type core struct {
	verdict  Verdict
	reason   Reason
	why      string
	unusable bool
	leaf     *env
	notes    []string
}

// shape writes down all that a search depends on. Equal shapes have equal outcomes; names of tables and columns are not in
// it, places of variables are.
func (j *judgement) shape() string {
	b := shapeWriter{buf: make([]byte, 0, 1024)}
	b.flag(j.made)
	b.int(int(j.q))
	p := j.c.p
	for i := range p.vars {
		b.variable(&p.vars[i])
	}
	for i := range p.rows {
		r := &p.rows[i]
		b.int(b.relation(r.rel), r.found, r.present, r.sub)
		b.text(r.source)
	}
	b.node(p.root)
	for i := range p.subs {
		s := &p.subs[i]
		b.flag(s.exact)
		b.flag(s.known)
		b.flag(s.limited)
		b.int(s.found)
		b.int(s.ties...)
		b.node(s.where)
	}
	for _, n := range p.checks {
		b.node(n)
	}
	for _, u := range p.unique {
		b.int(b.relation(u.rel))
		for _, n := range u.nums {
			b.int(int(n))
		}
	}
	b.foreignKeys(p)
	b.claim(j.k)
	return string(b.buf)
}

// A shapeWriter collects a shape.
type shapeWriter struct {
	buf  []byte
	rels []*catalog.Relation
}

func (b *shapeWriter) int(n ...int) {
	for _, i := range n {
		b.buf = strconv.AppendInt(append(b.buf, ' '), int64(i), 32)
	}
}

func (b *shapeWriter) text(s string) {
	b.int(len(s))
	b.buf = append(append(b.buf, ':'), s...)
}

func (b *shapeWriter) flag(f bool) {
	if f {
		b.buf = append(b.buf, '+')
		return
	}
	b.buf = append(b.buf, '-')
}

// relation numbers relations in the order in which they come.
func (b *shapeWriter) relation(rel *catalog.Relation) int {
	if rel == nil {
		return -1
	}
	for i, r := range b.rels {
		if r == rel {
			return i
		}
	}
	b.rels = append(b.rels, rel)
	return len(b.rels) - 1
}

func (b *shapeWriter) sqlType(t *sqlType) {
	b.int(int(t.oid), int(t.kind), t.bits, t.length)
	b.flag(t.domain)
	b.flag(t.tree)
	b.flag(t.name)
	if t.elem != nil {
		b.sqlType(t.elem)
	}
	for _, l := range t.labels {
		b.text(l)
	}
}

func (b *shapeWriter) variable(v *variable) {
	b.buf = append(b.buf, '|')
	b.int(int(v.class), v.row, int(v.num), v.group)
	b.flag(v.notNull)
	b.flag(v.rowFree)
	b.flag(v.state)
	b.sqlType(&v.t)
	if v.class != classColumn {
		b.text(v.name)
	}
	for _, f := range v.fixed {
		b.text(f.s)
	}
}

func (b *shapeWriter) node(n *node) {
	if n == nil {
		b.buf = append(b.buf, '~')
		return
	}
	b.buf = append(b.buf, '(')
	b.int(int(n.op), n.v, int(n.cmp), n.stand)
	b.flag(n.not)
	b.flag(n.missingOK)
	b.flag(n.explicit)
	b.flag(n.folded)
	b.flag(n.positive)
	b.text(n.want)
	if n.op == opConst {
		b.value(&n.val)
	}
	if n.op == opConvert {
		b.sqlType(&n.to)
	}
	b.sqlType(&n.t)
	if n.fn != nil {
		b.text(n.fn.name)
		for _, p := range n.fn.path {
			b.text(p)
		}
	}
	for _, a := range n.args {
		b.node(a)
	}
	b.buf = append(b.buf, ')')
}

func (b *shapeWriter) value(v *value) {
	b.flag(v.null)
	b.int(int(v.k))
	b.text(v.s)
	for i := range v.elems {
		b.value(&v.elems[i])
	}
}

// foreignKeys writes the keys over several columns that lead from one of the program's relations to another.
func (b *shapeWriter) foreignKeys(p *program) {
	for i := range p.rows {
		rel := p.rows[i].rel
		if rel == nil || len(p.rows) == 1 {
			continue
		}
		for k := range rel.Constraints {
			x := &rel.Constraints[k]
			if x.Kind != "foreign" || len(x.Columns) < 2 || !x.Validated {
				continue
			}
			for _, to := range b.rels {
				if to.Identity() != x.RefTable {
					continue
				}
				b.int(i, b.relation(to))
				for n := range min(len(x.Columns), len(x.RefColumns)) {
					b.column(rel, x.Columns[n])
					b.column(to, x.RefColumns[n])
				}
			}
		}
	}
}

func (b *shapeWriter) column(rel *catalog.Relation, name string) {
	if c := rel.ColumnByName(name); c != nil {
		b.int(int(c.Num))
	}
}

func (b *shapeWriter) claim(k *claim) {
	b.int(k.keys...)
	b.flag(k.isNull)
	b.int(k.parents...)
	for _, l := range k.links {
		for _, x := range l {
			b.int(x.child, int(x.from), int(x.to))
		}
	}
	for _, c := range k.contexts {
		b.int(c.v)
		for _, p := range c.path {
			b.text(p)
		}
	}
	for _, n := range k.own {
		b.node(n)
	}
	b.int(len(k.own))
	for _, n := range k.lists {
		b.node(n)
	}
	for _, x := range k.cousins {
		b.int(len(x.subs), len(x.pairs))
		b.int(x.subs...)
		for _, p := range x.pairs {
			b.int(p[0], p[1])
		}
		b.int(x.keys...)
	}
	for _, m := range k.members {
		b.int(len(m))
		b.int(m...)
	}
	for _, n := range k.asserts {
		b.node(n)
	}
	for _, s := range k.shared {
		b.text(s)
	}
}
