package tenancy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// configure lets what ringfence.yaml says of tables win over what was inferred.
func (in *inference) configure() error {
	for _, name := range sortedTables(in.config.Tables) {
		c := in.config.Tables[name]
		t := in.model.byRelation[name]
		if t == nil {
			if len(in.schemas()) > 0 {
				continue // outside what is looked at
			}
			return unknownName("table", name, in.tableNames())
		}
		if err := in.configureTable(t, c); err != nil {
			return err
		}
	}
	in.partitions()
	in.dropQuestions()
	in.accepted()
	return nil
}

func sortedTables(tables map[string]TableConfig) []string {
	out := make([]string, 0, len(tables))
	for name := range tables {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

func (in *inference) tableNames() []string {
	out := make([]string, len(in.model.Tables))
	for i, t := range in.model.Tables {
		out[i] = t.Relation.Identity()
	}
	return out
}

func (in *inference) configureTable(t *Table, c TableConfig) error {
	for _, k := range c.Key {
		if t.Relation.ColumnByName(k) == nil {
			return unknownName("column of "+t.Relation.Identity(), k, columnNames(t.Relation))
		}
	}
	if c.Class != "" {
		t.Class = c.Class
	} else if len(c.Key) > 0 {
		t.Class = Owned
	} else if c.Parent != "" {
		t.Class = Child
	}
	switch {
	case len(c.Key) > 0:
		t.Key, t.Parent = slices.Clone(c.Key), nil
	case t.Class != Owned && t.Class != Root:
		t.Key = nil
	}
	if c.Parent != "" {
		link, err := in.parseLink(t, c.Parent)
		if err != nil {
			return err
		}
		t.Parent, t.Key = link, nil
	}
	if t.Class != Child {
		t.Parent = nil
	}
	if (t.Class == Owned || t.Class == Root) && len(t.Key) == 0 {
		return &ConfigError{Path: "tables." + t.Relation.Identity(), Problem: fmt.Sprintf("a table of class %s needs a key", t.Class)}
	}
	t.Confidence = Certain
	t.Why = "says the configuration"
	if c.Reason != "" {
		t.Why = c.Reason
	}
	t.Nullable = nullable(t.Relation, t.Key)
	return nil
}

func columnNames(rel *catalog.Relation) []string {
	out := make([]string, len(rel.Columns))
	for i := range rel.Columns {
		out[i] = rel.Columns[i].Name
	}
	return out
}

// parseLink reads "campaign_id -> public.campaigns(id)"; several columns stand with commas between.
func (in *inference) parseLink(t *Table, text string) (*Link, error) {
	bad := func(problem string) error {
		return &ConfigError{Path: "tables." + t.Relation.Identity() + ".parent", Problem: problem}
	}
	from, to, ok := cutUnquoted(text, "->")
	refs, ok2 := strings.CutSuffix(strings.TrimSpace(to), ")")
	open := lastUnquoted(refs, '(')
	if !ok || !ok2 || open < 0 {
		return nil, bad(`it is written as "column -> schema.table(column)"`)
	}
	table := strings.TrimSpace(refs[:open])
	parent := in.model.byRelation[table]
	if parent == nil {
		return nil, unknownName("table", table, in.tableNames())
	}
	link := &Link{Table: parent, Source: "config"}
	link.Columns, link.Refs = splitNames(from), splitNames(refs[open+1:])
	if len(link.Columns) == 0 || len(link.Columns) != len(link.Refs) {
		return nil, bad("it needs as many columns on either side")
	}
	for i := range link.Columns {
		if t.Relation.ColumnByName(link.Columns[i]) == nil {
			return nil, unknownName("column of "+t.Relation.Identity(), link.Columns[i], columnNames(t.Relation))
		}
		if parent.Relation.ColumnByName(link.Refs[i]) == nil {
			return nil, unknownName("column of "+table, link.Refs[i], columnNames(parent.Relation))
		}
	}
	return link, nil
}

// cutUnquoted is strings.Cut outside of double quotes.
func cutUnquoted(text, sep string) (before, after string, found bool) {
	quoted := false
	for i := range len(text) {
		if text[i] == '"' {
			quoted = !quoted
		}
		if !quoted && strings.HasPrefix(text[i:], sep) {
			return text[:i], text[i+len(sep):], true
		}
	}
	return text, "", false
}

// lastUnquoted is strings.LastIndexByte outside of double quotes.
func lastUnquoted(text string, c byte) int {
	quoted, at := false, -1
	for i := range len(text) {
		if text[i] == '"' {
			quoted = !quoted
		}
		if !quoted && text[i] == c {
			at = i
		}
	}
	return at
}

// splitNames splits a list of columns at commas; a name in double quotes is taken as it stands in them.
func splitNames(text string) []string {
	var out []string
	for text != "" {
		var part string
		part, text, _ = cutUnquoted(text, ",")
		part = strings.TrimSpace(part)
		if inner, ok := strings.CutPrefix(part, `"`); ok && strings.HasSuffix(inner, `"`) {
			part = strings.ReplaceAll(inner[:len(inner)-1], `""`, `"`)
		}
		if part != "" {
			out = append(out, part)
		}
	}
	return out
}

// String writes a link as the configuration does.
func (l *Link) String() string {
	return quoted(l.Columns) + " -> " + l.Table.Relation.Identity() + "(" + quoted(l.Refs) + ")"
}

func quoted(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = catalog.QuoteIdent(n)
	}
	return strings.Join(out, ", ")
}

// dropQuestions takes away the questions that the configuration answers.
func (in *inference) dropQuestions() {
	in.model.Questions = slices.DeleteFunc(in.model.Questions, func(q Question) bool {
		switch {
		case q.About == "tenant_column":
			return in.given
		case q.About == "role":
			return len(in.namedRoles()) > 0 && len(in.model.Applications()) > 0 // owners and services alone do not say whom tenants' requests run as
		}
		_, told := in.config.Tables[strings.TrimPrefix(q.About, "table ")]
		return told
	})
}

// accepted takes over the acceptances of the configuration.
func (in *inference) accepted() {
	for _, a := range in.config.Accept {
		in.model.Accepted = append(in.model.Accepted, Acceptance(a))
	}
}
