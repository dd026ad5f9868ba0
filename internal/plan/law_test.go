package plan

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"golang.org/x/tools/txtar"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// TestLaw holds every kind to the one law, on a real server: not done; do; done; the catalogue has changed; undo; not done; the
// catalogue is as before; do again. The locks that a step names are those that pg_locks shows.
//
// testdata/KIND.txtar holds cases: NAME.sql makes the world, NAME.json lists steps, the last of which is of the kind. Steps
// before it are held to the law as well, as a chain that is undone in reverse.
func TestLaw(t *testing.T) { lawOn(t, pgtest.Server(t, 15)) }

func lawOn(t *testing.T, server *pgtest.Instance) {
	version := server.Binaries().Version
	for _, kind := range Kinds() {
		t.Run(kind.Name, func(t *testing.T) {
			archive, err := txtar.ParseFile(filepath.Join("testdata", kind.Name+".txtar"))
			if err != nil {
				t.Fatalf("every kind has a fixture: %v", err)
			}
			cases := lawCases(t, archive, kind.Name, int(version))
			for _, c := range cases {
				t.Run(c.name, func(t *testing.T) { holdToLaw(t, server.DB(t), c) })
			}
		})
	}
}

func TestEveryFixtureHasAKind(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		if KindByName(name) == nil {
			t.Errorf("%s belongs to no kind", file)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !hostile(string(data)) {
			t.Errorf("%s has no hostile identifiers: a quote, a letter beyond ASCII and a name of 63 bytes are asked for", file)
		}
	}
}

// hostile reports whether a fixture's JSON names things with a quote, beyond ASCII and of PostgreSQL's greatest length.
func hostile(fixture string) bool {
	longest := false
	for _, word := range strings.Split(fixture, `"`) {
		longest = longest || len(word) == 63
	}
	return longest && strings.Contains(fixture, `\"`) && utf8.RuneCountInString(fixture) < len(fixture)
}

type lawCase struct {
	name  string
	setup string
	steps []Step
}

func lawCases(t *testing.T, archive *txtar.Archive, kind string, version int) []lawCase {
	t.Helper()
	files := map[string]string{}
	for _, f := range archive.Files {
		files[f.Name] = string(f.Data)
	}
	var out []lawCase
	for _, f := range archive.Files {
		name, isSteps := strings.CutSuffix(f.Name, ".json")
		if !isSteps {
			continue
		}
		steps := decodeSteps(t, f.Data, version)
		if k := KindByName(kind); k.Needs > version/10000 || k.Until > 0 && k.Until < version/10000 {
			continue // the planner has no such step for this version, and the case for the others is held to the law there
		}
		if steps[len(steps)-1].Kind != kind {
			t.Fatalf("%s: the last step is not of kind %s", f.Name, kind)
		}
		out = append(out, lawCase{name: name, setup: files[name+".sql"], steps: steps})
	}
	if k := KindByName(kind); len(out) == 0 && k.Needs <= version/10000 && (k.Until == 0 || k.Until >= version/10000) {
		t.Fatal("the fixture has no case")
	}
	return out
}

func decodeSteps(t *testing.T, data []byte, version int) []Step {
	t.Helper()
	var wants []struct {
		Kind   string `json:"kind"`
		Target Target `json:"target"`
	}
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&wants); err != nil {
		t.Fatalf("reading steps: %v", err)
	}
	var steps []Step
	for _, w := range wants {
		k := KindByName(w.Kind)
		if k == nil {
			t.Fatalf("no kind %q", w.Kind)
		}
		if err := w.Target.validate(); err != nil {
			t.Fatalf("checking the target of %s: %v", w.Kind, err)
		}
		if k.Needs > version/10000 || k.Until > 0 && k.Until < version/10000 {
			continue
		}
		w.Target.Version = version
		steps = append(steps, k.step(w.Target))
	}
	if len(wants) == 0 {
		t.Fatal("a case without steps")
	}
	return steps
}

func holdToLaw(t *testing.T, db *pgtest.Database, c lawCase) {
	conn := db.Conn(t, pg.Superuser)
	pin(t, conn)
	for _, s := range c.steps {
		isDone(t, conn, s) // where nothing exists Done is an answer, not an error
	}
	pgtest.LoadSQL(t, db, c.setup)
	t.Cleanup(func() { dropLawRoles(t, db) })
	before, beforeDump := facts(t, db), dump(t, db)

	doAll(t, db, conn, c.steps)
	after := facts(t, db)
	if before == after {
		t.Error("the steps have not changed the catalogue")
	}
	undoable := undoAll(t, db, conn, c.steps)
	if !undoable {
		return
	}
	if diff := cmp.Diff(beforeDump+before, catalogue(t, db)); diff != "" {
		t.Errorf("after undo the catalogue is not as before (-before +after):\n%s", diff)
	}
	doAll(t, db, conn, c.steps)
	if diff := cmp.Diff(after, facts(t, db)); diff != "" {
		t.Errorf("done again, the catalogue differs from the first time (-first +second):\n%s", diff)
	}
}

// doAll runs every step forward and demands that each is done by its own Do alone and that all are done at the end.
func doAll(t *testing.T, db *pgtest.Database, conn *pgx.Conn, steps []Step) {
	t.Helper()
	for _, s := range steps {
		if isDone(t, conn, s) {
			t.Errorf("%s on %s is done before it was done:\n%s", s.Kind, s.Object, s.Done)
		}
		checkLocks(t, s, "do", s.Lock, run(t, db, conn, s, s.Do))
		if !isDone(t, conn, s) {
			t.Errorf("%s on %s is not done after it was done:\n%s\n%s", s.Kind, s.Object, strings.Join(s.Do, ";\n"), s.Done)
		}
	}
	for _, s := range steps {
		if !isDone(t, conn, s) {
			t.Errorf("%s on %s is not done at the end of its chain:\n%s", s.Kind, s.Object, s.Done)
		}
	}
}

// undoAll takes the steps back in reverse and reports whether all of what they changed can be compared: a chain in which the
// last step has no Undo has not.
func undoAll(t *testing.T, db *pgtest.Database, conn *pgx.Conn, steps []Step) bool {
	t.Helper()
	undone := false
	for i := len(steps) - 1; i >= 0; i-- {
		s := steps[i]
		if len(s.Undo) == 0 {
			if s.NoUndo == "" {
				t.Errorf("%s has neither Undo nor a reason", s.Kind)
			}
			continue
		}
		undone = true
		standing := isDone(t, conn, s) // an Undo before this one may have taken it along
		held := run(t, db, conn, s, s.Undo)
		if standing {
			checkLocks(t, s, "undo", s.UndoLock, held)
		}
		if isDone(t, conn, s) {
			t.Errorf("%s on %s is done after it was undone:\n%s", s.Kind, s.Object, s.Done)
		}
	}
	return undone
}

func isDone(t *testing.T, conn *pgx.Conn, s Step) bool {
	t.Helper()
	rows := pgtest.Query(t, conn, s.Done)
	if len(rows) != 1 || len(rows[0]) != 1 || rows[0][0] != "t" && rows[0][0] != "f" {
		t.Fatalf("Done of %s gives %v, not one boolean:\n%s", s.Kind, rows, s.Done)
	}
	return rows[0][0] == "t"
}

// catalogue is the whole of what a step may change, twice over: pg_dump's schema, and facts.
func catalogue(t *testing.T, db *pgtest.Database) string {
	t.Helper()
	return dump(t, db) + facts(t, db)
}

// facts are the snapshot's fingerprints and what belongs to the cluster.
func facts(t *testing.T, db *pgtest.Database) string {
	t.Helper()
	var b strings.Builder
	for _, query := range []string{clusterQuery, indexQuery, ownQuery} {
		for _, row := range db.Query(t, query) {
			b.WriteString(strings.Join(row, " ") + "\n")
		}
	}
	snap, err := catalog.Read(t.Context(), db.Super, catalog.Options{})
	if err != nil {
		t.Fatalf("reading the catalogue: %v", err)
	}
	prints := snap.Fingerprints()
	for _, identity := range sortedKeys(prints) {
		b.WriteString(prints[identity] + " " + identity + "\n")
	}
	return b.String()
}

// dump is pg_dump's schema, or "" for servers that came without a pg_dump.
func dump(t *testing.T, db *pgtest.Database) string {
	t.Helper()
	program := filepath.Join(db.Server.Binaries().Dir, "pg_dump")
	if db.Server.Binaries().Downloaded {
		return ""
	}
	cmd := exec.CommandContext(t.Context(), program, "--schema-only", "--restrict-key=x",
		"-h", db.Server.SocketDir(), "-p", strconv.Itoa(db.Server.Port()), "-U", pg.Superuser, db.Name)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("dumping the schema: %v\n%s", err, out)
	}
	return sortGrants(string(out))
}

// sortGrants sorts the GRANT lines that follow each other: a list of grants has an order, which means nothing.
func sortGrants(dump string) string {
	lines := strings.Split(dump, "\n")
	for i := 0; i < len(lines); i++ {
		from := i
		for i < len(lines) && strings.HasPrefix(lines[i], "GRANT ") {
			i++
		}
		slices.Sort(lines[from:i])
	}
	return strings.Join(lines, "\n")
}

const clusterQuery = `
SELECT 'role ' || (r.rolname, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolreplication, r.rolbypassrls)::text
  FROM pg_roles r WHERE r.rolname !~ '^pg_'
UNION ALL
SELECT 'member ' || (g.rolname, m.rolname, a.admin_option)::text FROM pg_auth_members a
  JOIN pg_roles g ON g.oid = a.roleid JOIN pg_roles m ON m.oid = a.member WHERE m.rolname !~ '^pg_'
UNION ALL
SELECT 'setting ' || (d.datname, r.rolname, entry)::text
  FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) entry LEFT JOIN pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_roles r ON r.oid = s.setrole
ORDER BY 1`

const indexQuery = `
SELECT 'index', i.indexrelid::regclass, i.indisvalid, i.indisready FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname !~ '^pg_' ORDER BY i.indexrelid::regclass::text`

// ownQuery reads Ringfence's own schema, which fingerprints leave out.
const ownQuery = `
SELECT 'own', p.oid::regprocedure, md5(p.prosrc), p.proconfig FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE n.nspname = 'ringfence' ORDER BY p.oid::regprocedure::text`

// dropLawRoles drops every role that the case made: cases run one after another and have the server to themselves.
func dropLawRoles(t *testing.T, db *pgtest.Database) {
	t.Helper()
	conn, err := pg.Connect(context.Background(), db.DSN(""), pg.Options{})
	if err != nil {
		t.Fatalf("connecting to clean up: %v", err)
	}
	defer conn.Close(context.Background())
	rows, err := conn.Query(context.Background(), "SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' AND rolname <> current_user")
	if err != nil {
		t.Fatalf("listing roles: %v", err)
	}
	roles, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatalf("listing roles: %v", err)
	}
	for _, role := range roles {
		db.Adopt(role)
	}
}

func pin(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), "SET search_path = pg_catalog"); err != nil {
		t.Fatal(err)
	}
}
