package audit

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

var storageUnscoped = writtenFault(Rule{
	ID:       "VND002",
	Name:     "storage-unscoped",
	Title:    "a policy on stored files looks at no bucket",
	Severity: Medium,
	Source:   "28, 29",
	Doc: `The policy on storage.objects does not mention bucket_id: what it opens, it opens in every bucket, in those of other features and those made later.

Compare bucket_id, and the tenant in the path.`,
}, func(in *Input, t *tenancy.Table, p *catalog.Policy) (string, string) {
	r := t.Relation
	if r.Schema != "storage" || r.Name != "objects" || !p.Permissive || has(p.ColumnDeps, "storage.objects.bucket_id") {
		return "", ""
	}
	return "It does not look at bucket_id.", ""
})
