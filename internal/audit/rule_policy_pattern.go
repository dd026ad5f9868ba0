package audit

import (
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/decide"
	"github.com/ringfencehq/ringfence/internal/expr"
)

var pattern = undecidedToo(policyFault(Rule{
	ID:       "POL008",
	Name:     "policy-pattern",
	Title:    "the comparison is a pattern that other tenants match",
	Severity: High,
	Source:   "66, 67",
	Doc: `The policy matches the tenant key against a pattern, prefix, range or list made from the context: LIKE, starts_with, a regular
expression, a path of labels. Tenant '1' matches '10', and a context of '%' matches everybody.

Compare by =.`,
}, decide.Pattern), (*Input).undecidedPatterns)

// undecidedToo adds to a rule about refuted policies those that nobody could decide.
func undecidedToo(r Rule, undecided func(*Input, func(Finding))) Rule {
	refuted := r.Check
	r.Check = func(in *Input, report func(Finding)) {
		refuted(in, report)
		undecided(in, report)
	}
	return r
}

// undecidedPatterns reports policies that nobody could decide and that hold the key against the context by what matches more than one
// value: the pattern is the reason, whatever else stands beside it.
func (in *Input) undecidedPatterns(report func(Finding)) {
	unknown := in.ways(func(o open) bool {
		return o.answer.Verdict == decide.Undecided && direct(o) && plain(o.way) && len(o.way.Policies) == 1
	})
	for _, g := range byTable(unknown, policyName) {
		how := ""
		for _, e := range []expr.Expr{g.way.Old, g.way.New} {
			if e != nil && how == "" {
				how = matchesKey(e, g.table.Key)
			}
		}
		if how == "" {
			continue
		}
		f := g.finding("The tenant key meets the context in " + how + ". It concerns " + g.does() + ".")
		f.Object, f.ObjectType = g.way.Policies[0].Identity(g.way.Relation), "policy"
		report(f)
	}
}

// matchesKey names the first operator or function in e that matches the tenant key of the policy's row with the context by pattern.
func matchesKey(e expr.Expr, key []string) string {
	how := ""
	expr.WalkDeep(e, func(e expr.Expr, depth int) bool {
		switch x := e.(type) {
		case *expr.Operation:
			if x.Op != nil && patternOperator(x.Op) && meet(x.Args, key, depth) {
				how = "operator " + x.Op.Name
			}
		case *expr.Call:
			if x.Func != nil && x.Func.System && slices.Contains(patternFunctions, x.Func.Name) && meet(x.Args, key, depth) {
				how = "function " + x.Func.Name
			}
		}
		return how == ""
	})
	return how
}

var patternFunctions = []string{"like", "notlike", "starts_with", "strpos", "position", "regexp_like", "regexp_match", "regexp_matches", "similar_to_escape"}

// patternOperator reports whether an operator is one of LIKE, of regular expressions, of prefixes, or of containment other than that of
// a list of values.
func patternOperator(o *catalog.Operator) bool {
	switch o.Name {
	case "~", "~*", "~~", "~~*", "^@":
		return true
	case "<@", "@>":
		return !strings.Contains(o.Left+o.Right, "array") && !strings.Contains(o.Left+o.Right, "[]") && !strings.Contains(o.Left+o.Right, "json")
	}
	return false
}

// meet reports whether among arguments one looks at the key of the row that is asked about, and another at the context.
func meet(args []expr.Expr, key []string, depth int) bool {
	keyed, asked := false, false
	for _, a := range args {
		expr.WalkDeep(a, func(e expr.Expr, inner int) bool {
			if v, ok := e.(*expr.Var); ok && v.Level == depth+inner && v.RTE == 1 && slices.Contains(key, v.Name) {
				keyed = true
			}
			if _, ok := expr.ContextOf(e); ok {
				asked = true
			}
			return true
		})
	}
	return keyed && asked
}
