package attack

import (
	"encoding/json"
	"fmt"

	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// A setting is one setting that policies read the tenant from.
type setting struct {
	name      string
	paths     [][]string // of the claims in it; nil: the setting holds the tenant itself
	principal []bool     // whether the claim (or the setting) names a user, aligned with paths
	signed    bool
}

// readContexts sorts a model's contexts into settings; why says what is asked for that an attack cannot make.
func readContexts(list []tenancy.Context) (settings []setting, roles bool, why []string) {
	at := map[string]int{}
	for _, c := range list {
		principal := c.Principal || c.Kind == "user"
		switch c.Kind {
		case "setting", "user", "claim":
			i, ok := at[c.Name]
			if !ok {
				i = len(settings)
				at[c.Name] = i
				settings = append(settings, setting{name: c.Name})
			}
			settings[i].signed = settings[i].signed || c.Signed
			settings[i].paths = append(settings[i].paths, c.Path)
			settings[i].principal = append(settings[i].principal, principal)
		case "role":
			roles = true
		case "session_table":
			why = append(why, fmt.Sprintf("the context lives in the table %s, which the application's own login fills", c.Name))
		}
	}
	return settings, roles, why
}

// value returns what the setting holds for a tenant and its user. A claim is a JSON document with every path in it.
func (s setting) value(tenant, user string) (string, error) {
	document := map[string]any{}
	for i, path := range s.paths {
		v := tenant
		if s.principal[i] {
			v = user
		}
		if len(path) == 0 {
			return v, nil
		}
		put(document, path, v)
	}
	b, err := json.Marshal(document)
	if err != nil {
		return "", fmt.Errorf("writing the claims of %s: %w", s.name, err)
	}
	return string(b), nil
}

// put sets a value at a path of a JSON document.
func put(document map[string]any, path []string, v any) {
	for _, p := range path[:len(path)-1] {
		next, ok := document[p].(map[string]any)
		if !ok {
			next = map[string]any{}
			document[p] = next
		}
		document = next
	}
	document[path[len(path)-1]] = v
}

// contextOf returns the settings that make a session the tenant's.
func contextOf(settings []setting, tenant, user string, sign Signer) (map[string]string, error) {
	out := map[string]string{}
	for _, s := range settings {
		v, err := s.value(tenant, user)
		if err != nil {
			return nil, err
		}
		if s.signed {
			if sign == nil {
				return nil, fmt.Errorf("the context %s is signed, and nobody here can sign it", s.name)
			}
			if v, err = sign(s.name, tenant); err != nil {
				return nil, fmt.Errorf("signing the context %s: %w", s.name, err)
			}
		}
		out[s.name] = v
	}
	return out, nil
}

// inState returns the tenant with its context in the given state: one for most, several for Malformed.
func inState(t Tenant, state State, settings []setting) []Tenant {
	with := func(value func(setting) string) Tenant {
		u := Tenant{Name: t.Name, Value: t.Value, Context: map[string]string{}}
		for _, s := range settings {
			u.Context[s.name] = value(s)
		}
		return u
	}
	switch state {
	case Unset:
		return []Tenant{{Name: t.Name, Value: t.Value}}
	case Empty:
		return []Tenant{with(func(setting) string { return "" })}
	case Malformed:
		var out []Tenant
		for _, bad := range malformed() {
			out = append(out, with(func(s setting) string {
				if v, err := s.value(bad, bad); err == nil {
					return v
				}
				return bad
			}))
		}
		return append(out, with(func(setting) string { return "{}" }), with(func(setting) string { return "not json" }))
	default:
		return []Tenant{t}
	}
}

// malformed are texts that are no tenant: blank, wild, the usual words for nothing and for everything.
func malformed() []string {
	return []string{" ", "not-a-tenant", "%", "_", "*", "0", "-1", "null", "NULL", "undefined", "all", "system", "'",
		"00000000-0000-0000-0000-000000000000", "{}", "[]", ","}
}
