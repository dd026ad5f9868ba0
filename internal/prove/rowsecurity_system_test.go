//go:build system

package prove

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/decide"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

const rowSecurityDir = "testdata/rowsecurity/"

var update = flag.Bool("update", false, "write what was found into testdata/rowsecurity; read the difference before committing it")

// TestSystemRowSecuritySuite runs PostgreSQL's own regression script of row security, and reads and decides every policy that it
// makes, at the time when it is there. What stays unproven stands in a file, policy by policy.
func TestSystemRowSecuritySuite(t *testing.T) {
	for _, version := range []int{15, 18} {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			db := pgtest.Server(t, version).DB(t)
			for _, role := range []string{"alice", "bob", "carol", "dave", "exempt_user", "group1", "group2", "dob_role1", "dob_role2", "eve", "frank"} {
				db.Adopt("regress_rls_" + role)
			}
			script, err := os.ReadFile(rowSecurityDir + "rowsecurity.sql")
			if err != nil {
				t.Fatal(err)
			}
			s := &regression{db: db, conn: db.Conn(t, ""), seen: map[string]bool{}, made: map[string]bool{}, met: map[uint32]bool{}}
			s.run(t, string(script))
			if s.created == 0 || len(s.met) != s.created {
				t.Errorf("of %d policies that the script made, %d were met", s.created, len(s.met))
			}
			t.Logf("%d policies with %d expressions, %d ways decided, %d snapshots", len(s.met), len(s.made), s.ways, s.snapshots)
			slices.Sort(s.unproven)
			got := strings.Join(slices.Compact(s.unproven), "\n") + "\n"
			file := rowSecurityDir + "unproven"
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("what is unproven (-want +got):\n%s", diff)
			}
		})
	}
}

// A regression is the script on its way.
type regression struct {
	db   *pgtest.Database
	conn *pgx.Conn

	dirty     bool            // policies were made that were not looked at
	seen      map[string]bool // what was decided: policies with their text
	made      map[string]bool // policies met, with their text
	created   int             // policies that the script made
	met       map[uint32]bool // policies met, by OID
	snapshots int
	ways      int
	unproven  []string
}

// run executes the script as psql would, without its transactions: statements that fail are meant to.
func (s *regression) run(t *testing.T, script string) {
	t.Helper()
	for _, st := range statements(script) {
		word := strings.ToUpper(strings.Join(strings.Fields(st.sql)[:min(2, len(strings.Fields(st.sql)))], " "))
		switch first, _, _ := strings.Cut(word, " "); {
		case first == "BEGIN" || first == "COMMIT" || first == "ROLLBACK" || first == "SAVEPOINT":
			continue
		case s.dirty && (first == "DROP" || word == "ALTER POLICY" || word == "RESET SESSION"):
			s.look(t)
		}
		var err error
		if st.data != "" || strings.Contains(strings.ToUpper(st.sql), "FROM STDIN") {
			_, err = s.conn.PgConn().CopyFrom(t.Context(), bytes.NewReader([]byte(st.data)), st.sql)
		} else {
			_, err = s.conn.Exec(t.Context(), st.sql, pgx.QueryExecModeSimpleProtocol)
		}
		if err == nil && (word == "CREATE POLICY" || word == "ALTER POLICY") {
			s.dirty = true
		}
		if err == nil && word == "CREATE POLICY" {
			s.created++
		}
	}
	s.look(t)
}

// look reads the catalogue and decides every way and each policy that is new.
func (s *regression) look(t *testing.T) {
	t.Helper()
	s.dirty = false
	s.snapshots++
	snap, err := catalog.Read(t.Context(), s.db.Super, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var apps []string
	for _, name := range []string{"regress_rls_alice", "regress_rls_bob", "regress_rls_carol", "regress_rls_dave"} {
		if snap.Role(name) != nil {
			apps = append(apps, name)
		}
	}
	// A table's first column stands for the tenant key: the script knows no tenants, and the question needs one.
	var config strings.Builder
	config.WriteString("tables:\n")
	for i := range snap.Relations {
		if r := &snap.Relations[i]; len(r.Policies) > 0 && len(r.Columns) > 0 {
			fmt.Fprintf(&config, "  %s:\n    class: owned\n    key: [%s]\n", r.Identity(), r.Columns[0].Name)
		}
	}
	options := tenancy.Options{AppRoles: apps}
	if options.Config, err = tenancy.ParseConfig("ringfence.yaml", []byte(config.String())); err != nil {
		t.Fatal(err)
	}
	m, err := tenancy.Infer(snap, options)
	if err != nil {
		t.Fatal(err)
	}
	s.policies(t, m)
	d := decide.New(m)
	for _, w := range reach.Ways(m) {
		if len(w.Policies) == 0 {
			continue
		}
		s.ways++
		s.judge(t, d.Decide(w), w.Relation.Identity()+" "+string(w.Command))
	}
}

// policies reads each policy, and decides it by itself for a role that it is for.
func (s *regression) policies(t *testing.T, m *tenancy.Model) {
	t.Helper()
	d := decide.New(m)
	for i := range m.Snapshot.Relations {
		rel := &m.Snapshot.Relations[i]
		for k := range rel.Policies {
			p := &rel.Policies[k]
			s.met[p.OID] = true
			for _, tree := range []*catalog.Tree{p.Using, p.Check} {
				if tree == nil {
					continue
				}
				name := p.Name + " on " + rel.Identity() + ": " + tree.Text
				s.made[name] = true
				if s.seen[name] {
					continue
				}
				s.seen[name] = true
				e, err := m.Reader.Expression(tree, rel)
				if err != nil || e == nil {
					t.Errorf("%s was not read: %v", name, err)
					continue
				}
				way := reach.Way{Role: "regress_rls_bob", As: "regress_rls_bob", CurrentUser: "regress_rls_bob", Relation: rel, Command: reach.Select, Privileged: true, Old: e}
				out := d.Decide(way)
				s.judge(t, out, name)
				if out.Verdict == decide.Undecided {
					s.unproven = append(s.unproven, name+"\n\t"+out.Why)
				}
			}
		}
	}
}

func (s *regression) judge(t *testing.T, d decide.Decision, what string) {
	t.Helper()
	if strings.Contains(d.Why, "ended in an error") || d.Verdict == "" {
		t.Errorf("%s: %s %s", what, d.Verdict, d.Why)
	}
}

// copied returns the rows that follow a COPY, and how many lines they take with the end mark; none where a statement comes first.
func copied(lines []string) (rows string, taken int) {
	for i, l := range lines {
		switch {
		case strings.HasPrefix(l, `\.`):
			return strings.Join(lines[:i], ""), i + 1
		case strings.Contains(l, ";"):
			return "", 0
		}
	}
	return "", 0
}

// A psqlStatement is one of a psql script, with the data that follows a COPY.
type psqlStatement struct{ sql, data string }

// statements takes a psql script apart: comments and meta commands go, dollar quotes and strings are kept whole.
func statements(script string) []psqlStatement {
	var out []psqlStatement
	var b strings.Builder
	dollar, quoted := "", false
	lines := strings.SplitAfter(script, "\n")
	for n := 0; n < len(lines); n++ {
		line := lines[n]
		if strings.TrimSpace(b.String()) == "" && dollar == "" && strings.HasPrefix(line, `\`) {
			continue
		}
		for i := 0; i < len(line); i++ {
			switch {
			case dollar != "":
				if strings.HasPrefix(line[i:], dollar) {
					b.WriteString(dollar)
					i += len(dollar) - 1
					dollar = ""
					continue
				}
			case quoted:
				quoted = line[i] != '\''
			case line[i] == '\'':
				quoted = true
			case strings.HasPrefix(line[i:], "--"):
				i = len(line) - 1
				b.WriteByte('\n')
				continue
			case line[i] == '$':
				if end := strings.IndexByte(line[i+1:], '$'); end >= 0 && !strings.ContainsAny(line[i+1:i+1+end], " (),") {
					dollar = line[i : i+end+2]
					b.WriteString(dollar)
					i += len(dollar) - 1
					continue
				}
			case line[i] == ';':
				st := psqlStatement{sql: strings.TrimSpace(b.String())}
				b.Reset()
				if strings.Contains(strings.ToLower(st.sql), "from stdin") {
					if rows, end := copied(lines[n+1:]); end > 0 { // a COPY that is meant to be refused has none
						st.data = rows
						n += end
						line = ""
					}
				}
				if st.sql != "" {
					out = append(out, st)
				}
				continue
			}
			b.WriteByte(line[i])
		}
	}
	return out
}
