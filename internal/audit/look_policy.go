package audit

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
)

// A written is one expression of one policy, with what rules ask of it: read once for all of them.
type written struct {
	policy *catalog.Policy
	rel    *catalog.Relation
	e      expr.Expr
	err    error // why it could not be read; then nothing else is there

	contexts []expr.Context      // what it reads of who asks, helpers inlined
	tables   []*catalog.Relation // what its sub-queries read, helpers left alone
	called   []called            // the functions that it rests on
}

// readPolicies reads USING and WITH CHECK of every policy of the model's tables.
func readPolicies(in *Input) []written {
	var out []written
	for _, t := range in.tables() {
		for i := range t.Relation.Policies {
			p := &t.Relation.Policies[i]
			for _, tree := range []*catalog.Tree{p.Using, p.Check} {
				if tree != nil {
					out = append(out, in.readPolicy(p, t.Relation, tree))
				}
			}
		}
	}
	return out
}

func (in *Input) readPolicy(p *catalog.Policy, rel *catalog.Relation, tree *catalog.Tree) written {
	w := written{policy: p, rel: rel}
	if w.e, w.err = in.Model.Reader.Expression(tree, rel); w.err != nil {
		return w
	}
	calls := false
	expr.WalkDeep(w.e, func(e expr.Expr, _ int) bool {
		switch e := e.(type) {
		case *expr.SubLink:
			for _, entry := range e.Query.Range {
				if entry.Relation != nil {
					w.tables = append(w.tables, entry.Relation)
				}
			}
		case *expr.Call:
			calls = calls || e.Func != nil && !e.Func.System
		}
		return true
	})
	whole := w.e
	if calls {
		w.called = in.readCalled(p, rel, w.e)
		whole = in.Model.Reader.Inline(w.e)
	}
	expr.WalkDeep(whole, func(e expr.Expr, _ int) bool {
		if c, ok := expr.ContextOf(e); ok {
			w.contexts = append(w.contexts, c)
		}
		return true
	})
	return w
}

// eachWritten visits every policy's expressions; one that could not be read is unchecked for the rule.
func (in *Input) eachWritten(rule string, visit func(w *written)) {
	all := in.policies()
	for i := range all {
		if w := &all[i]; w.err != nil {
			in.Unchecked(rule, w.policy.Identity(w.rel), fmt.Sprintf("its expression could not be read: %v", w.err))
		} else {
			visit(w)
		}
	}
}

// eachPolicy is eachWritten for rules that look at the expression itself.
func (in *Input) eachPolicy(rule string, visit func(p *catalog.Policy, rel *catalog.Relation, e expr.Expr)) {
	in.eachWritten(rule, func(w *written) { visit(w.policy, w.rel, w.e) })
}

// eachSubquery calls visit for every relation that a sub-query of a policy reads.
func (in *Input) eachSubquery(rule string, visit func(p *catalog.Policy, rel, read *catalog.Relation)) {
	in.eachWritten(rule, func(w *written) {
		for _, t := range w.tables {
			visit(w.policy, w.rel, t)
		}
	})
}

// contextFault makes a rule for policies that read a context which bad names a fault of. The finding is told once a policy.
func contextFault(r Rule, bad func(in *Input, c expr.Context) string) Rule {
	r.Check = func(in *Input, report func(Finding)) {
		told := map[*catalog.Policy]bool{}
		in.eachWritten(r.ID, func(w *written) {
			for _, c := range w.contexts {
				detail := bad(in, c)
				if detail == "" || told[w.policy] {
					continue
				}
				told[w.policy] = true
				f := Finding{Object: w.policy.Identity(w.rel), ObjectType: "policy", Table: w.rel.Identity(), Severity: Info, Detail: detail}
				if way := in.canTouch(w.rel); way != nil {
					f.Severity, f.Role, f.Path = r.Severity, way.Role, way.Path
				}
				report(f)
			}
		})
	}
	return r
}
