package decide

import (
	"testing"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// nodes visits all nodes of a program.
func (c *compiler) nodesOf(visit func(*node)) {
	walkNodes(c.p.root, visit)
	for i := range c.p.subs {
		walkNodes(c.p.subs[i].where, visit)
	}
}

// rewrite is a mutant that changes nodes one by one.
func rewrite(change func(*node)) mutant {
	return mutant{program: func(c *compiler, _ *claim) { c.nodesOf(change) }}
}

// variables is a mutant that changes variables one by one.
func variables(change func(*compiler, *claim, int, *variable)) mutant {
	return mutant{program: func(c *compiler, k *claim) {
		for i := range c.p.vars {
			change(c, k, i, &c.p.vars[i])
		}
	}}
}

// drop leaves values out of what is tried for some variables.
func drop(class class, gone func(value) bool) mutant {
	return variables(func(c *compiler, _ *claim, i int, v *variable) {
		if v.class != class {
			return
		}
		for _, x := range c.p.groups[v.group].domain(i, v) {
			if !gone(x) {
				v.fixed = append(v.fixed, x)
			}
		}
	})
}

// mutants are faults that a prover of this kind may have. Each must be seen by the cases of testdata/policies.txt.
var mutants = map[string]mutant{
	"or for and": rewrite(func(n *node) {
		if n.op == opAnd {
			n.op = opOr
		}
	}),
	"and for or": rewrite(func(n *node) {
		if n.op == opOr {
			n.op = opAnd
		}
	}),
	"not left out": rewrite(func(n *node) {
		if n.op == opNot {
			*n = *n.args[0]
		}
	}),
	"is null inverted": rewrite(func(n *node) {
		if n.op == opIsNull {
			n.not = !n.not
		}
	}),
	"distinct as plain equality": rewrite(func(n *node) {
		if n.op == opDistinct {
			n.op, n.cmp = opCompare, cmpNE
		}
	}),
	"is not false as is true": rewrite(func(n *node) {
		if n.op == opTruth && n.want == "false" && n.not {
			n.want, n.not = "true", false
		}
	}),
	"null as false": rewrite(func(n *node) {
		if n.op == opCoalesce {
			*n = *n.args[0]
		}
	}),
	"else left out": rewrite(func(n *node) {
		if n.op == opCase {
			n.args[len(n.args)-1] = constant(null)
		}
	}),
	"less or equal as equal": rewrite(func(n *node) {
		if n.op == opCompare && n.cmp == cmpLE {
			n.cmp = cmpEQ
		}
	}),
	"unequal as equal": rewrite(func(n *node) {
		if n.op == opCompare && n.cmp == cmpNE {
			n.cmp = cmpEQ
		}
	}),
	"any as all": rewrite(func(n *node) {
		if n.op == opQuant {
			n.not = !n.not
		}
	}),
	"casts do not cut": rewrite(func(n *node) {
		if n.op == opConvert {
			n.to.length, n.stand = 0, -1
		}
	}),
	"functions are identity": rewrite(func(n *node) {
		if n.op == opCall && len(n.args) > 0 && n.fn.lossy {
			*n = *n.args[0]
		}
	}),
	"citext as text": {program: func(c *compiler, _ *claim) {
		for i := range c.p.vars {
			if c.p.vars[i].t.kind == kindCitext {
				c.p.vars[i].t.kind = kindText
			}
		}
		c.nodesOf(func(n *node) {
			if n.op == opConvert && n.to.kind == kindCitext {
				n.to.kind = kindText
			}
		})
	}},
	"collations are deterministic": rewrite(func(n *node) {
		if n.folded {
			n.folded, n.stand = false, -1
		}
	}),
	"padding counts": rewrite(func(n *node) {
		if n.op == opConvert && n.to.kind == kindBpchar {
			n.to.kind, n.to.length = kindText, 0
		}
	}),
	"patterns match what is equal": rewrite(func(n *node) {
		if n.op == opCall && n.fn.pattern && len(n.args) == 2 {
			n.op, n.cmp, n.stand = opCompare, cmpEQ, -1
		}
	}),
	"keys are never null":      variables(func(_ *compiler, k *claim, i int, v *variable) { v.notNull = v.notNull || v.class == classColumn }),
	"contexts are always set":  drop(classSetting, func(v value) bool { return v.null }),
	"contexts are never empty": drop(classSetting, func(v value) bool { return !v.null && v.s == "" }),
	"other settings do not matter": variables(func(_ *compiler, k *claim, i int, v *variable) {
		for _, c := range k.contexts {
			if c.v == i {
				return
			}
		}
		if v.class == classSetting {
			v.fixed = []value{null}
		}
	}),
	"what is not understood is false": variables(func(_ *compiler, _ *claim, _ int, v *variable) {
		if v.class == classFree {
			v.fixed = []value{null}
		}
	}),
	"sub-queries find any row": {program: func(c *compiler, _ *claim) {
		for i := range c.p.subs {
			c.p.subs[i].where = constant(trueV)
		}
	}},
	"sub-queries find nothing": variables(func(_ *compiler, _ *claim, _ int, v *variable) {
		if v.class == classFound {
			v.fixed = []value{falseV}
		}
	}),
	"any row of a membership is the principal's": {program: func(c *compiler, k *claim) {
		for n := range c.p.subs {
			for r := range c.p.rows {
				if c.p.rows[r].sub == n {
					c.p.subs[n].bound[r] = true
				}
			}
			c.p.subs[n].ties = nil
		}
		c.findMembers(k)
	}},
	"no membership is the principal's": {program: func(_ *compiler, k *claim) { k.members = nil }},
	"parents are not unique":           {program: func(c *compiler, _ *claim) { c.p.unique = nil }},
	"lists are one value":              {program: func(_ *compiler, k *claim) { k.lists = nil }},
	"every row is shared":              variables(func(_ *compiler, k *claim, _ int, _ *variable) { k.isNull = true }),
	"premises are believed":            {skipPremises: true},
	"new rows are not looked at":       {skipMade: true},
	"old rows are not looked at":       {skipOld: true},
}

// TestMutants plants each mutant and wants some case to be decided differently.
func TestMutants(t *testing.T) {
	s := loadCases(t)
	for name, fault := range mutants {
		t.Run(name, func(t *testing.T) {
			d := New(s.model)
			d.fault = fault
			for i := range s.cases {
				if verdicts(d, s.ways(i), s.cases[i].want) != s.cases[i].want {
					return
				}
			}
			t.Error("no case sees it")
		})
	}
}

// policies changes every policy of a snapshot.
func policies(change func(rel *catalog.Relation, p *catalog.Policy)) func(*catalog.Snapshot) {
	return func(s *catalog.Snapshot) {
		for i := range s.Relations {
			for k := range s.Relations[i].Policies {
				change(&s.Relations[i], &s.Relations[i].Policies[k])
			}
		}
	}
}

// readMutants are faults of what composes the effective predicate, planted in what it reads: a composer that has the fault sees the
// catalogue as it is changed here.
var readMutants = map[string]func(*catalog.Snapshot){
	"WITH CHECK does not fall back": policies(func(rel *catalog.Relation, p *catalog.Policy) {
		if p.Check == nil && p.Using != nil && p.Command != "SELECT" && p.Command != "DELETE" {
			always := *p.Using
			always.Node = "{CONST :consttype 16 :consttypmod -1 :constcollid 0 :constlen 1 :constbyval true :constisnull false :location -1 :constvalue 1 [ 1 0 0 0 0 0 0 0 ]}"
			p.Check = &always
		}
	}),
	"a role edge is ignored":              func(s *catalog.Snapshot) { s.Memberships = nil },
	"restrictive policies are ignored":    policies(func(_ *catalog.Relation, p *catalog.Policy) { p.Permissive = true }),
	"a policy for one command is for all": policies(func(_ *catalog.Relation, p *catalog.Policy) { p.Command = "ALL" }),
	"row security is taken for off": func(s *catalog.Snapshot) {
		for i := range s.Relations {
			s.Relations[i].RowSecurity = false
		}
	},
}

// TestReadMutants plants each mutant of the reading and wants some case to be decided differently.
func TestReadMutants(t *testing.T) {
	s := loadCases(t)
	for name, fault := range readMutants {
		t.Run(name, func(t *testing.T) {
			s.read(t, fault)
			d := New(s.model)
			for i := range s.cases {
				if verdicts(d, s.ways(i), s.cases[i].want) != s.cases[i].want {
					return
				}
			}
			t.Error("no case sees it")
		})
	}
}
