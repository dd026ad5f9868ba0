//go:build system

package prove

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ringfencehq/ringfence/internal/attack"
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// TestSystemWildAttacked tries what TestWild decided, of one schema (RINGFENCE_LONG=1: of those whose context the probes can make): no probe
// breaks what was proved, and some reach the other tenant's rows.
func TestSystemWildAttacked(t *testing.T) {
	files := []string{"testdata/wild/members.sql"}
	if os.Getenv("RINGFENCE_LONG") == "1" {
		files = append(files, "testdata/wild/settings.sql")
	}
	server := pgtest.Server(t, 0)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".sql"), func(t *testing.T) {
			defer server.Reset(t)
			s := readWild(t, file)
			db := server.DB(t)
			db.Exec(t, s.sql())
			snap, err := catalog.Read(t.Context(), db.Super, catalog.Options{})
			if err != nil {
				t.Fatal(err)
			}
			m, err := tenancy.Infer(snap, tenancy.Options{AppRoles: []string{s.app}})
			if err != nil {
				t.Fatal(err)
			}
			conn, err := superuser(db)(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(t.Context())
			tried, err := attack.Run(t.Context(), attack.Options{Conn: conn, Model: m, AllowWrites: true, Seed: 1})
			if err != nil {
				t.Fatal(err)
			}
			_, wrong := Merge(m, Logic(m, time.Now()), tried.Entries, time.Now())
			for _, w := range wrong {
				t.Errorf("proved and broken: %s %s %v by %s: %s", w.Cell.Command, w.Cell.Relation, w.Cell.Path, w.Probe.Probe, w.Probe.Statement)
			}
			held, leaked := 0, 0
			for _, e := range tried.Entries {
				switch {
				case e.Outcome == attack.Held:
					held++
				case e.Outcome == attack.Leaked && !e.Informational && len(e.Path) == 0 && strings.HasSuffix(e.Table, "_bad"):
					leaked++
				}
			}
			t.Logf("%d probes held, %d leaked", held, leaked)
			if held == 0 || leaked == 0 {
				t.Error("nothing was tried")
			}
		})
	}
}
