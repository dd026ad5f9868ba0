package prove

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// wildFloor is the share of the cells of the schemas under testdata/wild that must be decided. It is only ever raised.
const wildFloor = 0.98

// A wildSchema is a schema of the kind that applications have, with policies as people write them: each once as it keeps tenants apart,
// and once as it does not.
type wildSchema struct {
	app, schema, setup string
	cases              []wildCase
}

// A wildCase is one pair of policies over tables that are alike but for them.
type wildCase struct{ name, key, ok, bad string }

var (
	wildApp  = regexp.MustCompile(`(?m)^-- app: (\S+)$`)
	wildPair = regexp.MustCompile(`(?m)^-- @case (\S+) (.+)\n-- ok: (.+)\n-- bad: (.+)$`)
	wildPath = regexp.MustCompile(`(?m)^SET search_path = (\w+)`)
)

// readWild reads a file of testdata/wild: SQL, and in comments the pairs, each "@case NAME TYPE-OF-KEY", "ok: PREDICATE", "bad: PREDICATE", in
// which T is the pair's table.
func readWild(t *testing.T, file string) wildSchema {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	app, schema := wildApp.FindSubmatch(raw), wildPath.FindSubmatch(raw)
	if app == nil || schema == nil {
		t.Fatalf("%s names no application role, or no schema", file)
	}
	s := wildSchema{app: string(app[1]), schema: string(schema[1]), setup: string(raw)}
	for _, m := range wildPair.FindAllStringSubmatch(s.setup, -1) {
		s.cases = append(s.cases, wildCase{m[1], m[2], m[3], m[4]})
	}
	if n := strings.Count(s.setup, "-- @case "); n == 0 || n != len(s.cases) {
		t.Fatalf("%s: %d of %d cases could be read", file, len(s.cases), n)
	}
	return s
}

// sql is the whole schema: what the file has, and the tables of its pairs.
func (s *wildSchema) sql() string {
	out := s.setup
	for _, c := range s.cases {
		out += s.table(c.name+"_ok", c.key, c.ok) + s.table(c.name+"_bad", c.key, c.bad)
	}
	return out
}

// table makes one of a pair's tables with its policy.
func (s *wildSchema) table(name, key, policy string) string {
	id := s.schema + "." + name
	return fmt.Sprintf(`CREATE TABLE %[1]s (id uuid PRIMARY KEY, tenant_id %[2]s NOT NULL, region text NOT NULL, status text NOT NULL, author uuid NOT NULL, deleted_at timestamptz);
		ALTER TABLE %[1]s ENABLE ROW LEVEL SECURITY; ALTER TABLE %[1]s FORCE ROW LEVEL SECURITY;
		CREATE POLICY p ON %[1]s USING (%[3]s); GRANT SELECT, INSERT, UPDATE, DELETE ON %[1]s TO %[4]s;`+"\n",
		id, key, strings.ReplaceAll(policy, "T.", id+"."), s.app)
}

// TestWild proves policies as they are found in public schemas, each beside one that is like it and open: the first is proved in every
// cell, the second leaks in one that PostgreSQL did not find harmless.
func TestWild(t *testing.T) {
	files, err := filepath.Glob("testdata/wild/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("no schemas: %v", err)
	}
	server := pgtest.Server(t, 0)
	decided, all := 0, 0
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".sql"), func(t *testing.T) {
			defer server.Reset(t)
			s := readWild(t, file)
			db := server.DB(t)
			db.Exec(t, s.sql())
			cells := s.prove(t, db)
			for i := range cells {
				all++
				if cells[i].Verdict == Proved || cells[i].Verdict == Leak {
					decided++
				}
			}
			for _, c := range s.cases {
				s.check(t, cells, c)
			}
		})
	}
	share := float64(decided) / float64(max(all, 1))
	t.Logf("%d of %d cells decided: %.1f %%", decided, all, 100*share)
	if share < wildFloor {
		t.Errorf("decided %.1f %%, the floor is %.1f %%", 100*share, 100*wildFloor)
	}
}

// prove gives the cells of isolation, with every witness executed that can be.
func (s *wildSchema) prove(t *testing.T, db *pgtest.Database) []Cell {
	t.Helper()
	_, cells := executed(t, db, s.app)
	return slices.DeleteFunc(cells, func(c Cell) bool { return c.Kind != "isolation" })
}

// check wants every cell of the good table proved and of use, but that COPY FROM is refused under row security; and a leak of the bad one.
func (s *wildSchema) check(t *testing.T, cells []Cell, c wildCase) {
	t.Helper()
	faults, leaks := map[string]int{}, 0
	for i := range cells {
		x := &cells[i]
		refused := x.Command == "INSERT" && x.Variant == "copy"
		switch {
		case x.Relation == s.schema+"."+c.name+"_ok" && (x.Verdict != Proved || x.Unusable && !refused):
			faults[fmt.Sprintf("%s (unusable: %v): %s", x.Verdict, x.Unusable, x.Why)]++
		case x.Relation == s.schema+"."+c.name+"_bad" && x.Verdict == Leak:
			leaks++
		case x.Relation == s.schema+"."+c.name+"_bad" && x.Verdict == Unproven:
			t.Logf("%s %s %s is unproven: %s", c.name, x.Command, x.Variant, x.Why)
		}
	}
	for _, why := range slices.Sorted(maps.Keys(faults)) {
		t.Errorf("%s: %d cells are %s\n  %s", c.name, faults[why], why, c.ok)
	}
	if leaks == 0 {
		t.Errorf("%s: no leak was found\n  %s", c.name, c.bad)
	}
}
