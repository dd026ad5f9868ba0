package tenancy_test

import (
	"testing"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// A service function is found by what the server calls it, by what a person writes, or by its name alone, and no other is.
func TestServiceFunction(t *testing.T) {
	snap := &catalog.Snapshot{Functions: []catalog.Function{
		{Schema: "s", Name: "Look up", Arguments: []string{"integer", "text"}},
	}}
	snap.Reindex()
	identity := snap.Functions[0].Identity()
	for name, want := range map[string]bool{
		`s."Look up"(integer, text)`: true, `s."Look up"(integer,text)`: true, `s."Look up"`: true, identity: true,
		`s."Look up"(integer)`: false, `s."Look`: false, `s.*`: false, `Look up`: false,
	} {
		m := &tenancy.Model{Snapshot: snap, Config: &tenancy.Config{Service: []tenancy.ServiceFunction{{Name: name}}}}
		if got := m.ServiceFunction(identity) != nil; got != want {
			t.Errorf("%s names %s: %v, want %v", name, identity, got, want)
		}
	}
	if (&tenancy.Model{Snapshot: snap}).ServiceFunction(identity) != nil {
		t.Error("a function is a service's without any configuration")
	}
}
