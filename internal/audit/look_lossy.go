package audit

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/expr"
)

// lossyCasts are PostgreSQL's own conversions of numbers that give different ones the same value: from a type to others, by name.
var lossyCasts = map[string][]string{
	"int8":    {"float4", "float8"},
	"int4":    {"float4"},
	"numeric": {"float4", "float8", "int2", "int4", "int8"},
}

// roundedKey names the key column that a policy compares with the context after such a conversion, or "".
func (in *Input) roundedKey(e expr.Expr, key []string) string {
	column := ""
	expr.WalkDeep(e, func(e expr.Expr, depth int) bool {
		o, ok := e.(*expr.Operation)
		if !ok || o.Op == nil || o.Op.Name != "=" || len(o.Args) != 2 {
			return column == ""
		}
		for i, a := range o.Args {
			c, ok := bare(a).(*expr.Call)
			if !ok || c.Func == nil || !c.Func.System || c.Form == "call" || len(c.Args) == 0 || !asksContext(o.Args[1-i]) {
				continue
			}
			v, ok := bare(c.Args[0]).(*expr.Var)
			t := in.Model.Snapshot.TypeByOID(c.Args[0].Type())
			if ok && t != nil && v.Level == depth && v.RTE == 1 && slices.Contains(key, v.Name) && slices.Contains(lossyCasts[t.Name], c.Func.Name) {
				column = v.Name
			}
		}
		return column == ""
	})
	return column
}
