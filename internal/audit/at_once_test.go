package audit

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/catalog/catalogtest"
	"github.com/ringfencehq/ringfence/internal/decide"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// TestAtOnce holds what is decided on all processors at once to what is decided one after the other; the race detector runs it.
func TestAtOnce(t *testing.T) {
	db := pgtest.DB(t)
	catalogtest.Load(t, db, 60)
	app := db.Role(t, "app", "")
	for _, schema := range pgtest.Query(t, db.Super, "SELECT quote_ident(nspname) FROM pg_namespace WHERE oid >= 16384") {
		db.Exec(t, "GRANT USAGE ON SCHEMA "+schema[0]+" TO "+app)
		db.Exec(t, "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "+schema[0]+" TO "+app)
	}
	snap, err := catalog.Read(t.Context(), db.Super, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := tenancy.Infer(snap, tenancy.Options{AppRoles: []string{app}})
	if err != nil {
		t.Fatal(err)
	}
	in, d := Read(m), decide.New(m)
	premises := 0
	for i, w := range in.Ways {
		want := d.Decide(w)
		premises += len(want.Premises)
		if diff := cmp.Diff(want, in.Answers[i]); diff != "" {
			t.Fatalf("%s on %s (-one after the other +at once):\n%s", w.Command, w.Relation.Identity(), diff)
		}
	}
	if premises == 0 {
		t.Error("nothing was decided that rests on another table")
	}
}
