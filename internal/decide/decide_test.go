package decide

import (
	"fmt"
	"os"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// A policyCase is one table of its own with a row of the case file: columns | policies | want.
type policyCase struct {
	name  string
	table string // column definitions; empty: the usual ones
	ddl   []string
	want  string
}

// readCases reads testdata/policies.txt: cases are parted by blank lines; a line is "# name", "cols: …" (the table's columns),
// "want: VERB verdict reason; …", or SQL in which T is the table.
func readCases(t *testing.T) []policyCase {
	t.Helper()
	data, err := os.ReadFile("testdata/policies.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out []policyCase
	for i, block := range strings.Split(string(data), "\n\n") {
		var c policyCase
		for line := range strings.Lines(block) {
			line = strings.TrimSpace(line)
			switch {
			case strings.HasPrefix(line, "# "):
				c.name = line[2:]
			case strings.HasPrefix(line, "cols:"):
				c.table = strings.TrimSpace(line[5:])
			case strings.HasPrefix(line, "want:"):
				c.want = strings.TrimSpace(line[5:])
			case line != "":
				c.ddl = append(c.ddl, line)
			}
		}
		if c.want == "" {
			t.Fatalf("case %d (%s) wants nothing", i, c.name)
		}
		out = append(out, c)
	}
	return out
}

func (c *policyCase) sql(table, app string) string {
	cols := c.table
	if cols == "" {
		cols = "id int NOT NULL, tenant_id uuid NOT NULL, owner_id uuid, body text, is_public boolean"
	}
	out := fmt.Sprintf("CREATE TABLE %s (%s); GRANT SELECT, INSERT, UPDATE, DELETE ON %[1]s TO %[3]s; ALTER TABLE %[1]s ENABLE ROW LEVEL SECURITY;\n", table, cols, app)
	for _, s := range c.ddl {
		s = strings.ReplaceAll(s, " T ", " "+table+" ")
		s = strings.ReplaceAll(s, " T.", " "+table+".")
		out += strings.ReplaceAll(s, "<app>", app) + ";\n"
	}
	return out
}

// A suite is the case file loaded into a database.
type suite struct {
	cases []policyCase
	db    *pgtest.Database
	app   string
	model *tenancy.Model
}

func loadCases(t *testing.T) *suite {
	t.Helper()
	cases := readCases(t)
	db := pgtest.DB(t)
	app := db.Role(t, "app", "LOGIN")
	setup, err := os.ReadFile("testdata/policies.sql")
	if err != nil {
		t.Fatal(err)
	}
	group := db.Role(t, "group", "NOLOGIN")
	db.Exec(t, "GRANT "+group+" TO "+app)
	db.Exec(t, strings.ReplaceAll(string(setup), "<app>", app))
	for i := range cases {
		db.Exec(t, strings.ReplaceAll(cases[i].sql(fmt.Sprintf("s.t%03d", i), app), "<group>", group))
	}
	s := &suite{cases: cases, db: db, app: app}
	s.read(t, func(*catalog.Snapshot) {})
	return s
}

// read makes the model of the database as change leaves its snapshot.
func (s *suite) read(t *testing.T, change func(*catalog.Snapshot)) {
	t.Helper()
	snap, err := catalog.Read(t.Context(), s.db.Super, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	change(snap)
	s.model, err = tenancy.Infer(snap, tenancy.Options{AppRoles: []string{s.app}, TenantColumns: []string{"tenant_id"}, Context: "app.tid"})
	if err != nil {
		t.Fatal(err)
	}
	s.model.Sentinels = nil // one case's shared rows are another's hole
}

func (s *suite) ways(i int) []reach.Way {
	return reach.WaysTo(s.model, s.model.Snapshot.Relation(fmt.Sprintf("s.t%03d", i)))
}

// TestPolicies decides every case of testdata/policies.txt on a real catalogue.
func TestPolicies(t *testing.T) {
	s := loadCases(t)
	d := New(s.model)
	for i := range s.cases {
		c := &s.cases[i]
		t.Run(c.name, func(t *testing.T) {
			got := verdicts(d, s.ways(i), c.want)
			if diff := gocmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", strings.Join(c.ddl, "; "), diff)
				for _, w := range s.ways(i) {
					if x := d.Decide(w); len(w.Path) == 0 && w.Privileged && w.Variant == "" {
						t.Logf("%s: %s %s %s %s", w.Command, x.Verdict, x.Reason, x.Why, witness(x.Witness))
					}
				}
			}
		})
	}
}

func witness(w *Witness) string {
	if w == nil {
		return ""
	}
	return show(w.Row) + " in " + show(w.Context) + fmt.Sprint(len(w.Others))
}

func show(m map[string]*string) string {
	out := ""
	for k, v := range m {
		if v == nil {
			out += k + "=NULL "
		} else {
			out += k + "=" + *v + " "
		}
	}
	return out
}

// verdicts says what was decided of the verbs that want names, in its form.
func verdicts(d *Decider, ways []reach.Way, want string) string {
	var out []string
	for part := range strings.SplitSeq(want, ";") {
		verb := strings.Fields(part)[0]
		command, variant, _ := strings.Cut(verb, "/")
		for _, w := range ways {
			if string(w.Command) != command || w.Variant != variant || len(w.Path) > 0 {
				continue
			}
			x := d.Decide(w)
			s := verb + " " + string(x.Verdict)
			if x.Reason != "" {
				s += " " + string(x.Reason)
			}
			if x.Unusable {
				s += " unusable"
			}
			out = append(out, s)
		}
	}
	return strings.Join(out, "; ")
}
