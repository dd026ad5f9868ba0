package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// The application keeps the right to draw from a sequence that its inserts need, however the default names it, and from one of which
// nothing shows who draws; an identity column's it does not need.
func TestSequencesThatInsertsNeed(t *testing.T) {
	server := pgtest.Server(t, 0)
	w := newWorld(t, server, `
CREATE ROLE law_app LOGIN;
CREATE SEQUENCE late; CREATE SEQUENCE early; CREATE SEQUENCE "By Hand";
CREATE TABLE note (id int DEFAULT nextval('late'::text) PRIMARY KEY, n int DEFAULT nextval('early'), s serial, i int GENERATED ALWAYS AS IDENTITY, tenant_id text NOT NULL);
CREATE INDEX ON note (tenant_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON note TO law_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO law_app;`, "tenant_columns: [tenant_id]\ncontext: app.tenant_id\n")
	m, err := tenancy.Infer(w.snapshot(t), tenancy.Options{Config: w.config})
	if err != nil {
		t.Fatal(err)
	}
	p := &planner{m: m, snap: m.Snapshot}
	for name, want := range map[string]string{"late": "inserts draw", "early": "inserts draw", "note_s_seq": "inserts draw", "By Hand": "no column draws", "note_i_seq": ""} {
		i := slices.IndexFunc(m.Snapshot.Relations, func(r catalog.Relation) bool { return r.Name == name })
		if why := p.drawnBy(&m.Snapshot.Relations[i]); want == "" && why != "" || !strings.Contains(why, want) {
			t.Errorf("%s: %q", name, why)
		}
	}
}
