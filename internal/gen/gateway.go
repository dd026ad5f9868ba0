package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed gateway.md
var gatewayText string

// gatewayPage writes what a gateway.yaml can say: a text, the examples that package edge's tests parse, and the reference from the
// types that read the file.
func gatewayPage(b *bytes.Buffer) error {
	root, err := findRoot()
	if err != nil {
		return err
	}
	before, after, _ := strings.Cut(gatewayText, "<!-- examples -->\n")
	b.WriteString(before)
	examples, err := filepath.Glob(filepath.Join(root, "internal/edge/testdata/examples/*.yaml"))
	if err != nil || len(examples) == 0 {
		return fmt.Errorf("finding the examples: %v", err)
	}
	for _, path := range examples {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "\n```yaml\n%s```\n", text)
	}
	b.WriteString(after)
	files := []string{"gateway/config.go", "gateway/rules.go"}
	sections, err := filepath.Glob(filepath.Join(root, "internal/edge/section_*.go"))
	if err != nil {
		return err
	}
	for _, s := range sections {
		files = append(files, "internal/edge/"+filepath.Base(s))
	}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		if err := yamlTables(b, filepath.Join(root, path)); err != nil {
			return err
		}
	}
	return nil
}

// yamlTables writes a table for each struct of a file that is read from YAML.
func yamlTables(b *bytes.Buffer, path string) error {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
	if err != nil {
		return err
	}
	for _, d := range file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.TYPE {
			continue
		}
		spec := g.Specs[0].(*ast.TypeSpec)
		s, ok := spec.Type.(*ast.StructType)
		if ok && slices.ContainsFunc(s.Fields.List, func(f *ast.Field) bool { return f.Tag != nil && strings.Contains(f.Tag.Value, "yaml:") }) {
			structTable(b, strings.TrimSuffix(spec.Name.Name, "Section"), g.Doc.Text(), s)
		}
	}
	return nil
}
