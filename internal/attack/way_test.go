package attack

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

// twoShops is the shop with rows of two tenants, and a table beneath it.
const twoShops = shop + `CREATE TABLE till.line (id int PRIMARY KEY, shop int NOT NULL, sale int NOT NULL REFERENCES till.sale ON DELETE CASCADE, note text);
ALTER TABLE till.line ENABLE ROW LEVEL SECURITY;
ALTER TABLE till.line FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON till.line TO {app};
CREATE POLICY p ON till.line USING (shop = NULLIF(current_setting('till.shop', true), '')::int);
`

const twoRows = `RESET ROLE;
INSERT INTO till.sale VALUES (1, 7, 'private'), (2, 8, 'secret');
INSERT INTO till.line VALUES (1, 7, 1), (2, 8, 2);
`

// throughWay runs a way of the application's own log-in and returns what its probes earned on each table.
func throughWay(t *testing.T, w *world, opts WayOptions) map[string]string {
	t.Helper()
	w.db.Exec(t, "ALTER ROLE "+w.app+" LOGIN")
	opts.Conn, opts.Model = w.db.Conn(t, "postgres"), w.model
	way := Way{Name: "app_dsn", Dial: func(context.Context) (*pgx.Conn, error) { return w.db.Conn(t, w.app), nil }}
	entries, notes, err := RunWay(t.Context(), way, opts)
	if err != nil {
		t.Fatalf("%v; notes %v", err, notes)
	}
	out := map[string]string{}
	for _, e := range entries {
		name := strings.TrimPrefix(e.Probe, "app_dsn_")
		out[e.Table+" "+name] = strings.TrimSpace(string(e.Outcome) + " " + string(e.Code))
	}
	return out
}

// TestWayWrites lets two tenants attack each other through the application's own log-in: right policies hold, one that checks
// nothing on INSERT is found, and nothing stays.
func TestWayWrites(t *testing.T) {
	for name, c := range map[string]struct {
		policies string
		leaked   []string
	}{
		"right": {mine, nil},
		"forged": {`CREATE POLICY r ON till.sale FOR SELECT USING (shop = NULLIF(current_setting('till.shop', true), '')::int);
CREATE POLICY i ON till.sale FOR INSERT WITH CHECK (true);
CREATE POLICY u ON till.sale FOR UPDATE USING (shop = NULLIF(current_setting('till.shop', true), '')::int);
CREATE POLICY d ON till.sale FOR DELETE USING (shop = NULLIF(current_setting('till.shop', true), '')::int);
`, []string{"till.sale insert_forged"}},
		"blind": {mine + "CREATE POLICY d ON till.sale FOR DELETE USING (true);\n", []string{"till.sale blind_delete"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := load(t, twoShops+c.policies+twoRows)
			got := throughWay(t, w, WayOptions{Tables: []string{"till.sale", "till.line"}, AllowWrites: true})
			var leaked []string
			for k, v := range got {
				switch {
				case strings.HasSuffix(k, "_left") || strings.HasSuffix(k, "cursor_hold"):
					if v != "held" { // two connections of a log-in's own share nothing
						t.Errorf("%s: %s", k, v)
					}
				case v == "leaked":
					leaked = append(leaked, k)
				case v != "held":
					t.Errorf("%s: %s", k, v)
				}
			}
			slices.Sort(leaked)
			if diff := cmp.Diff(c.leaked, leaked); diff != "" {
				t.Errorf("leaks (-want +got):\n%s\nall: %v", diff, got)
			}
			if len(got) < 20 {
				t.Errorf("only %d outcomes: %v", len(got), got)
			}
			if rows := w.db.Query(t, "SELECT count(*) FROM till.sale"); rows[0][0] != "2" {
				t.Errorf("%s rows stay, want 2", rows[0][0])
			}
		})
	}
}

// TestWayReadsOnly holds that nothing is written where writes were not allowed.
func TestWayReadsOnly(t *testing.T) {
	w := load(t, twoShops+mine+twoRows)
	got := throughWay(t, w, WayOptions{Tables: []string{"till.sale"}})
	want := map[string]string{"till.sale read": "held", "till.sale no_context": "held", "till.sale empty_context": "held"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestWayWithoutSight finds out nothing, and says so, where nobody here may see all rows: a forced table's owner may not.
func TestWayWithoutSight(t *testing.T) {
	w := load(t, twoShops+mine+twoRows)
	w.db.Exec(t, "ALTER ROLE "+w.app+" LOGIN")
	w.db.Exec(t, "ALTER ROLE "+w.owner+" LOGIN")
	way := Way{Name: "app_dsn", Dial: func(context.Context) (*pgx.Conn, error) { return w.db.Conn(t, w.app), nil }}
	entries, _, err := RunWay(t.Context(), way, WayOptions{Conn: w.db.Conn(t, w.owner), Model: w.model, Tables: []string{"till.line"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Outcome != Inconclusive || e.Code != NoPrivilege || !strings.Contains(e.Why, "BYPASSRLS") {
			t.Errorf("%+v", e)
		}
	}
	if len(entries) == 0 {
		t.Error("nothing is said")
	}
}
