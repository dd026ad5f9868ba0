package plan

import (
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// policies plans the one policy that the table needs, and takes away what undoes it. Permissive policies are joined by OR, so
// every one of them must hold; restrictive ones only narrow, and stay.
func (p *planner) policies(t *tenancy.Table, want PolicyShape) {
	r := t.Relation
	want.Name = p.policyName(r, want.Command)
	why := slices.Concat(p.wantsFor("create_policy", r.Identity()), p.wantsFor("replace_policy", r.Identity()), p.wantsFor("enable_rls", r.Identity()))
	slices.Sort(why)
	why = slices.Compact(why)
	h := how{group: r.Identity(), why: why}

	var same, named *catalog.Policy
	var stale []*catalog.Policy
	holding := map[string]bool{} // commands that a policy which holds serves
	for i := range r.Policies {
		pol := &r.Policies[i]
		switch holds := p.judge(r, pol) == Holds; {
		case means(r, pol, want):
			same = pol
		case want.Command != "ALL" && means(r, pol, PolicyShape{Command: pol.Command, Rows: want.Rows}):
			for _, c := range commands(pol.Command) {
				holding[c] = true
			}
		case !pol.Permissive:
		case holds && p.serving(r, pol, want):
			for _, c := range commands(pol.Command) {
				holding[c] = true
			}
		case pol.Name == want.Name:
			named = pol
		case holds && pol.Command == want.Command:
			stale = append(stale, pol)
		default:
			p.drop(r, pol, h)
		}
	}
	enough := same != nil || serves(holding, want.Command)
	if !enough && named == nil && len(stale) > 0 {
		named, stale = stale[0], stale[1:]
		want.Name = named.Name
	}
	for _, pol := range stale {
		p.drop(r, pol, h)
	}
	switch {
	case enough && named != nil:
		p.drop(r, named, h)
	case enough:
	case named != nil:
		stored := storedPolicy(named)
		p.add(&replacePolicy, Target{Name: nameOf(r), Policy: &want, WasPolicy: &stored}, h)
	default:
		want.Name = uniqueName(func(n string) bool {
			return slices.ContainsFunc(r.Policies, func(pol catalog.Policy) bool { return pol.Name == n })
		}, want.Name)
		p.add(&createPolicy, Target{Name: nameOf(r), Policy: &want}, h)
	}
}

// serving reports whether a policy that holds is also of use: it reads the context that the plan's policies read, and no finding
// asks for it to be replaced. One that reads a setting which nobody sets any more shows its tenant nothing; it is replaced
// where it stands.
func (p *planner) serving(r *catalog.Relation, pol *catalog.Policy, want PolicyShape) bool {
	if len(p.wantsFor("replace_policy", pol.Identity(r))) > 0 {
		return false
	}
	if want.Rows.Every || p.m.Reader == nil {
		return true
	}
	for _, tree := range []*catalog.Tree{pol.Using, pol.Check} {
		if tree == nil {
			continue
		}
		e, err := p.m.Reader.Expression(tree, r)
		if err != nil {
			return true // it is vouched for, and what it reads is not known: left as it is
		}
		contexts := expr.Contexts(p.m.Reader.Inline(e))
		known := slices.ContainsFunc(contexts, func(c expr.Context) bool { return c.Kind == "setting" || c.Kind == "claim" })
		if known && !slices.ContainsFunc(contexts, func(c expr.Context) bool { return strings.EqualFold(c.Name, p.setting) }) {
			return false
		}
	}
	return true
}

func (p *planner) judge(r *catalog.Relation, pol *catalog.Policy) Verdict {
	if p.in.Judge == nil {
		return Unjudged
	}
	return p.in.Judge(r, pol)
}

func (p *planner) drop(r *catalog.Relation, pol *catalog.Policy, h how) {
	stored := storedPolicy(pol)
	p.add(&dropPolicy, Target{Name: nameOf(r), WasPolicy: &stored}, how{group: h.group, why: p.wantsFor("replace_policy", pol.Identity(r))})
}

// policyCommands are what a tenant's table gets policies for: all commands by one, or each by its own where ringfence.yaml asks
// for that.
func (p *planner) policyCommands() []string {
	if p.config.Plan.Policies == "command" {
		return commands("ALL")
	}
	return []string{"ALL"}
}

// policyName is the configured name, in which {table} stands for the table's; a policy of one command among four is told by it.
func (p *planner) policyName(r *catalog.Relation, command string) string {
	name := "ringfence_isolation"
	if p.config.Plan.PolicyName != "" {
		name = p.config.Plan.PolicyName
	}
	if p.in.Options.PolicyName != "" {
		name = p.in.Options.PolicyName
	}
	name = strings.ReplaceAll(name, "{table}", r.Name)
	if slices.Contains(p.policyCommands(), command) && command != "ALL" {
		name += "_" + strings.ToLower(command)
	}
	return uniqueName(func(string) bool { return false }, name)
}

// commands are those that a policy for one command, or for ALL, serves.
func commands(command string) []string {
	if command == "ALL" {
		return []string{"SELECT", "INSERT", "UPDATE", "DELETE"}
	}
	return []string{command}
}

func serves(holding map[string]bool, command string) bool {
	for _, c := range commands(command) {
		if !holding[c] {
			return false
		}
	}
	return true
}

// means reports whether the stored policy is the wanted one but for its name, the way Done does: the printed form is equal, and
// no operator or function in the tree is anybody's own.
func means(r *catalog.Relation, pol *catalog.Policy, want PolicyShape) bool {
	clause := func(tree *catalog.Tree, sql string) bool {
		if tree == nil || sql == "" {
			return tree == nil && sql == ""
		}
		return tree.Text == want.Rows.printed(r.Name, "", 0) && systemOnly(tree.Node)
	}
	return pol.Permissive && len(pol.Roles) == 0 && pol.Command == want.Command &&
		clause(pol.Using, want.using(r.Name)) && clause(pol.Check, want.check(r.Name))
}

// firstUserOID is where the server begins to number what users make (FirstNormalObjectId).
const firstUserOID = "16384"

// systemOnly reports whether each operator and function that a stored tree calls is PostgreSQL's own. Within names the server
// writes a blank as an escape, so that no name can hide a field, only pretend one, which errs on the safe side.
func systemOnly(node string) bool {
	fields := strings.Fields(node)
	for i, f := range fields[:max(0, len(fields)-1)] {
		switch f {
		case ":opno", ":opfuncid", ":hashfuncid", ":negfuncid", ":funcid", ":aggfnoid", ":winfnoid":
			if oid := strings.TrimRight(fields[i+1], "})"); len(oid) > len(firstUserOID) || len(oid) == len(firstUserOID) && oid >= firstUserOID {
				return false
			}
		}
	}
	return true
}

func storedPolicy(pol *catalog.Policy) StoredPolicy {
	out := StoredPolicy{Name: pol.Name, Command: pol.Command, Permissive: pol.Permissive, Roles: slices.Clone(pol.Roles), Comment: pol.Comment}
	if pol.Using != nil {
		out.Using = pol.Using.Text
	}
	if pol.Check != nil {
		out.Check = pol.Check.Text
	}
	return out
}

// Means reports whether a stored policy is the one of that shape, name included.
func Means(r *catalog.Relation, pol *catalog.Policy, want PolicyShape) bool {
	return pol.Name == want.Name && means(r, pol, want)
}
