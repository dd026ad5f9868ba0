package rights_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/rights"
)

// graphs is how many random role graphs are compared.
const graphs = 6

// TestOracle compares every answer with the server's own, on random roles, memberships and grants.
func TestOracle(t *testing.T) {
	for seed := range uint64(graphs) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			compare(t, pgtest.DB(t), rand.New(rand.NewPCG(seed, 1)))
		})
	}
}

// A world is one random set of roles and objects.
type world struct {
	db    *pgtest.Database
	rnd   *rand.Rand
	roles []string
	major int
}

func compare(t *testing.T, db *pgtest.Database, rnd *rand.Rand) {
	t.Helper()
	w := &world{db: db, rnd: rnd, major: db.Server.Binaries().Version.Major()}
	w.make(t)
	snap, err := catalog.Read(t.Context(), db.Super, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := rights.New(snap)
	yes := map[bool]int{}
	for _, role := range w.roles {
		for _, q := range w.questions(snap, r, role) {
			yes[q.want(t, db.Super)]++
			if got := q.got; got != q.want(t, db.Super) {
				t.Errorf("%s: got %v, the server says %v", q.sql, got, !got)
			}
		}
	}
	if yes[true] < 50 || yes[false] < 50 {
		t.Errorf("the server said yes %d times and no %d times: the graph is too plain to tell", yes[true], yes[false])
	}
}

// make creates roles, memberships, tables, a function and grants.
func (w *world) make(t *testing.T) {
	attrs := []string{"", "NOINHERIT", "CREATEROLE", "LOGIN", "BYPASSRLS", "SUPERUSER"}
	for i := range 9 {
		a := attrs[w.rnd.IntN(len(attrs))]
		if a == "SUPERUSER" && i != 0 {
			a = ""
		}
		w.roles = append(w.roles, w.db.Role(t, fmt.Sprintf("o%d", i), a))
	}
	for i := range w.roles {
		for k := range i { // no cycles
			if w.rnd.IntN(4) == 0 {
				w.db.Exec(t, "GRANT "+pg.Ident(w.roles[k])+" TO "+pg.Ident(w.roles[i])+w.options())
			}
		}
	}
	for _, p := range []string{"pg_read_all_data", "pg_write_all_data"} {
		w.db.Exec(t, "GRANT "+p+" TO "+pg.Ident(w.pick())+w.options())
	}
	w.db.Exec(t, "ALTER DATABASE "+pg.Ident(w.db.Name)+" OWNER TO "+pg.Ident(w.pick()))
	for s := range 2 {
		schema := fmt.Sprintf("s%d", s)
		w.db.Exec(t, "CREATE SCHEMA "+schema+" AUTHORIZATION "+pg.Ident(w.pick()))
		w.grant(t, []string{"USAGE", "CREATE"}, "SCHEMA "+schema)
		for k := range 3 {
			table := fmt.Sprintf("%s.t%d", schema, k)
			w.db.Exec(t, "CREATE TABLE "+table+" (a int, b int)")
			w.db.Exec(t, "ALTER TABLE "+table+" OWNER TO "+pg.Ident(w.pick()))
			w.grant(t, []string{"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"}, table)
			w.grant(t, []string{"SELECT (a)", "INSERT (b)", "UPDATE (a)", "REFERENCES (b)"}, table)
		}
		w.db.Exec(t, "CREATE FUNCTION "+schema+".f() RETURNS int LANGUAGE sql RETURN 1")
		w.db.Exec(t, "REVOKE EXECUTE ON FUNCTION "+schema+".f() FROM PUBLIC")
		w.grant(t, []string{"EXECUTE"}, "FUNCTION "+schema+".f()")
	}
}

func (w *world) pick() string { return w.roles[w.rnd.IntN(len(w.roles))] }

// options are the membership options of 16 and later, or ADMIN OPTION.
func (w *world) options() string {
	if w.major < 16 {
		return []string{"", " WITH ADMIN OPTION"}[w.rnd.IntN(2)]
	}
	return fmt.Sprintf(" WITH INHERIT %v, SET %v, ADMIN %v", w.rnd.IntN(2) == 0, w.rnd.IntN(2) == 0, w.rnd.IntN(3) == 0)
}

// grant gives some of the privileges on an object to some roles, and sometimes to PUBLIC.
func (w *world) grant(t *testing.T, privileges []string, object string) {
	for _, p := range privileges {
		switch w.rnd.IntN(5) {
		case 0:
			w.db.Exec(t, "GRANT "+p+" ON "+object+" TO "+pg.Ident(w.pick()))
		case 1:
			w.db.Exec(t, "GRANT "+p+" ON "+object+" TO "+pg.Ident(w.pick())+" WITH GRANT OPTION")
		case 2:
			if w.rnd.IntN(3) == 0 {
				w.db.Exec(t, "GRANT "+p+" ON "+object+" TO PUBLIC")
			}
		}
	}
}

// A question is one answer of package rights with the server's way to ask it.
type question struct {
	sql  string
	args []any
	got  bool
}

func (q *question) want(t *testing.T, conn *pgx.Conn) bool {
	t.Helper()
	return pgtest.Value[bool](t, conn, "SELECT "+q.sql, q.args...)
}

func (w *world) questions(snap *catalog.Snapshot, r *rights.Rights, role string) []question {
	var out []question
	add := func(got bool, sql string, args ...any) {
		out = append(out, question{sql: sql, args: args, got: got})
	}
	for _, other := range append([]string{"pg_database_owner", "pg_read_all_data"}, w.roles...) {
		add(r.HasPrivsOf(role, other), "pg_has_role($1::name, $2::name, 'USAGE')", role, other)
		add(r.MemberOf(role, other), "pg_has_role($1::name, $2::name, 'MEMBER')", role, other)
		if w.major >= 16 {
			add(r.CanSet(role, other), "pg_has_role($1::name, $2::name, 'SET')", role, other)
		} else {
			add(r.CanSet(role, other), "pg_has_role($1::name, $2::name, 'MEMBER')", role, other)
		}
	}
	for i := range snap.Relations {
		rel := &snap.Relations[i]
		if rel.System || !strings.HasPrefix(rel.Schema, "s") {
			continue
		}
		for _, p := range []string{"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"} {
			h := r.Relation(role, rel, p)
			add(h.Held && h.Columns == nil, "has_table_privilege($1::name, $2::text, $3)", role, rel.Identity(), p)
			if p == "DELETE" || p == "TRUNCATE" || p == "TRIGGER" {
				continue
			}
			for _, c := range []string{"a", "b"} {
				held := h.Held && (h.Columns == nil || contains(h.Columns, c))
				add(held, "has_column_privilege($1::name, $2::text, $3::text, $4)", role, rel.Identity(), c, p)
			}
		}
	}
	for _, s := range []string{"s0", "s1", "public", "pg_catalog"} {
		add(r.Schema(role, s, "USAGE"), "has_schema_privilege($1::name, $2::text, 'USAGE')", role, s)
		add(r.Schema(role, s, "CREATE"), "has_schema_privilege($1::name, $2::text, 'CREATE')", role, s)
	}
	for i := range snap.Functions {
		if f := &snap.Functions[i]; !f.System && strings.HasPrefix(f.Schema, "s") {
			add(r.Execute(role, f), "has_function_privilege($1::name, $2::text, 'EXECUTE') AND has_schema_privilege($1::name, $3::text, 'USAGE')",
				role, f.Identity(), f.Schema)
		}
	}
	return out
}

func contains(all []string, s string) bool {
	for _, x := range all {
		if x == s {
			return true
		}
	}
	return false
}

// TestIdentities compares the roles that a session can become with what the server lets it do: SET ROLE as things stand, and
// SET ROLE after granting oneself what ADMIN OPTION or CREATEROLE allows.
func TestIdentities(t *testing.T) {
	db := pgtest.DB(t)
	w := &world{db: db, major: db.Server.Binaries().Version.Major()}
	app := db.Role(t, "app", "LOGIN")
	given, beyond := db.Role(t, "given", "NOLOGIN"), db.Role(t, "beyond", "NOLOGIN")
	admin, maker := db.Role(t, "admin", "NOLOGIN"), db.Role(t, "maker", "LOGIN CREATEROLE")
	super, alone := db.Role(t, "super", "NOLOGIN SUPERUSER"), db.Role(t, "alone", "NOLOGIN")
	for _, g := range [][2]string{{given, app}, {beyond, given}} {
		db.Exec(t, "GRANT "+pg.Ident(g[0])+" TO "+pg.Ident(g[1]))
	}
	if w.major >= 16 {
		db.Exec(t, "GRANT "+pg.Ident(admin)+" TO "+pg.Ident(app)+" WITH ADMIN TRUE, INHERIT FALSE, SET FALSE")
	} else {
		db.Exec(t, "GRANT "+pg.Ident(admin)+" TO "+pg.Ident(app)+" WITH ADMIN OPTION")
	}
	snap, err := catalog.Read(t.Context(), db.Super, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := rights.New(snap)
	for _, session := range []string{app, maker} {
		reach := make(map[string]bool)
		for _, id := range r.Identities(session) {
			reach[id.Role] = true
		}
		for _, role := range []string{given, beyond, admin, super, alone} {
			conn := db.Conn(t, session)
			_, _ = conn.Exec(t.Context(), "GRANT "+pg.Ident(role)+" TO "+pg.Ident(session)) // refused: then SET ROLE decides alone
			_, err := conn.Exec(t.Context(), "SET ROLE "+pg.Ident(role))
			if got := reach[role]; got != (err == nil) {
				t.Errorf("%s becomes %s: got %v, the server says %v", session, role, got, err)
			}
		}
	}
}
