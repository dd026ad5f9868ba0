package expr

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// fixture makes the objects of trees.sql that every version knows, and whatever else is given, and reads them.
func fixture(t testing.TB, more ...string) *Reader {
	t.Helper()
	sql, err := os.ReadFile("testdata/trees.sql")
	if err != nil {
		t.Fatal(err)
	}
	base, _, ok := strings.Cut(string(sql), "-- from 15")
	if !ok {
		t.Fatal("trees.sql has no section for 15")
	}
	db := pgtest.DB(t)
	pgtest.LoadSQL(t, db, base)
	for _, m := range more {
		db.Exec(t, m)
	}
	snap, err := catalog.Read(t.Context(), db.Super, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return NewReader(snap)
}

// TestStringBodies has the server and the analyzer resolve the same statements; they must agree.
func TestStringBodies(t *testing.T) {
	text, err := os.ReadFile("testdata/bodies.sql")
	if err != nil {
		t.Fatal(err)
	}
	var statements []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "--") {
			statements = append(statements, line)
		}
	}
	if len(statements) == 0 {
		t.Fatal("no statement to compare")
	}
	var make strings.Builder
	make.WriteString("SET search_path = s, pg_temp; CREATE SCHEMA one; CREATE SCHEMA two;\n")
	for i, s := range statements {
		s = strings.ReplaceAll(s, "b_x.", fmt.Sprintf("b_%d.", i))
		atomic := s
		if strings.HasPrefix(s, "MERGE") {
			atomic = "MERGE" + strings.TrimPrefix(s, "MERGE")
		}
		result := "void"
		if strings.Contains(s, "RETURNING") || strings.HasPrefix(s, "SELECT") || strings.HasPrefix(s, "WITH") {
			result = "void" // what is returned is not the matter here
		}
		fmt.Fprintf(&make, "CREATE FUNCTION one.b_%d(a uuid, t text, n int) RETURNS %s LANGUAGE sql BEGIN ATOMIC %s; END;\n", i, result, atomic)
		fmt.Fprintf(&make, "CREATE FUNCTION two.b_%d(a uuid, t text, n int) RETURNS %s LANGUAGE sql SET search_path = s, pg_temp AS $body$%s$body$;\n", i, result, s)
	}
	r := fixture(t, make.String())
	for i, s := range statements {
		args := "(uuid,text,integer)"
		stored, parsed := r.body(t, fmt.Sprintf("one.b_%d%s", i, args)), r.body(t, fmt.Sprintf("two.b_%d%s", i, args))
		if len(stored.Statements) != 1 || len(parsed.Statements) != 1 {
			t.Errorf("%s: %d and %d statements, %v", s, len(stored.Statements), len(parsed.Statements), parsed.Opaque)
			continue
		}
		want, got := r.QueryIdentity(stored.Statements[0]), r.QueryIdentity(parsed.Statements[0])
		if want != got || len(parsed.Opaque) > 0 {
			t.Errorf("%s\n opaque %q\n server %s\n ours   %s", s, parsed.Opaque, want, got)
		}
	}
}

// body reads a function's body by its identity.
func (r *Reader) body(t testing.TB, identity string) *Body {
	t.Helper()
	f := r.Snapshot().Function(identity)
	if f == nil {
		t.Fatalf("no function %s", identity)
	}
	b, err := r.Body(f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
