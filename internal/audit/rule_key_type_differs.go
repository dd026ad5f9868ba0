package audit

import (
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

var keyTypeDiffers = tableFault(Rule{
	ID:       "KEY005",
	Name:     "key-type-differs",
	Title:    "the tenant key has another type than in the other tables",
	Severity: Low,
	Source:   "18",
	Doc: `Keys of different types are compared by casts: the policy may miss its index, and a cast that is not one to one takes two tenants for one.

Give the column the type that the others have.`,
}, func(in *Input, t *tenancy.Table) (string, string) {
	if t.Class != tenancy.Owned || in.Model.KeyType == 0 || len(t.Key) != 1 {
		return "", ""
	}
	c := t.Relation.ColumnByName(t.Key[0])
	if c == nil || c.TypeOID == in.Model.KeyType {
		return "", ""
	}
	common := in.Model.Snapshot.TypeByOID(in.Model.KeyType)
	if common == nil {
		return "", ""
	}
	return c.Name + " is " + c.Type + "; most tables have " + common.Format + ".", ""
})
