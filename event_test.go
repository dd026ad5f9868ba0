package ringfence

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"testing"
)

// TestEventTypesAreAll holds the list to the constants: a type that is declared and not listed would be refused by the
// trail's CHECK constraint.
func TestEventTypesAreAll(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "event.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var declared []EventType
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); ok && name.Name == "EventType" {
			text := spec.Values[0].(*ast.BasicLit).Value
			declared = append(declared, EventType(text[1:len(text)-1]))
		}
		return true
	})
	if !slices.Equal(declared, EventTypes) {
		t.Errorf("declared %v\nlisted   %v", declared, EventTypes)
	}
	for _, e := range EventTypes {
		if !slices.Contains(Severities, e.Severity()) {
			t.Errorf("%s has no severity", e)
		}
	}
}
