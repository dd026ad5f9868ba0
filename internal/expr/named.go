package expr

import (
	"strings"

	pgquery "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Words that stand in a text for what is not known before it runs: what the caller passes, and the rest.
const (
	callersWord = "ringfence_caller"
	otherWord   = "ringfence_other"
)

// A naming puts together a text that is run, to ask whether it reads or changes the relation that the function's caller names, quoted
// or not.
type naming struct {
	given func(name string) []Expr // what a variable was given
	seen  map[string]bool
	text  strings.Builder
}

// named reports whether a relation of the text is the caller's choice. A text of which too little is known to be read names none.
func (n *naming) named() bool {
	stmts, err := parseSQL(n.text.String())
	if err != nil {
		return false
	}
	found := false
	for _, s := range stmts {
		switch s.Stmt.GetNode().(type) {
		case *pgquery.Node_SelectStmt, *pgquery.Node_InsertStmt, *pgquery.Node_UpdateStmt, *pgquery.Node_DeleteStmt, *pgquery.Node_MergeStmt,
			*pgquery.Node_TruncateStmt, *pgquery.Node_CopyStmt:
		default:
			continue // it makes or alters the relation
		}
		_ = protorange.Range(s.ProtoReflect(), func(v protopath.Values) error { // the function gives no error
			if m, ok := v.Index(-1).Value.Interface().(protoreflect.Message); ok {
				rel, ok := m.Interface().(*pgquery.RangeVar)
				found = found || ok && strings.Contains(rel.Schemaname+"."+rel.Relname, callersWord)
			}
			return nil
		})
	}
	return found
}

// take puts the next part of the text behind the others.
func (n *naming) take(e Expr) {
	switch e := e.(type) {
	case *Const:
		if e.Known {
			n.text.WriteString(e.Text)
			return
		}
	case *Operation:
		if e.Op != nil && e.Op.Name == "||" {
			for _, a := range e.Args {
				n.take(a)
			}
			return
		}
	case *Call:
		if pattern := formatOf(e); pattern != nil {
			verbs, rest := verbsOf(pattern.Text)
			for _, v := range verbs {
				n.text.WriteString(v.before)
				if v.kind == 'L' {
					n.text.WriteString("''")
				} else {
					n.take(v.of(e))
				}
			}
			n.text.WriteString(rest)
			return
		}
	case *Param:
		if all := n.given(e.Name); e.Kind == "variable" && len(all) == 1 && !n.seen[e.Name] {
			n.seen[e.Name] = true
			n.take(all[0])
			return
		}
	}
	if e != nil && caller(e) {
		n.text.WriteString(callersWord)
	} else {
		n.text.WriteString(otherWord)
	}
}

// holdsName reports whether a body compares what its caller passes with anything: it may know the names that it takes.
func (b *Body) holdsName() bool {
	found := false
	look := func(e Expr, _ int) bool {
		switch e := e.(type) {
		case *Operation:
			found = found || e.Op != nil && e.Op.Name != "||" && caller(e)
		case *Quantified, *Case:
			found = found || caller(e)
		}
		return !found
	}
	for _, s := range b.Statements {
		WalkQuery(s, look)
	}
	for _, g := range b.Guards {
		WalkDeep(g, look)
	}
	return found
}
