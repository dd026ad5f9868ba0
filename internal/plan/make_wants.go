package plan

import (
	"maps"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
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
	"revoke_grant_option":   (*planner).wantGrantOption,
	"publication_table":     (*planner).wantPublication,
	"revoke_membership":     (*planner).wantMembership,
	"role_attribute":        (*planner).wantAttribute,
	"security_invoker":      (*planner).wantInvoker,
	"security_barrier":      (*planner).wantBarrier,
	"check_option":          (*planner).wantCheckOption,
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
			p.add(&revokeExecute, Target{Name: Name{f.Schema, f.Name}, Arguments: f.Arguments, ObjectType: "function", Role: g.Grantee,
				Privileges: []string{"EXECUTE"}, Was: []catalog.Grant{g}}, how{why: w.why()})
		}
	}
}

// makesIn reports whether an application role, or one that it may become, makes objects in the schema.
func (p *planner) makesIn(schema string) bool {
	for role := range p.holders {
		if role != "" && p.m.Rights != nil && p.m.Rights.Schema(role, schema, "CREATE") {
			return true
		}
	}
	return false
}

func (p *planner) wantSearchPath(w Want) {
	f := p.findFunction(w.Object)
	if f == nil {
		p.withhold(w.Kind, w.Object, "no function of this name", "")
		return
	}
	target := Target{Name: Name{f.Schema, f.Name}, Arguments: f.Arguments, Path: p.m.Reader.PinPath(f, p.makesIn)}
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
