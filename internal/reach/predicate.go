package reach

import (
	"slices"
	"strings"
	"sync"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// boolOID is the OID of type boolean.
const boolOID = 16

// True and False are the constant predicates. They are shared and must not be changed.
var (
	trueExpr  expr.Expr = &expr.Const{TypeOID: boolOID, Known: true, Text: "true"}
	falseExpr expr.Expr = &expr.Const{TypeOID: boolOID, Known: true, Text: "false"}
)

// constant reports whether e is the constant predicate of that value.
func constant(e expr.Expr, value bool) bool {
	c, ok := e.(*expr.Const)
	return ok && c.Known && !c.Null && c.TypeOID == boolOID && (c.Text == "true") == value
}

// and joins predicates; constants are folded, and a single one is itself.
func and(all ...expr.Expr) expr.Expr {
	var args []expr.Expr
	for _, e := range all {
		switch {
		case e == nil || constant(e, true):
		case constant(e, false):
			return falseExpr
		case !slices.Contains(args, e):
			args = append(args, e)
		}
	}
	switch len(args) {
	case 0:
		return trueExpr
	case 1:
		return args[0]
	}
	return &expr.Logic{Op: "and", Args: args}
}

// or joins alternatives; none is false.
func or(all ...expr.Expr) expr.Expr {
	var args []expr.Expr
	for _, e := range all {
		switch {
		case constant(e, true):
			return trueExpr
		case e == nil || constant(e, false):
		case !slices.Contains(args, e):
			args = append(args, e)
		}
	}
	switch len(args) {
	case 0:
		return falseExpr
	case 1:
		return args[0]
	}
	return &expr.Logic{Op: "or", Args: args}
}

// A composed is the effective predicate of one kind of check on one relation for one set of policies.
type composed struct {
	using    expr.Expr // on rows that are there
	check    expr.Expr // on rows that are made
	policies []*catalog.Policy
	why      string // not empty: a policy that could not be read, so that nothing is known
	roles    bool   // it reads current_user or the like: it differs by who runs it though the expression is the same
}

// A composer builds effective predicates and builds each of them once. It is safe for concurrent use.
type composer struct {
	m     *tenancy.Model
	mu    sync.Mutex
	known map[composeKey]*composed
	shape map[*catalog.Relation]map[string]string // relation → role → which of its policies apply, as a key
}

type composeKey struct {
	rel     *catalog.Relation
	applies string
	command Command
}

func newComposer(m *tenancy.Model) *composer {
	return &composer{m: m, known: make(map[composeKey]*composed), shape: make(map[*catalog.Relation]map[string]string)}
}

// applicable tells, as a string of one byte a policy, which of rel's policies bind role: those TO PUBLIC or to a role that it
// has the privileges of. Roles that the same policies bind share one composed predicate.
func (c *composer) applicable(rel *catalog.Relation, role string) string {
	if s, ok := c.shape[rel][role]; ok {
		return s
	}
	bytes := make([]byte, len(rel.Policies))
	for i := range rel.Policies {
		bytes[i] = '0'
		if c.bindsRole(&rel.Policies[i], role) {
			bytes[i] = '1'
		}
	}
	if c.shape[rel] == nil {
		c.shape[rel] = make(map[string]string)
	}
	c.shape[rel][role] = string(bytes)
	return string(bytes)
}

func (c *composer) bindsRole(p *catalog.Policy, role string) bool {
	if len(p.Roles) == 0 {
		return true
	}
	for _, r := range p.Roles {
		if r == "" || r == "public" || c.m.Rights.HasPrivsOf(role, r) {
			return true
		}
	}
	return false
}

// policies returns the effective predicate of rel's policies for a command of role: permissive ones joined by OR, restrictive
// ones by AND, no permissive one is false. WITH CHECK falls back to USING. SELECT's own policies are not in it: see bound.
func (c *composer) policies(rel *catalog.Relation, role string, command Command) *composed {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := composeKey{rel, c.applicable(rel, role), command}
	if known, ok := c.known[key]; ok {
		return known
	}
	out := c.build(rel, key.applies, command)
	c.known[key] = out
	return out
}

func (c *composer) build(rel *catalog.Relation, applies string, command Command) *composed {
	out := &composed{}
	var permitUsing, permitCheck, restrictUsing, restrictCheck []expr.Expr
	for pass := range 2 {
		for i := range rel.Policies {
			p := &rel.Policies[i]
			if applies[i] != '1' || p.Permissive != (pass == 0) || p.Command != "ALL" && p.Command != string(command) || observes(p) {
				continue
			}
			using, check := c.clauses(p, rel, out)
			out.policies = append(out.policies, p)
			if p.Permissive {
				permitUsing, permitCheck = append(permitUsing, using), append(permitCheck, check)
			} else {
				restrictUsing, restrictCheck = append(restrictUsing, using), append(restrictCheck, check)
			}
		}
	}
	out.using = and(append([]expr.Expr{or(permitUsing...)}, restrictUsing...)...)
	out.check = and(append([]expr.Expr{or(permitCheck...)}, restrictCheck...)...)
	out.roles = mentionsRole(out.using) || mentionsRole(out.check)
	return out
}

// observes reports whether a policy is one by which observe mode counts: it is true for every row, by functions that logic cannot look
// into. To leave a restrictive policy out can only make a table look more open than it is, so nothing is proved by that name.
func observes(p *catalog.Policy) bool {
	return !p.Permissive && strings.HasPrefix(p.Name, "ringfence_observe_")
}

// clauses reads a policy's two expressions. A permissive clause that is not there permits nothing, a restrictive one forbids
// nothing; WITH CHECK falls back to USING.
func (c *composer) clauses(p *catalog.Policy, rel *catalog.Relation, out *composed) (using, check expr.Expr) {
	absent := falseExpr
	if !p.Permissive {
		absent = trueExpr
	}
	read := func(tree *catalog.Tree) expr.Expr {
		if tree == nil {
			return nil
		}
		e, err := c.m.Reader.Expression(tree, rel)
		if err != nil || e == nil {
			out.why = "policy " + catalog.QuoteIdent(p.Name) + " could not be read"
			return &expr.Unknown{Tag: "POLICY", TypeOID: boolOID}
		}
		return e
	}
	using, check = read(p.Using), read(p.Check)
	if check == nil {
		check = using
	}
	if using == nil {
		using = absent
	}
	if check == nil {
		check = absent
	}
	return using, check
}

// mentionsRole reports whether a predicate looks at who runs it, or calls what might.
func mentionsRole(e expr.Expr) bool {
	found := false
	expr.WalkDeep(e, func(n expr.Expr, _ int) bool {
		switch n := n.(type) {
		case *expr.SessionValue:
			found = found || n.Name != "current_date" && n.Name != "current_timestamp"
		case *expr.Call:
			found = found || n.Func != nil && n.Func.Schema != "pg_catalog"
		}
		return !found
	})
	return found
}
