package audit

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/expr"
)

var signatureNullPasses = calledFault(Rule{
	ID:       "CTX010",
	Name:     "signature-null-passes",
	Title:    "a token without a signature passes the check",
	Severity: Critical,
	Source:   "verified attack: a signed context, compared by <>",
	Doc: `The function refuses a token whose signature differs by <>. Where the token has no signature the comparison is NULL, which refuses nothing: whoever leaves the signature
out is any tenant.

Compare by IS DISTINCT FROM.`,
}, func(_ *Input, c called) (string, Severity) {
	if c.body == nil || c.function.Strict && len(c.function.Arguments) > 0 {
		return "", ""
	}
	differs, asksNull := false, false
	look := func(e expr.Expr, _ int) bool {
		switch e := e.(type) {
		case *expr.Operation:
			switch {
			case e.Kind == "distinct":
				asksNull = true
			case e.Op != nil && e.Op.Name == "<>" && slices.ContainsFunc(e.Args, signs):
				differs = true
			}
		case *expr.NullTest, *expr.Coalesce:
			asksNull = true
		}
		return true
	}
	for _, q := range c.body.Statements {
		expr.WalkQuery(q, look)
	}
	for _, g := range c.body.Guards {
		expr.WalkDeep(g, look)
	}
	if !differs || asksNull {
		return "", ""
	}
	return "It compares the signature by <>, and asks nowhere whether there is one.", Critical
})

// signs reports whether a signature is made inside an expression.
func signs(e expr.Expr) bool {
	found := false
	expr.WalkDeep(e, func(e expr.Expr, _ int) bool {
		args, _ := madeOf(e)
		found = found || args != nil
		return !found
	})
	return found
}
