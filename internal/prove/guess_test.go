package prove

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/pg"
)

// guessed are policies by functions that logic does not follow, and whether another tenant's row comes through: PostgreSQL says so
// of a row and a context. The twins that let none through show that it says so of no other.
var guessed = []struct {
	using string
	leaks bool
}{
	{"abs(tenant_id) = abs({ctx}::int)", true},
	{"tenant_id & {ctx}::int = {ctx}::int", true},
	{"sign(tenant_id) = sign({ctx}::int)", true},
	{"num_nulls({ctx}) > 0 OR tenant_id = {ctx}::int", true},
	{"concat(tenant_id, '-', id) LIKE concat({ctx}, '-%')", true},
	{"format('%s', tenant_id) ILIKE {ctx} || '%'", true},
	{"trunc(tenant_id / 10.0) = trunc({ctx}::int / 10.0)", true},
	{"tenant_id::float4 = {ctx}::float4", true},
	{"tenant_id::bit(8) = {ctx}::int::bit(8)", true},
	{"tenant_id::text = split_part({ctx}, ':', 1) OR split_part({ctx}, ':', 2) = 'admin'", true},
	{"tenant_id < {ctx}::int * 2", true},

	{"md5(tenant_id::text) = md5({ctx})", false},
	{"abs(tenant_id - {ctx}::int) = 0", false},
	{"tenant_id # {ctx}::int = 0", false},
	{"tenant_id::text = btrim({ctx}, ' \"')", false},
	{"lpad(tenant_id::text, 10, '0') = lpad({ctx}, 10, '0')", false},
	{"tenant_id = ANY (regexp_split_to_array({ctx}, ',')::int[])", false},
	{"array_position(string_to_array({ctx}, ','), tenant_id::text) IS NOT NULL", false},
	{"position(',' || tenant_id || ',' IN ',' || {ctx} || ',') > 0", false},
	{"tenant_id = {ctx}::int OR length(note) > 20 AND md5(note) = md5(current_setting('app.share', true))", false},
	{"tenant_id = {ctx}::int OR note = current_setting('app.share', true)", false}, // … of which CHECK asks twenty letters
	{"tenant_id = {ctx}::int OR abs(id) = 7", false},                               // … and which CHECK forbids
	{"inet_client_port() IS NULL AND tenant_id + 0 = {ctx}::int", false},           // what a session of our own says of itself shows nothing
}

// TestGuess finds leaks that hang on functions which logic does not follow, and calls nothing one that PostgreSQL did not show.
func TestGuess(t *testing.T) {
	var script strings.Builder
	for i, g := range guessed {
		fmt.Fprintf(&script, "CREATE TABLE t%02d (id int PRIMARY KEY, tenant_id int NOT NULL, note text CHECK (length(note) >= 20), CHECK (abs(id) <> 7)); ALTER TABLE t%02[1]d ENABLE ROW LEVEL SECURITY; GRANT SELECT ON t%02[1]d TO {app};\n", i)
		fmt.Fprintf(&script, "CREATE POLICY p ON t%02d USING (%s);\n", i, strings.ReplaceAll(g.using, "{ctx}", "NULLIF(current_setting('app.tenant_id', true), '')"))
	}
	m, db, _ := modelOf(t, script.String())
	cells := Logic(m, time.Now())
	open := map[string]bool{}
	for _, c := range cells {
		open[c.Relation] = open[c.Relation] || c.Verdict == Unproven
		if strings.Contains(c.Why, "ended in an error") {
			t.Errorf("%s: %s", c.Relation, c.Why)
		}
	}
	if _, err := Execute(t.Context(), m, cells, superuser(db)); err != nil {
		t.Fatal(err)
	}
	got, want := map[string]string{}, map[string]string{}
	for _, c := range cells {
		if c.Command == "SELECT" && c.Variant == "" && c.Kind == "isolation" {
			got[c.Relation] = string(c.Verdict)
			if c.Verdict == Leak {
				got[c.Relation] += " " + c.Witness.Executed
			}
		}
	}
	for i, g := range guessed {
		name := fmt.Sprintf("public.t%02d", i)
		if !open[name] {
			t.Errorf("%s is decided by logic alone: it shows nothing here", g.using)
		}
		want[name] = "unproven"
		if g.leaks {
			want[name] = "leak expression"
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for i := range cells {
		if c := &cells[i]; c.Verdict == Leak && c.Witness.Row["tenant_id"] != nil && c.Witness.Context["app.tenant_id"] != nil && *c.Witness.Row["tenant_id"] == *c.Witness.Context["app.tenant_id"] {
			t.Errorf("%s: the witness's row belongs to the context's tenant %s", c.Relation, pg.Ident(*c.Witness.Row["tenant_id"]))
		}
	}
}
