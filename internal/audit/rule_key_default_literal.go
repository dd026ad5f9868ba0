package audit

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

var keyDefaultLiteral = tableFault(Rule{
	ID:       "KEY006",
	Name:     "key-default-literal",
	Title:    "the tenant key defaults to a fixed tenant",
	Severity: Medium,
	Source:   "21",
	Doc: `An insert that forgets the tenant is not refused: the row lands with the tenant that the default names, and another one reads it.

Drop the default, or let it read the context.`,
}, func(in *Input, t *tenancy.Table) (string, string) {
	for _, k := range t.Key {
		c := t.Relation.ColumnByName(k)
		if c == nil || c.Default == nil || c.Generated != "" || t.Class == tenancy.Root {
			continue
		}
		e, err := in.Model.Reader.Expression(c.Default, t.Relation)
		if err != nil {
			continue
		}
		for {
			cast, ok := e.(*expr.Cast)
			if !ok {
				break
			}
			e = cast.Arg
		}
		if v, ok := e.(*expr.Const); ok && !v.Null {
			return k + " defaults to " + c.Default.Text + ".", "ALTER TABLE " + t.Relation.Identity() + " ALTER COLUMN " + catalog.QuoteIdent(k) + " DROP DEFAULT"
		}
	}
	return "", ""
})
