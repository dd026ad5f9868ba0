package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// A fixture is testdata/NAME.txtar of a rule: bad.sql has the fault, want lists the rule's findings there one a line
// (severity, object, role, command), good.sql has it not. roles names the application roles. In all of them $app, $owner and
// $NAME stand for roles that exist in this test only, and $db for the database's name. Statements after a line "-- one by one" run
// outside a transaction. Where fix.sql is given, it mends bad.sql instead of the findings' own SQL. bad.server, fix.server and
// good.server are JSON of what the snapshot says of the server, in place of what this server is. config is a ringfence.yaml.
type fixture struct {
	rule  Rule
	files map[string]string
}

func fixtures(t *testing.T) []fixture {
	t.Helper()
	var out []fixture
	for _, r := range Rules() {
		archive, err := txtar.ParseFile(filepath.Join("testdata", strings.ReplaceAll(r.Name, "-", "_")+".txtar"))
		if err != nil {
			t.Errorf("%s %s has no fixture: %v", r.ID, r.Name, err)
			continue
		}
		f := fixture{rule: r, files: map[string]string{}}
		for _, file := range archive.Files {
			f.files[file.Name] = string(file.Data)
		}
		for _, name := range []string{"bad.sql", "want", "good.sql"} {
			if strings.TrimSpace(f.files[name]) == "" {
				t.Errorf("%s: the fixture has no %s", r.Name, name)
			}
		}
		out = append(out, f)
	}
	if len(out) == 0 {
		t.Fatal("no rule has a fixture")
	}
	return out
}

// Fault, finding, fix, silence: for every rule, on a real server.
func TestRules(t *testing.T) {
	for _, f := range fixtures(t) {
		t.Run(f.rule.Name, func(t *testing.T) {
			t.Parallel()
			t.Run("bad", func(t *testing.T) {
				s := newStage(t, f)
				s.load(f.files["bad.sql"])
				s.server = f.files["bad.server"]
				found := s.findings()
				if diff := cmp.Diff(lines(f.files["want"]), s.describe(found)); diff != "" {
					t.Fatalf("findings on bad.sql (-want +got):\n%s\nall of them:\n%s", diff, detail(found))
				}
				s.mend(found)
			})
			t.Run("good", func(t *testing.T) {
				s := newStage(t, f)
				s.load(f.files["good.sql"])
				s.server = f.files["good.server"]
				if got := s.describe(s.findings()); len(got) > 0 {
					t.Errorf("good.sql is silent no more:\n%s", strings.Join(got, "\n"))
				}
			})
		})
	}
}

// What cannot be decided may stand in a helper: a reader is told in which.
func TestUndecidedNamesTheFunction(t *testing.T) {
	f := fixture{rule: policyUndecided, files: map[string]string{}}
	s := newStage(t, f)
	s.load(`CREATE SCHEMA hr AUTHORIZATION $owner;
GRANT USAGE ON SCHEMA hr TO $app;
CREATE FUNCTION hr.blank(word text) RETURNS boolean LANGUAGE sql STABLE RETURN word ~ '^ +$';
CREATE TABLE hr.staff (id bigint PRIMARY KEY, company_id text NOT NULL);
ALTER TABLE hr.staff OWNER TO $owner;
GRANT SELECT ON hr.staff TO $app;
ALTER TABLE hr.staff ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY mixed ON hr.staff USING (company_id = current_setting('hr.company', true) OR hr.blank(current_setting('hr.company', true)));`)
	found := s.findings()
	if len(found) != 1 || !strings.Contains(found[0].Detail, "hr.blank(pg_catalog.text)") {
		t.Errorf("no word of the helper: %s", detail(found))
	}
}

// A stage is one database with the roles of one fixture.
type stage struct {
	t       *testing.T
	f       fixture
	db      *pgtest.Database
	replace *strings.Replacer
	back    *strings.Replacer
	apps    []string
	server  string
}

func newStage(t *testing.T, f fixture) *stage {
	s := &stage{t: t, f: f, db: pgtest.DB(t)}
	names := strings.Fields(f.files["roles"])
	if len(names) == 0 {
		names = []string{"app"}
	}
	var forth, back []string
	for _, n := range append(slices.Clone(names), "owner", "other", "group", "login") {
		unique := s.db.Role(t, n, "")
		forth = append(forth, "$"+n, unique)
		back = append(back, unique, "$"+n)
		if slices.Contains(names, n) {
			s.apps = append(s.apps, unique)
		}
	}
	forth, back = append(forth, "$db", s.db.Name), append(back, s.db.Name, "$db")
	s.replace, s.back = strings.NewReplacer(forth...), strings.NewReplacer(back...)
	return s
}

func (s *stage) load(sql string) {
	s.t.Helper()
	together, single, found := strings.Cut(s.replace.Replace(sql), "-- one by one\n")
	pgtest.LoadSQL(s.t, s.db, together)
	if !found {
		return
	}
	copied := s.db.Name + "_copy"
	s.t.Cleanup(func() {
		if _, err := s.db.Super.Exec(context.Background(), "DROP DATABASE IF EXISTS "+copied); err != nil {
			s.t.Error(err)
		}
	})
	for _, statement := range lines(single) {
		s.db.Exec(s.t, statement)
	}
}

func (s *stage) findings() []Finding {
	s.t.Helper()
	snap, err := catalog.Read(s.t.Context(), s.db.Super, catalog.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	if s.server != "" {
		if err := json.Unmarshal([]byte(s.server), &snap.Server); err != nil {
			s.t.Fatal(err)
		}
	}
	options := tenancy.Options{AppRoles: s.apps, TenantColumns: strings.Fields(s.f.files["tenant-columns"])}
	if text := s.f.files["config"]; text != "" {
		if options.Config, err = tenancy.ParseConfig("ringfence.yaml", []byte(s.replace.Replace(text))); err != nil {
			s.t.Fatal(err)
		}
	}
	m, err := tenancy.Infer(snap, options)
	if err != nil {
		s.t.Fatal(err)
	}
	found := Run(Read(m), []Rule{s.f.rule}, time.Now()).Findings
	return slices.DeleteFunc(found, func(f Finding) bool { // other tests' databases stand on the same server
		return f.ObjectType == "database" && !strings.Contains(f.Object, s.db.Name)
	})
}

func (s *stage) describe(found []Finding) []string {
	var out []string
	for _, f := range found {
		out = append(out, s.back.Replace(strings.TrimSpace(fmt.Sprintf("%s %s %s %s", f.Severity, f.Object, f.Role, f.Command))))
	}
	slices.Sort(out)
	return out
}

// mend applies the findings' own fixes, or fix.sql, and wants silence.
func (s *stage) mend(found []Finding) {
	s.t.Helper()
	if fix, ok := s.f.files["fix.sql"]; ok {
		s.load(fix)
	} else {
		for _, f := range found {
			if f.Fix == nil || f.Fix.SQL == "" {
				s.t.Fatalf("%s on %s has no fix in SQL, and the fixture no fix.sql", f.ID, f.Object)
			}
			pgtest.LoadSQL(s.t, s.db, f.Fix.SQL)
		}
	}
	s.server = s.f.files["fix.server"]
	if got := s.describe(s.findings()); len(got) > 0 {
		s.t.Errorf("still found after the fix:\n%s", strings.Join(got, "\n"))
	}
}

func lines(text string) []string {
	var out []string
	for _, l := range strings.Split(text, "\n") {
		if l = strings.TrimSpace(l); l != "" {
			out = append(out, l)
		}
	}
	slices.Sort(out)
	return out
}

func detail(found []Finding) string {
	var b strings.Builder
	for _, f := range found {
		fmt.Fprintf(&b, "%s %s %s %s %s %v: %s\n", f.Severity, f.ID, f.Object, f.Role, f.Command, f.Path, f.Detail)
	}
	return b.String()
}

// Ids are never used twice, names match files, and documentation says something.
func TestRulesAreWellFormed(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Rules() {
		if seen[r.ID] || len(r.ID) != 6 {
			t.Errorf("%s %s: the id is not one of its own, or not three letters and three digits", r.ID, r.Name)
		}
		seen[r.ID] = true
		if r.Title == "" || len(r.Doc) < 80 || r.Check == nil || rank(r.Severity) < 0 {
			t.Errorf("%s %s lacks a title, a text, a severity or a check", r.ID, r.Name)
		}
		if _, err := os.Stat("rule_" + strings.ReplaceAll(r.Name, "-", "_") + ".go"); err != nil {
			t.Errorf("%s: %v", r.ID, err)
		}
	}
}
