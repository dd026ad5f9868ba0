package plan

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func equalFold(a, b string) bool { return strings.EqualFold(a, b) }

// wants plans what findings ask for beyond what every table of a class gets. Kinds that the classes' plans already hold need
// nothing here; their rule ids stand in Why. A want that no planner knows is withheld, so that it is seen.
func (p *planner) wants() {
	for _, w := range p.in.Wants {
		if w.Kind == "" || p.coveredByClass(w) {
			continue
		}
		planner := wantPlanners[w.Kind]
		if planner == nil {
			p.withhold(w.Kind, w.Object, "the plan has no step of this kind", "")
			continue
		}
		planner(p, w)
	}
}

// coveredByClass reports whether the table's class already brought the step, or withheld it with its reason.
func (p *planner) coveredByClass(w Want) bool {
	switch w.Kind {
	case "application_role":
		if p.roleName() == "" {
			p.withhold(w.Kind, w.Object, "the role has to be named: --application-role, or plan.application_role in ringfence.yaml", "")
		}
		return true
	case "enable_rls", "force_rls", "create_policy", "replace_policy", "drop_policy", "tenant_index", "repair_index", "not_null",
		"updated_at", "updated_at_column", "updated_at_trigger", "unset_context_default", "default_privileges":
		return true
	}
	return false
}

// wantPlanners are the planners of single wants, by kind.
var wantPlanners = map[string]func(*planner, Want){
	"revoke":                (*planner).wantRevoke,
	"revoke_membership":     (*planner).wantMembership,
	"role_attribute":        (*planner).wantAttribute,
	"security_invoker":      (*planner).wantInvoker,
	"function_execute":      (*planner).wantExecute,
	"function_search_path":  (*planner).wantSearchPath,
	"unique_swap":           (*planner).wantUnique,
	"foreign_key":           (*planner).wantForeignKey,
	"composite_foreign_key": (*planner).wantForeignKey,
}

func (w Want) why() []string {
	if w.Rule == "" {
		return nil
	}
	return []string{w.Rule}
}

func (p *planner) wantRevoke(w Want) {
	r := p.snap.Relation(cmp.Or(w.Table, w.Object))
	if r == nil {
		r = p.snap.Relation(w.Object)
	}
	if r == nil {
		p.withhold(w.Kind, w.Object, "no relation of this name", "")
		return
	}
	privileges := []string{w.Command}
	if w.Command == "" || r.Kind == catalog.MatView {
		privileges = everyPrivilege
	}
	p.revokeFrom(r, privileges, w.why())
}

// wantMembership takes the role named by Object from the application role that is its member.
func (p *planner) wantMembership(w Want) {
	for _, m := range p.snap.Memberships {
		if m.Role != w.Object || m.Member != w.Role {
			continue
		}
		target := Target{Role: m.Role, Member: m.Member}
		for option, has := range map[string]bool{"ADMIN": m.Admin, "INHERIT": m.Inherit, "SET": m.Set} {
			if has {
				target.Options = append(target.Options, option)
			}
		}
		slices.Sort(target.Options)
		p.add(&revokeMembership, target, how{why: w.why()})
		return
	}
	p.withhold(w.Kind, w.Object, "no membership of that kind is direct: a person has to choose which link to cut", "")
}

func (p *planner) wantAttribute(w Want) {
	role := p.snap.Role(w.Role)
	if role == nil {
		p.withhold(w.Kind, w.Role, "no role of this name", "")
		return
	}
	if name := p.roleName(); name != "" && name != w.Role {
		p.withhold(w.Kind, w.Role, "the application is to connect as "+name+" instead; this role keeps what its jobs rely on", "")
		return
	}
	for _, a := range []struct {
		has  bool
		name string
	}{{role.BypassRLS, "BYPASSRLS"}, {role.Superuser, "SUPERUSER"}, {role.Replication, "REPLICATION"}, {role.CreateRole, "CREATEROLE"}} {
		if a.has && (w.Command == "" || w.Command == a.name) {
			p.add(&roleAttribute, Target{Role: w.Role, Value: a.name}, how{why: w.why()})
		}
	}
}

func (p *planner) wantInvoker(w Want) {
	r := p.snap.Relation(w.Object)
	switch {
	case r == nil || r.Kind != catalog.View:
		p.withhold(w.Kind, w.Object, "it is not a view", "")
	case p.version < 150000:
		p.withhold(w.Kind, w.Object, "PostgreSQL 14 knows no security_invoker: the view has to be rewritten or its grants taken away", "")
	default:
		target := Target{Name: nameOf(r)}
		if was, ok := r.Options["security_invoker"]; ok {
			if on := strings.ToLower(was); on == "true" || on == "on" || on == "1" || on == "yes" {
				return
			}
			target.WasValue = &was
		}
		p.add(&securityInvoker, target, how{why: w.why()})
	}
}

// wantExecute closes a function: to PUBLIC, and to the application where it is none of the functions that are meant for it.
func (p *planner) wantExecute(w Want) {
	f := p.findFunction(w.Object)
	if f == nil {
		p.withhold(w.Kind, w.Object, "no function of this name", "")
		return
	}
	for _, s := range p.config.Service {
		if p.findFunction(s.Name) == f {
			return // it is open on purpose, and functions has planned whose it is
		}
	}
	p.restrictFunction(f, nil, w.why())
	grantees := p.holders
	for _, g := range f.Grants {
		if g.Privilege == "EXECUTE" && g.Grantee != "" && g.Grantee != f.Owner && grantees[g.Grantee] && !p.isService(g.Grantee) {
			p.add(&revoke, Target{Name: Name{f.Schema, f.Name}, Arguments: f.Arguments, ObjectType: "function", Role: g.Grantee,
				Privileges: []string{"EXECUTE"}, Was: []catalog.Grant{g}}, how{why: w.why()})
		}
	}
}

func (p *planner) wantSearchPath(w Want) {
	f := p.findFunction(w.Object)
	if f == nil {
		p.withhold(w.Kind, w.Object, "no function of this name", "")
		return
	}
	target := Target{Name: Name{f.Schema, f.Name}, Arguments: f.Arguments}
	for _, entry := range f.Config {
		if name, value, _ := strings.Cut(entry, "="); equalFold(name, "search_path") {
			target.WasValue = &value
			if value == target.storedSearchPath() {
				return
			}
		}
	}
	p.add(&functionSearchPath, target, how{why: w.why()})
}

// wantUnique leads a unique constraint with the tenant.
func (p *planner) wantUnique(w Want) {
	t := p.m.Table(w.Table)
	if t == nil || len(t.Key) != 1 {
		p.withhold(w.Kind, w.Object, "the table has no single tenant key to lead it with", "")
		return
	}
	r := t.Relation
	for i := range r.Constraints {
		c := &r.Constraints[i]
		if c.Identity(r) != w.Object && (Name{r.Schema, cmp.Or(c.Index, c.Name)}).Identity() != w.Object {
			continue
		}
		if why := p.cannotSwap(r, c); why != "" {
			p.withhold(w.Kind, w.Object, why, "")
			return
		}
		columns := append([]string{t.Key[0]}, c.Columns...)
		target := Target{Name: nameOf(r), Columns: columns, Old: Name{Name: c.Name}, OldColumns: c.Columns}
		if !p.allow["unique_swap"] {
			target.Object.Name = c.Name
			p.add(&uniqueSwap, target, how{}) // withholds it, with the index it needs
			return
		}
		target.Object.Name = p.uniqueIndexFor(r, columns, w)
		p.add(&uniqueSwap, target, how{why: w.why()})
		return
	}
	p.withhold(w.Kind, w.Object, "it is an index without a constraint: nothing swaps it in one statement, a person has to", "")
}

// cannotSwap says why a constraint has to stay.
func (p *planner) cannotSwap(r *catalog.Relation, c *catalog.Constraint) string {
	switch {
	case c.Kind != "unique":
		return "it is a " + c.Kind + " constraint: other tables and the application name rows by it"
	case c.Deferrable:
		return "it is deferrable, which an index that is built beforehand cannot be"
	case r.Kind == catalog.Partitioned || r.Partition != nil:
		return "on a partitioned table an index cannot become a constraint"
	}
	for i := range p.snap.Relations {
		other := &p.snap.Relations[i]
		for _, k := range other.Constraints {
			if k.Kind == "foreign" && k.RefTable == r.Identity() && slices.Equal(slices.Sorted(slices.Values(k.RefColumns)), slices.Sorted(slices.Values(c.Columns))) {
				return "the foreign key " + k.Name + " of " + other.Identity() + " stands on it"
			}
		}
	}
	return ""
}

// uniqueIndexFor returns the name of a valid unique index over the columns, planning it where there is none.
func (p *planner) uniqueIndexFor(r *catalog.Relation, columns []string, w Want) string {
	for i := range r.Indexes {
		x := &r.Indexes[i]
		if x.Unique && x.Valid && x.Ready && x.Predicate == nil && x.Constraint == "" && slices.EqualFunc(x.Keys, columns, func(k catalog.IndexKey, c string) bool { return k.Column == c }) {
			return x.Name
		}
	}
	key := r.Identity() + "\x00" + strings.Join(columns, "\x00")
	if name := p.keys[key]; name != "" {
		return name
	}
	name := p.relationName(r.Schema, append(append([]string{r.Name}, columns...), "key")...)
	p.keys[key] = name
	target := Target{Name: nameOf(r), Columns: columns}
	target.Object.Name = name
	p.add(&uniqueIndex, target, how{why: w.why()})
	return name
}

// wantForeignKey makes a reference name the tenant too, and takes the old one away where no row can be without its tenant.
func (p *planner) wantForeignKey(w Want) {
	t := p.m.Table(w.Table)
	if t == nil || len(t.Key) != 1 {
		p.withhold(w.Kind, w.Object, "the table has no single tenant key to refer with", "")
		return
	}
	for i := range t.Relation.Constraints {
		c := &t.Relation.Constraints[i]
		if c.Kind != "foreign" || c.Identity(t.Relation) != w.Object {
			continue
		}
		p.compositeKey(t, c, w)
		return
	}
	p.withhold(w.Kind, w.Object, "no foreign key of this name", "")
}

func (p *planner) compositeKey(t *tenancy.Table, c *catalog.Constraint, w Want) {
	parent := p.m.Table(c.RefTable)
	switch {
	case parent == nil || len(parent.Key) != 1:
		p.withhold(w.Kind, w.Object, "the table it refers to has no single tenant key", "")
		return
	case p.version < 180000 && t.Relation.Kind == catalog.Partitioned:
		p.withhold(w.Kind, w.Object, "before 18 a partitioned table cannot get a foreign key that is validated later", "")
		return
	case parent.Relation.Kind == catalog.Partitioned:
		p.withhold(w.Kind, w.Object, "the unique index it needs on a partitioned table would have to hold the partition key", "")
		return
	case strings.HasPrefix(c.OnDelete, "set") || strings.HasPrefix(c.OnUpdate, "set"):
		p.withhold(w.Kind, w.Object, "its action sets columns, which would then be the tenant key's too", "")
		return
	}
	refs := append([]string{parent.Key[0]}, c.RefColumns...)
	target := Target{Name: nameOf(t.Relation), Columns: append([]string{t.Key[0]}, c.Columns...), Reference: &Reference{
		Name: nameOf(parent.Relation), Columns: refs, OnDelete: strings.ToUpper(c.OnDelete), OnUpdate: strings.ToUpper(c.OnUpdate),
	}}
	switch {
	case c.Deferred:
		target.Reference.Defer = "deferred"
	case c.Deferrable:
		target.Reference.Defer = "deferrable"
	}
	existing, validated := sameReference(t.Relation, target)
	if !uniquelyKeyed(parent.Relation, refs) {
		p.uniqueIndexFor(parent.Relation, refs, w)
	}
	target.Object.Name = existing
	if existing == "" {
		target.Object.Name = uniqueName(func(n string) bool { return hasConstraint(t.Relation, n) }, append(append([]string{t.Relation.Name}, target.Columns...), "fkey")...)
		p.add(&foreignKey, target, how{why: w.why()})
	}
	if !validated {
		p.add(&foreignKeyValidate, target, how{why: w.why()})
	}
	p.dropReference(t, c, w)
}

// dropReference takes away the reference that the composite one makes needless. A row whose tenant key is NULL would be checked by
// the old one only; an old one that is not valid could not be given back as it was.
func (p *planner) dropReference(t *tenancy.Table, c *catalog.Constraint, w Want) {
	key := t.Relation.ColumnByName(t.Key[0])
	if key == nil || !key.NotNull || !c.Validated || c.NotEnforced || t.Relation.Kind == catalog.Partitioned {
		p.withhold("foreign_key_drop", w.Object, "a row may have no tenant, or the reference is not validated: it still says something of its own", "")
		return
	}
	ref := Reference{Name: nameOf(p.m.Table(c.RefTable).Relation), Columns: c.RefColumns, Full: c.Match == "full",
		OnDelete: strings.ToUpper(c.OnDelete), OnUpdate: strings.ToUpper(c.OnUpdate)}
	switch {
	case c.Deferred:
		ref.Defer = "deferred"
	case c.Deferrable:
		ref.Defer = "deferrable"
	}
	target := Target{Name: nameOf(t.Relation), Columns: c.Columns, Reference: &ref}
	target.Object.Name = c.Name
	p.add(&foreignKeyDrop, target, how{why: w.why()})
}

func sameReference(r *catalog.Relation, t Target) (name string, validated bool) {
	for _, c := range r.Constraints {
		if c.Kind == "foreign" && slices.Equal(c.Columns, t.Columns) && c.RefTable == t.Reference.Identity() && slices.Equal(c.RefColumns, t.Reference.Columns) {
			return c.Name, c.Validated
		}
	}
	return "", false
}

func uniquelyKeyed(r *catalog.Relation, columns []string) bool {
	return slices.ContainsFunc(r.Indexes, func(x catalog.Index) bool {
		return x.Unique && x.Valid && x.Predicate == nil && slices.EqualFunc(x.Keys, columns, func(k catalog.IndexKey, c string) bool { return k.Column == c })
	})
}
