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

// rounded is what such a conversion is of; nil where e is none.
func (in *Input) rounded(e expr.Expr) expr.Expr {
	c, ok := bare(e).(*expr.Call)
	if !ok || c.Func == nil || !c.Func.System || c.Form == "call" || len(c.Args) == 0 {
		return nil
	}
	if t := in.Model.Snapshot.TypeByOID(c.Args[0].Type()); t == nil || !slices.Contains(lossyCasts[t.Name], c.Func.Name) {
		return nil
	}
	return bare(c.Args[0])
}
