package decide

import "github.com/ringfencehq/ringfence/internal/expr"

// inlineWith returns what brings a call of a function written in SQL to the expression it computes.
func inlineWith(*expr.Reader) func(*expr.Call) (expr.Expr, bool) { return nil }
