package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"
)

// configPage writes the reference of ringfence.yaml from the types that read it: each struct a table, each field its line comment.
func configPage(b *bytes.Buffer) error {
	b.WriteString("# ringfence.yaml\n\nWhat the file says wins over inference; everything is optional, and unknown fields are errors. `ringfence init` writes one with\nwhat was inferred, each with its reason.\n")
	return configStructs(func(name, doc string, s *ast.StructType) { structTable(b, name, doc, s) })
}

// configStructs visits the types that read ringfence.yaml, in the order in which they are written.
func configStructs(visit func(name, doc string, s *ast.StructType)) error {
	root, err := findRoot()
	if err != nil {
		return err
	}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, "internal/tenancy/config.go"), nil, parser.ParseComments)
	if err != nil {
		return err
	}
	for _, d := range file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.TYPE {
			continue
		}
		spec := g.Specs[0].(*ast.TypeSpec)
		if s, ok := spec.Type.(*ast.StructType); ok {
			visit(spec.Name.Name, g.Doc.Text(), s)
		}
	}
	return nil
}

func structTable(b *bytes.Buffer, name, doc string, s *ast.StructType) {
	fmt.Fprintf(b, "\n## %s\n\n%s\n| key | type | meaning |\n|---|---|---|\n", name, doc)
	for _, f := range s.Fields.List {
		if f.Tag == nil {
			continue
		}
		key, _, _ := strings.Cut(reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("yaml"), ",")
		comment := strings.TrimSpace(f.Comment.Text())
		if comment == "" {
			comment = strings.Join(strings.Fields(f.Doc.Text()), " ")
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", key, typeWords(f.Type), strings.ReplaceAll(comment, "|", "\\|"))
	}
}

// typeWords names a field's type for people.
func typeWords(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return strings.TrimSuffix(strings.TrimSuffix(e.Name, "Config"), "Section")
	case *ast.SelectorExpr:
		return strings.ToLower(e.Sel.Name)
	case *ast.StarExpr:
		return typeWords(e.X)
	case *ast.ArrayType:
		return "list of " + typeWords(e.Elt)
	case *ast.MapType:
		return "map of " + typeWords(e.Key) + " to " + typeWords(e.Value)
	}
	return ""
}
