package audit

import (
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// enable is the SQL that puts a table's policies in force for everybody.
func enable(r *catalog.Relation) string {
	return fmt.Sprintf("ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY", r.Identity())
}

// force is the SQL that lets a table's policies bind its owner.
func force(r *catalog.Relation) string {
	return fmt.Sprintf("ALTER TABLE %s FORCE ROW LEVEL SECURITY", r.Identity())
}

// protect is the SQL that isolates a table by its own tenant key; for a child, whose policy has to reach its parent, the plan
// writes it, and a reader is told so.
func protect(m *tenancy.Model, t *tenancy.Table) string {
	if len(t.Key) == 0 {
		return ""
	}
	column := t.Relation.ColumnByName(t.Key[0])
	if column == nil {
		return ""
	}
	value := contextValue(m)
	if column.Type != "text" {
		value += "::" + column.Type
	}
	return fmt.Sprintf("CREATE POLICY tenant_isolation ON %s USING (%s = (SELECT %s));\n%s", t.Relation.Identity(),
		catalog.QuoteIdent(column.Name), value, enable(t.Relation))
}

// contextValue is the SQL of the tenant's context: the setting or the claim that most policies read.
func contextValue(m *tenancy.Model) string {
	setting := func(name string) string {
		return fmt.Sprintf("NULLIF(current_setting(%s, true), '')", pg.Literal(name))
	}
	for _, c := range m.Contexts {
		switch {
		case c.Principal || c.Signed:
		case c.Kind == "setting":
			return setting(c.Name)
		case c.Kind == "claim":
			return fmt.Sprintf("(%s::jsonb #>> %s)", setting(c.Name), pg.Literal("{"+strings.Join(c.Path, ",")+"}"))
		}
	}
	return setting("app.tenant_id")
}

// keyOf names a table's tenant key for people.
func keyOf(t *tenancy.Table) string {
	if len(t.Key) > 0 {
		return list(t.Key)
	}
	if t.Parent != nil {
		return list(t.Parent.Columns) + ", which leads to " + t.Parent.Table.Relation.Identity()
	}
	return "nothing that could be found"
}
