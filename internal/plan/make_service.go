package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// functions gives the functions that work without a tenant on purpose to the application alone, and makes those that
// ringfence.yaml writes out: it asks for them by name there, so that no danger has to be allowed again.
func (p *planner) functions() {
	for _, s := range p.config.Service {
		roles := s.Roles
		if len(roles) == 0 {
			roles = p.m.Applications()
		}
		if role := p.roleName(); role != "" && len(s.Roles) == 0 && !slices.Contains(roles, role) {
			roles = append(slices.Clone(roles), role)
		}
		f := p.findFunction(s.Name)
		switch {
		case f != nil && s.Body != "" && (!f.SecurityDefiner || strings.TrimSpace(f.Source) != strings.TrimSpace(s.Body)):
			p.withhold(serviceFunction.Name, s.Name, "a function of this name is there already, and its body is not the one of ringfence.yaml: a person has to drop it, or to say what it is", "")
		case f != nil:
			p.restrictFunction(f, roles, nil)
		case s.Body == "":
			p.withhold("function_execute", s.Name, "no function has this name and these argument types; a body, returns and owner in ringfence.yaml would have it made", "")
		default:
			p.makeService(s, roles)
		}
	}
}

// makeService plans a function as ringfence.yaml writes it out.
func (p *planner) makeService(s tenancy.ServiceFunction, roles []string) {
	name, arguments, err := parseRoutine(s.Name)
	why := ""
	owner := p.snap.Role(s.Owner)
	switch {
	case err != nil:
		why = err.Error()
	case owner == nil:
		why = fmt.Sprintf("no role is named %s, as whom it is to run", s.Owner)
	case s.Owner == p.roleName() || p.roleName() == "" && slices.Contains(p.m.Applications(), s.Owner):
		why = fmt.Sprintf("%s is the application itself: as that role it reaches no more than the application does", s.Owner)
	case !owner.BypassRLS && !owner.Superuser:
		why = fmt.Sprintf("%s is bound by the policies once they are forced, and would find no row: it needs BYPASSRLS, and privileges on what the body names", s.Owner)
	}
	if why != "" {
		p.withhold(serviceFunction.Name, s.Name, why, "")
		return
	}
	target := Target{Name: name, Arguments: arguments, Returns: s.Returns, Body: strings.TrimSpace(s.Body), Writes: s.Writes,
		Member: s.Owner, Roles: slices.Sorted(slices.Values(roles))}
	for _, t := range p.m.Tables {
		if s.Writes && strings.Contains(s.Body, t.Relation.Identity()) {
			target.Touches = append(target.Touches, nameOf(t.Relation))
		}
	}
	p.allow["service_function"] = true
	p.add(&serviceFunction, target, how{})
}

// parseRoutine reads schema.name(type, type), names quoted where they need it.
func parseRoutine(s string) (Name, []string, error) {
	bad := fmt.Errorf("%.80q is not written as schema.name(types)", s)
	head, rest, found := cutOutside(s, '(')
	list, ends := strings.CutSuffix(rest, ")")
	parts := splitOutside(head, '.')
	if !found || !ends || len(parts) != 2 {
		return Name{}, nil, bad
	}
	var names [2]string
	for i, part := range parts {
		name, left := cutName(strings.TrimSpace(part))
		if name == "" || strings.TrimSpace(left) != "" {
			return Name{}, nil, bad
		}
		names[i] = name
	}
	var arguments []string
	if strings.TrimSpace(list) != "" {
		for _, a := range splitOutside(list, ',') {
			if strings.TrimSpace(a) == "" {
				return Name{}, nil, bad
			}
			arguments = append(arguments, strings.TrimSpace(a))
		}
	}
	return Name{names[0], names[1]}, arguments, nil
}

// cutOutside cuts at the first separator outside of quotes.
func cutOutside(s string, separator rune) (before, after string, found bool) {
	quoted := false
	for i, r := range s {
		switch {
		case r == '"':
			quoted = !quoted
		case r == separator && !quoted:
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}
