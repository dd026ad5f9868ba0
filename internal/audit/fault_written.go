package audit

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// writtenFault makes a rule that looks at one policy at a time, as it is written. look returns what is wrong, "" where nothing is,
// and the SQL that mends it. Severity is the rule's where an application role has a privilege on the table, else information.
func writtenFault(r Rule, look func(in *Input, t *tenancy.Table, p *catalog.Policy) (detail, sql string)) Rule {
	r.Check = func(in *Input, report func(Finding)) {
		for _, t := range in.tables() {
			for i := range t.Relation.Policies {
				p := &t.Relation.Policies[i]
				detail, sql := look(in, t, p)
				if detail == "" {
					continue
				}
				f := Finding{Object: p.Identity(t.Relation), ObjectType: "policy", Table: t.Relation.Identity(), Severity: Info, Detail: detail}
				if w := in.canTouch(t.Relation); w != nil {
					f.Severity, f.Role, f.Path = r.Severity, w.Role, w.Path
				}
				if sql != "" {
					f.Fix = &Fix{SQL: sql, Why: "the other policies say what holds"}
				}
				report(f)
			}
		}
	}
	return r
}

// drop is the SQL that drops a policy.
func drop(p *catalog.Policy, r *catalog.Relation) string {
	return "DROP POLICY " + catalog.QuoteIdent(p.Name) + " ON " + r.Identity()
}

// text prints a policy's expression, for people.
func text(t *catalog.Tree) string {
	if t == nil {
		return ""
	}
	return t.Text
}

// sameTree reports whether two stored expressions are written alike.
func sameTree(a, b *catalog.Tree) bool { return text(a) == text(b) }

// covers reports whether policy p is for every command and role that q is for.
func covers(p, q *catalog.Policy) bool {
	if p.Command != "ALL" && p.Command != q.Command {
		return false
	}
	if len(p.Roles) == 0 {
		return true
	}
	for _, r := range q.Roles {
		if !has(p.Roles, r) {
			return false
		}
	}
	return len(q.Roles) > 0
}

func has(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
