//go:build system

package decide

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strconv"
	"testing"
)

// TestSystemOracle compares a hundred thousand cases at the least, and holds the grammar to every production and every kind of node;
// with RINGFENCE_LONG also under further seeds.
func TestSystemOracle(t *testing.T) {
	used, ops, cases := holdOracle(t, 2500, 1, decidedFloor)
	if cases < 100_000 {
		t.Errorf("%d cases were compared", cases)
	}
	for op := opConst; op <= opTry; op++ {
		if !ops[op] {
			t.Errorf("no predicate had a node of kind %d (node.go)", op)
		}
	}
	for _, s := range unusedProductions(t, used) {
		t.Errorf("the grammar never produced %s", s)
	}
	if os.Getenv("RINGFENCE_LONG") == "1" {
		for seed := range uint64(4) {
			holdOracle(t, 2500, seed+2, decidedFloor)
		}
	}
}

// unusedProductions lists the productions of the grammar's source that a run never used.
func unusedProductions(t *testing.T, used map[string]int) []string {
	t.Helper()
	src, err := os.ReadFile("oracle_grammar_test.go")
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), "oracle_grammar_test.go", src, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	ast.Inspect(file, func(n ast.Node) bool {
		clause, ok := n.(*ast.CaseClause)
		if !ok {
			return true
		}
		for _, e := range clause.List {
			if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if name, err := strconv.Unquote(lit.Value); err == nil && used[name] == 0 && !slices.Contains(keyTypes, name) {
					out = append(out, name)
				}
			}
		}
		return true
	})
	return out
}
