package prove

import (
	"testing"
	"time"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// What a named service function reaches is accepted by its name; the same rows by any other way are not.
func TestServiceFunctionIsAcceptedByName(t *testing.T) {
	snap := &catalog.Snapshot{Functions: []catalog.Function{{Schema: "s", Name: "login", Arguments: []string{"text"}}, {Schema: "s", Name: "list"}}}
	snap.Reindex()
	login, list := snap.Functions[0].Identity(), snap.Functions[1].Identity()
	m := &tenancy.Model{Snapshot: snap, Config: &tenancy.Config{Service: []tenancy.ServiceFunction{{Name: "s.login(text)", Reason: "log-in", By: "me"}}}}
	for name, test := range map[string]struct {
		path reach.Path
		want bool
	}{
		"the function":              {reach.Path{{Via: "function", Name: login}}, true},
		"as another role":           {reach.Path{{Via: "set_role", Name: "r"}, {Via: "function", Name: login}}, true},
		"a view inside of it":       {reach.Path{{Via: "function", Name: login}, {Via: "view", Name: "s.v"}}, true},
		"directly":                  {nil, false},
		"another function":          {reach.Path{{Via: "function", Name: list}}, false},
		"another function calls it": {reach.Path{{Via: "function", Name: list}, {Via: "function", Name: login}}, false},
		"a view calls it":           {reach.Path{{Via: "view", Name: "s.v"}, {Via: "function", Name: login}}, false},
	} {
		c := Cell{Role: "app", Relation: "s.users", Command: "SELECT", Verdict: Leak, Path: test.path}
		if got := acceptance(m, &c, time.Now()); (got != nil) != test.want {
			t.Errorf("%s: accepted %v, want %v", name, got, test.want)
		}
	}
}
