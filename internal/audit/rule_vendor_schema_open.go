package audit

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/reach"
)

var vendorSchemaOpen = Rule{
	ID:       "VND001",
	Name:     "vendor-schema-open",
	Title:    "the application reaches a schema that runs jobs or keeps secrets",
	Severity: High,
	Fix:      "revoke",
	Source:   "26, 110",
	Doc: `Schemas of job runners, queues, vaults and sign-in services (cron, pgmq, vault, auth, net) hold what works for all tenants: commands that run as others,
messages, keys, people's accounts. The application's role has privileges there, or a view shows them.

Take the privileges away, and wrap what is needed in functions of a fixed shape.`,

	Check: func(in *Input, report func(Finding)) {
		for i := range in.Model.Snapshot.Relations {
			r := &in.Model.Snapshot.Relations[i]
			switch r.Kind {
			case catalog.Table, catalog.Partitioned, catalog.View, catalog.MatView:
			default:
				continue
			}
			secret := r
			if !has(vendorSchemas, r.Schema) {
				if secret = in.showsVendor(r); secret == nil {
					continue
				}
			}
			for _, app := range in.Model.Applications() {
				if r.RowSecurity || !in.reads(app, r) || reach.InvokersView(r) && !in.reads(app, secret) {
					continue
				}
				f := Finding{Object: r.Identity(), ObjectType: string(r.Kind), Table: secret.Identity(), Role: app, Command: "SELECT", Detail: app + " may read " + secret.Identity() + " by it."}
				f.Fix = &Fix{SQL: "REVOKE ALL ON " + r.Identity() + " FROM PUBLIC, " + pg.Ident(app), Why: "functions of a fixed shape reach it"}
				report(f)
			}
		}
	},
}

// reads reports whether a role may use a relation's schema, and SELECT from the relation.
func (in *Input) reads(app string, r *catalog.Relation) bool {
	return in.mayUse(app, r) && in.Model.Rights.Relation(app, r, "SELECT").Held
}

// vendorSchemas are the schemas that widely used extensions and services make for themselves.
var vendorSchemas = []string{"auth", "cron", "net", "pgmq", "pgsodium", "vault"}

// showsVendor returns the relation of a vendor's schema that a view reads, or nil. Only a view's own definition is looked at.
func (in *Input) showsVendor(v *catalog.Relation) *catalog.Relation {
	if v.Kind != catalog.View && v.Kind != catalog.MatView || v.Extension != "" {
		return nil
	}
	queries, err := in.Model.Reader.View(v)
	if err != nil {
		in.Unchecked("VND001", v.Identity(), err.Error())
		return nil
	}
	for _, q := range queries {
		for _, e := range q.Range {
			if e.Relation != nil && e.Relation.Schema == "auth" && !e.Relation.RowSecurity {
				return e.Relation
			}
		}
	}
	return nil
}
