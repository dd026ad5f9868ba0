package reach_test

import (
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/expr"
)

// text writes a predicate shortly: casts left out, columns by name with one ^ for each query outwards.
func text(e expr.Expr) string {
	switch e := e.(type) {
	case nil:
		return "-"
	case *expr.Var:
		return strings.Repeat("^", e.Level) + fmt.Sprintf("%d.", e.RTE) + e.Name
	case *expr.Const:
		if e.Null {
			return "NULL"
		}
		if e.TypeOID == 16 {
			return e.Text
		}
		return "'" + e.Text + "'"
	case *expr.Param:
		return "$" + fmt.Sprint(e.ID) + e.Name
	case *expr.SessionValue:
		return e.Name
	case *expr.Cast:
		return text(e.Arg)
	case *expr.Logic:
		if e.Op == "not" {
			return "not " + text(e.Args[0])
		}
		return "(" + joined(e.Args, " "+e.Op+" ") + ")"
	case *expr.Operation:
		name := e.Kind
		if e.Op != nil && e.Kind == "plain" {
			name = e.Op.Name
		}
		if len(e.Args) == 2 && e.Kind == "plain" {
			return text(e.Args[0]) + name + text(e.Args[1])
		}
		return name + "(" + joined(e.Args, ",") + ")"
	case *expr.Call:
		if e.Func == nil {
			return fmt.Sprintf("f%d(%s)", e.OID, joined(e.Args, ","))
		}
		return e.Func.Name + "(" + joined(e.Args, ",") + ")"
	case *expr.SubLink:
		test := ""
		if e.Test != nil {
			test = text(e.Test) + " "
		}
		return e.Kind + "{" + test + query(e.Query) + "}"
	}
	return fmt.Sprintf("%T(%s)", e, joined(e.Children(), ","))
}

func joined(all []expr.Expr, sep string) string {
	parts := make([]string, len(all))
	for i, e := range all {
		parts[i] = text(e)
	}
	return strings.Join(parts, sep)
}

func query(q *expr.Query) string {
	var b strings.Builder
	for i := range q.Range {
		e := &q.Range[i]
		switch {
		case e.Relation != nil:
			fmt.Fprintf(&b, "%d:%s ", i+1, e.Relation.Name)
		case e.Subquery != nil:
			fmt.Fprintf(&b, "%d:[%s] ", i+1, query(e.Subquery))
		}
	}
	if q.Where != nil {
		b.WriteString("where " + text(q.Where))
	}
	return strings.TrimSpace(b.String())
}
