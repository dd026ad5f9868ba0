package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/internal/trailsql"
)

// eventsPage writes the enumeration of events with what the code says of each type, and the columns of the trail's table.
func eventsPage(b *bytes.Buffer) error {
	root, err := findRoot()
	if err != nil {
		return err
	}
	says, err := typeComments(filepath.Join(root, "event.go"))
	if err != nil {
		return err
	}
	b.WriteString("# Events\n\nOne enumeration serves the code, the CHECK constraints of the trail's table, metrics and this page. A refusal says that something was\nrefused; everything else is on record all the same. Severities, mildest first: ")
	for i, s := range ringfence.Severities {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(b, "`%s`", s)
	}
	b.WriteString(". The\nseverity of a type is its default: what records an event may say another.\n\n| type | severity | refusal | meaning |\n|---|---|---|---|\n")
	for _, t := range ringfence.EventTypes {
		refusal := ""
		if t.Refusal() {
			refusal = "yes"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", t, t.Severity(), refusal, strings.ReplaceAll(says[string(t)], "|", "\\|"))
	}
	fmt.Fprintf(b, "\n## The table\n\n`%s.%s`, partitioned by month of `id`; the first %d columns are what people ask for, and what a view under the application's own names\nshows (`trail: {view, tenant}` in [ringfence.yaml](config.md)).\n\n| column | type | meaning |\n|---|---|---|\n", trailsql.Schema, trailsql.Events, trailsql.ReferenceColumns)
	for _, c := range trailsql.Columns {
		null := ""
		if c.Null {
			null = ", null"
		}
		fmt.Fprintf(b, "| `%s` | %s%s | %s |\n", c.Name, c.Type, null, strings.ReplaceAll(c.Comment, "|", "\\|"))
	}
	b.WriteString("\nIndexes beside the key: ")
	for i, x := range trailsql.Indexes {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(b, "(%s)", x.Keys)
	}
	b.WriteString(".\n")
	return nil
}

// typeComments reads what stands beside each event type's declaration, or names the type where nothing does.
func typeComments(file string) (map[string]string, error) {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	says := map[string]string{}
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); ok && name.Name == "EventType" {
			word := strings.Trim(spec.Values[0].(*ast.BasicLit).Value, `"`)
			says[word] = strings.TrimSpace(spec.Comment.Text())
			if says[word] == "" {
				says[word] = strings.ReplaceAll(word, "_", " ")
			}
		}
		return true
	})
	if len(says) != len(ringfence.EventTypes) {
		return nil, fmt.Errorf("%s declares %d event types, %d are listed", file, len(says), len(ringfence.EventTypes))
	}
	return says, nil
}
