package reach_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// sets is how many random sets of policies are compared.
const sets = 40

// A row of the oracle's table; a and b run over 1 to 3, id tells rows apart.
type row struct{ id, a, b int }

func rows() []row {
	var out []row
	for i := range 9 {
		out = append(out, row{i + 1, i/3 + 1, i%3 + 1})
	}
	return out
}

// TestOracle makes random sets of policies and compares the predicate that each command's way carries with what the server lets
// the role do to each row. It is the server that says what is right.
func TestOracle(t *testing.T) {
	db := pgtest.DB(t)
	app, group, other := db.Role(t, "app", "LOGIN"), db.Role(t, "group", "NOLOGIN"), db.Role(t, "other", "NOLOGIN")
	db.Exec(t, "GRANT "+pg.Ident(group)+" TO "+pg.Ident(app))
	db.Exec(t, "CREATE SCHEMA s")
	db.Exec(t, "GRANT USAGE ON SCHEMA s TO "+pg.Ident(app))
	conn := db.Conn(t, app)
	rnd := rand.New(rand.NewPCG(7, 7))
	c := &counter{}
	for i := range sets {
		db.Exec(t, "CREATE TABLE s.t (id int PRIMARY KEY, a int NOT NULL, b int NOT NULL, c int)")
		for _, r := range rows() {
			db.Exec(t, fmt.Sprintf("INSERT INTO s.t VALUES (%d, %d, %d, 0)", r.id, r.a, r.b))
		}
		db.Exec(t, "GRANT SELECT, INSERT, UPDATE, DELETE ON s.t TO "+pg.Ident(app))
		db.Exec(t, "ALTER TABLE s.t ENABLE ROW LEVEL SECURITY")
		var made []string
		for k := range 1 + rnd.IntN(5) {
			sql := policy(rnd, k, []string{"PUBLIC", "PUBLIC", pg.Ident(app), pg.Ident(group), pg.Ident(other)})
			made = append(made, sql)
			db.Exec(t, sql)
		}
		o := &oracle{t: t, conn: conn, ways: ways(t, db, app), policies: strings.Join(made, "\n"), counter: c}
		o.compare()
		db.Exec(t, "DROP TABLE s.t")
		if t.Failed() {
			t.Fatalf("set %d:\n%s", i, o.policies)
		}
	}
	if c.yes < 200 || c.no < 200 {
		t.Errorf("the server allowed %d and refused %d: too plain to tell", c.yes, c.no)
	}
}

type counter struct{ yes, no int }

// policy writes a random policy.
func policy(rnd *rand.Rand, k int, roles []string) string {
	conds := []string{"true", "false", "a = 1", "b = 1", "a = b", "a = 1 OR b = 2", "a > 1", "b < 3", "NULL"}
	command := []string{"ALL", "SELECT", "INSERT", "UPDATE", "DELETE"}[rnd.IntN(5)]
	kind := []string{"PERMISSIVE", "PERMISSIVE", "PERMISSIVE", "RESTRICTIVE"}[rnd.IntN(4)]
	sql := fmt.Sprintf("CREATE POLICY p%d ON s.t AS %s FOR %s TO %s", k, kind, command, roles[rnd.IntN(len(roles))])
	if command != "INSERT" && rnd.IntN(6) > 0 {
		sql += " USING (" + conds[rnd.IntN(len(conds))] + ")"
	}
	if command != "SELECT" && command != "DELETE" && rnd.IntN(2) == 0 {
		sql += " WITH CHECK (" + conds[rnd.IntN(len(conds))] + ")"
	}
	return sql
}

func ways(t *testing.T, db *pgtest.Database, app string) map[string]reach.Way {
	t.Helper()
	snap, err := catalog.Read(t.Context(), db.Super, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := tenancy.Infer(snap, tenancy.Options{AppRoles: []string{app}})
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]reach.Way)
	for _, w := range reach.Ways(m) {
		if len(w.Path) == 0 {
			out[string(w.Command)+"/"+w.Variant] = w
		}
	}
	return out
}

// An oracle compares one set of policies.
type oracle struct {
	*counter
	t        *testing.T
	conn     *pgx.Conn
	ways     map[string]reach.Way
	policies string
}

func (o *oracle) compare() {
	var seen []int
	for _, r := range rows() {
		if holds(o.t, o.ways["SELECT/"].Old, r) {
			seen = append(seen, r.id)
		}
	}
	got := pgtest.Query(o.t, o.conn, "SELECT id FROM s.t ORDER BY id")
	if fmt.Sprint(flat(got)) != fmt.Sprint(seen) {
		o.t.Errorf("SELECT: ways say %v, the server %v", seen, flat(got))
	}
	o.count("DELETE FROM s.t", "DELETE/blind", same)
	o.count("DELETE FROM s.t WHERE id > 0", "DELETE/", same)
	o.count("UPDATE s.t SET c = 7", "UPDATE/blind", same)
	o.count("UPDATE s.t SET c = 7 WHERE id > 0", "UPDATE/", same)
	o.count("UPDATE s.t SET a = 2", "UPDATE/blind", func(r row) row { r.a = 2; return r })
	o.count("UPDATE s.t SET a = 2 WHERE id > 0", "UPDATE/", func(r row) row { r.a = 2; return r })
	for _, r := range rows() {
		r.id += 100
		o.insert(r)
		o.upsert(r)
	}
}

func same(r row) row { return r }

func flat(rows [][]string) []int {
	var out []int
	for _, r := range rows {
		n, _ := strconv.Atoi(r[0])
		out = append(out, n)
	}
	return out
}

// run executes a statement and takes it back; ok is false where row security refused it.
func (o *oracle) run(sql string) (n int64, ok bool) {
	tx, err := o.conn.Begin(o.t.Context())
	if err != nil {
		o.t.Fatal(err)
	}
	defer tx.Rollback(o.t.Context())
	tag, err := tx.Exec(o.t.Context(), sql)
	if state := pg.SQLState(err); err != nil && state != "42501" {
		o.t.Fatalf("%s: %v", sql, err)
	}
	if err == nil {
		o.yes++
	} else {
		o.no++
	}
	return rowsOf(tag), err == nil
}

func rowsOf(tag pgconn.CommandTag) int64 { return tag.RowsAffected() }

// count compares how many rows a statement changes, or that it is refused since one of them would become what may not be.
func (o *oracle) count(sql, way string, change func(row) row) {
	w := o.ways[way]
	want, wantOK := int64(0), true
	for _, r := range rows() {
		if holds(o.t, w.Old, r) {
			want++
			wantOK = wantOK && (w.New == nil || holds(o.t, w.New, change(r)))
		}
	}
	n, ok := o.run(sql)
	if ok != wantOK || ok && n != want {
		o.t.Errorf("%s: ways say %d rows, allowed %v; the server %d, %v", sql, want, wantOK, n, ok)
	}
}

func (o *oracle) insert(r row) {
	sql := fmt.Sprintf("INSERT INTO s.t VALUES (%d, %d, %d, 0)", r.id, r.a, r.b)
	if _, ok := o.run(sql); ok != holds(o.t, o.ways["INSERT/"].New, r) {
		o.t.Errorf("%s: the server says %v", sql, ok)
	}
}

// upsert checks that what the server allows is what the way allows; the way speaks of the rows, not of one statement, and may
// allow more.
func (o *oracle) upsert(r row) {
	w := o.ways["INSERT/on_conflict"]
	sql := fmt.Sprintf("INSERT INTO s.t VALUES (%d, %d, %d, 0) ON CONFLICT (id) DO UPDATE SET c = 8", r.id, r.a, r.b)
	if _, ok := o.run(sql); ok && !holds(o.t, w.New, r) {
		o.t.Errorf("%s: the server allows it, the way does not", sql)
	}
	old := row{r.id - 100, r.a, r.b}
	sql = fmt.Sprintf("INSERT INTO s.t VALUES (%d, %d, %d, 0) ON CONFLICT (id) DO UPDATE SET a = 1, b = 2", old.id, old.a, old.b)
	if _, ok := o.run(sql); ok && (!holds(o.t, w.Old, old) || !holds(o.t, w.New, row{old.id, 1, 2})) {
		o.t.Errorf("%s: the server allows it, the way does not", sql)
	}
}

// holds evaluates a predicate of the oracle's grammar on a row.
func holds(t *testing.T, e expr.Expr, r row) bool {
	t.Helper()
	v := eval(t, e, r)
	return v != nil && *v != 0
}

func eval(t *testing.T, e expr.Expr, r row) *int {
	value := func(n int) *int { return &n }
	truth := func(b bool) *int {
		if b {
			return value(1)
		}
		return value(0)
	}
	switch e := e.(type) {
	case *expr.Const:
		if e.Null {
			return nil
		}
		if e.TypeOID == 16 {
			return truth(e.Text == "true")
		}
		n, _ := strconv.Atoi(e.Text)
		return value(n)
	case *expr.Var:
		return value(map[string]int{"id": r.id, "a": r.a, "b": r.b}[e.Name])
	case *expr.Operation:
		x, y := eval(t, e.Args[0], r), eval(t, e.Args[1], r)
		if x == nil || y == nil {
			return nil
		}
		return truth(map[string]bool{"=": *x == *y, ">": *x > *y, "<": *x < *y}[e.Op.Name])
	case *expr.Logic:
		unknown := false
		for _, a := range e.Args {
			v := eval(t, a, r)
			switch {
			case v == nil:
				unknown = true
			case (e.Op == "or") == (*v != 0):
				return v
			}
		}
		if unknown {
			return nil
		}
		return truth(e.Op == "and")
	}
	t.Fatalf("not of the oracle's grammar: %T", e)
	return nil
}
