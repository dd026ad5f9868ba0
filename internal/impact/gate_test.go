package impact_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/impact"
)

const sample = `CREATE TABLE organizations (id int PRIMARY KEY);
CREATE TABLE notes (id int PRIMARY KEY, organization_id int);
CREATE TABLE whole (id int PRIMARY KEY, organization_id int);
GRANT SELECT ON ALL TABLES IN SCHEMA public TO $app;
INSERT INTO organizations VALUES (1), (2);
INSERT INTO notes VALUES (1, 1), (2, 2), (3, NULL);
INSERT INTO whole VALUES (1, 1), (2, 2)`

// A role that row security filters counts nothing, and is not taken at its word: the table is unknown, and stops.
func TestFilteredCounterIsUnknown(t *testing.T) {
	db, names := load(t, sample+`; ALTER TABLE notes OWNER TO $owner; ALTER TABLE notes ENABLE ROW LEVEL SECURITY; ALTER TABLE notes FORCE ROW LEVEL SECURITY;
CREATE POLICY p ON notes USING (true); GRANT SELECT ON organizations, whole TO $owner`)
	m, p := modelAndPlan(t, db, "context: app.tenant_id", names.Replace("$app"))
	doc, err := impact.Measure(t.Context(), db.Conn(t, names.Replace("$owner")), m, p, impact.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, table := range doc.Impact {
		got[table.Table] = table.Unknown
	}
	want := map[string]string{
		"public.notes":         "this role does not see all rows of it: counting needs the owner of a table that is not forced, or a role with BYPASSRLS",
		"public.whole":         "",
		"public.organizations": "",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var refused *impact.LossError
	if !errors.As(doc.Gate(), &refused) || len(refused.Unknown) != 1 || len(refused.Tables) != 0 {
		t.Fatalf("the gate: %v", doc.Gate())
	}
	doc.Allow([]string{impact.AllowUnexpected})
	if doc.Gate() == nil {
		t.Error("an allowance of losses let an unknown one through")
	}
	doc.Allow([]string{impact.AllowUnknown})
	if err := doc.Gate(); err != nil {
		t.Errorf("allowed by name: %v", err)
	}
}

func TestAllowByTable(t *testing.T) {
	db, names := load(t, sample)
	m, p := modelAndPlan(t, db, "context: app.tenant_id", names.Replace("$app"))
	doc, err := impact.Measure(t.Context(), db.Super, m, p, impact.Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = doc.Gate()
	var refused *impact.LossError
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "public.notes: 1 row, without a key") || !strings.Contains(refused.Hint(), "id: loss, object: public.notes") {
		t.Fatalf("the gate: %v", err)
	}
	doc.Allow([]string{impact.AllowUnexpected + " public.whole"})
	if doc.Gate() == nil {
		t.Error("another table's allowance let it through")
	}
	doc.Allow([]string{impact.AllowUnexpected + " public.notes"})
	if err := doc.Gate(); err != nil {
		t.Errorf("allowed by name: %v", err)
	}
	want := impact.Summary{Tables: 3, Accepted: 1}
	if diff := cmp.Diff(want, doc.Summary); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A table that is too large is sampled, and says so; one that takes too long too.
func TestBoundedSampling(t *testing.T) {
	db, names := load(t, sample+`; INSERT INTO whole SELECT n, 1 + n % 2 FROM generate_series(3, 60000) n; ANALYZE whole`)
	m, p := modelAndPlan(t, db, "context: app.tenant_id", names.Replace("$app"))
	doc, err := impact.Measure(t.Context(), db.Super, m, p, impact.Options{Pages: 50, Sample: 20})
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range doc.Impact {
		sampled := table.Table == "public.whole"
		if table.Counted.Exact == sampled || sampled && (table.Counted.Rows == 0 || table.Counted.Rows > 40000 || table.Unknown != "") {
			t.Errorf("%s: %+v %s", table.Table, table.Counted, table.Unknown)
		}
	}
}
