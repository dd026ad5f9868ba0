package harden

import (
	"maps"
	"slices"
	"time"

	"github.com/ringfencehq/ringfence/internal/audit"
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// viewOptions are what a view with a filter of its own may lack, in the order in which they are tried: each is a kind of step.
var viewOptions = []struct{ kind, value string }{{"security_barrier", "true"}, {"check_option", "cascaded"}}

// byOptions asks, for views that a role reads whose tables it may not read, for the options that close them to other tenants' rows, as
// far as they do: security_invoker would close them to the role altogether. What an option does is found by asking the rules again.
func byOptions(m *tenancy.Model, all []plan.Want) ([]plan.Want, error) {
	closed := map[string]plan.Want{}
	for _, w := range all {
		if w.Kind == "security_invoker" && refused(m, w) {
			closed[w.Object] = w
		}
	}
	if len(closed) == 0 {
		return all, nil
	}
	next := *m.Snapshot
	was, err := showing(m, &next)
	for _, option := range viewOptions {
		if err != nil {
			return nil, err
		}
		next.Relations = slices.Clone(next.Relations)
		for i := range next.Relations {
			if r := &next.Relations[i]; closed[r.Identity()].Kind != "" && was[r.Identity()] != "" {
				r.Options = maps.Clone(r.Options)
				if r.Options == nil {
					r.Options = map[string]string{}
				}
				r.Options[option.kind] = option.value
			}
		}
		var is map[string]string
		is, err = showing(m, &next)
		for _, object := range slices.Sorted(maps.Keys(closed)) {
			if is[object] != was[object] {
				w := closed[object]
				w.Kind = option.kind
				all = append(all, w)
			}
		}
		was = is
	}
	return slices.DeleteFunc(all, func(w plan.Want) bool {
		_, is := closed[w.Object]
		return is && w.Kind == "security_invoker" && (was[w.Object] == "" || !refused(m, w))
	}), err
}

// refused reports whether the role of a finding about a view could not read the table beneath itself.
func refused(m *tenancy.Model, w plan.Want) bool {
	beneath := m.Snapshot.Relation(w.Table)
	return beneath != nil && w.Role != "" && !m.Rights.Relation(w.Role, beneath, "SELECT").Held
}

// showing says, by view, what of other tenants' rows views show in a state that the model may come to; nothing is left out.
func showing(m *tenancy.Model, next *catalog.Snapshot) (map[string]string, error) {
	next.Reindex()
	future, err := tenancy.Infer(next, tenancy.Options{Config: m.Config, TenantColumns: m.TenantColumns, AppRoles: m.Applications()})
	if err != nil {
		return nil, err
	}
	rules := slices.DeleteFunc(audit.Rules(), func(r audit.Rule) bool { return r.Fix != "security_invoker" })
	out := map[string]string{}
	for _, f := range audit.Run(audit.Read(future), rules, time.Now()).Findings {
		out[f.Object] += f.Detail + "\n"
	}
	return out, nil
}
