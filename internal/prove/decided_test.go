package prove

import (
	"os"
	"testing"
	"time"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// decidedFloor is the share of the cells of a real schema that must be decided. It is only ever raised.
const decidedFloor = 0.95

// TestReferenceSystemsDecided holds that of the reference systems as they are found, next to every cell is decided: proved, or refuted with
// a witness that PostgreSQL did not find harmless.
func TestReferenceSystemsDecided(t *testing.T) {
	server := pgtest.Server(t, 0)
	for _, c := range []struct{ name, dir, app, then string }{
		{"call center", "../../examples/callcenter", "callcenter_owner", ""},
		{"restaurant", "../../examples/restaurant/system", "restaurant_server", ""},
		{"restaurant, its policies in force", "../../examples/restaurant/system", "restaurant_server", "ALTER ROLE restaurant_server NOBYPASSRLS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer server.Reset(t)
			db := server.DB(t)
			schema, err := os.ReadFile(c.dir + "/schema.sql")
			if err != nil {
				t.Fatal(err)
			}
			pgtest.LoadSQL(t, db, string(schema))
			pgtest.LoadSQL(t, db, c.then)
			config, err := tenancy.LoadConfig(c.dir + "/ringfence.yaml")
			if err != nil {
				t.Fatal(err)
			}
			snap, err := catalog.Read(t.Context(), db.Super, catalog.Options{})
			if err != nil {
				t.Fatal(err)
			}
			m, err := tenancy.Infer(snap, tenancy.Options{Config: config, AppRoles: []string{c.app}})
			if err != nil {
				t.Fatal(err)
			}
			cells := Logic(m, time.Now())
			if _, err := Execute(t.Context(), m, cells, superuser(db)); err != nil {
				t.Fatal(err)
			}
			isolation, _, _ := Summary(cells)
			all := isolation.Proved + isolation.Leak + isolation.Unproven
			share := float64(isolation.Proved+isolation.Leak) / float64(max(all, 1))
			t.Logf("%d cells: %d proved, %d leak, %d unproven; decided %.1f %%", all, isolation.Proved, isolation.Leak, isolation.Unproven, 100*share)
			if share < decidedFloor {
				t.Errorf("decided %.1f %%, the floor is %.1f %%", 100*share, 100*decidedFloor)
				for _, c := range cells {
					if c.Verdict == Unproven {
						t.Logf("%s %s %s %v: %s", c.Relation, c.Command, c.Variant, c.Path, c.Why)
					}
				}
			}
			if isolation.Leak == 0 {
				t.Error("the control: nothing leaks, though nothing was mended")
			}
		})
	}
}
