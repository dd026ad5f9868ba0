package catalog_test

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/catalog/catalogtest"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// wire counts what one Read sends: statements executed, and round trips (Sync messages).
func wire(t *testing.T, conn *pgx.Conn) (statements, syncs int) {
	t.Helper()
	var sent bytes.Buffer
	conn.PgConn().Frontend().Trace(&sent, pgproto3.TracerOptions{SuppressTimestamps: true})
	read(t, conn)
	conn.PgConn().Frontend().Untrace()
	for line := range strings.Lines(sent.String()) {
		switch {
		case strings.HasPrefix(line, "F\tExecute\t"), strings.HasPrefix(line, "F\tQuery\t"):
			statements++
		case strings.HasPrefix(line, "F\tSync\t"):
			syncs++
		}
	}
	return statements, syncs
}

func TestQueriesDoNotGrowWithTables(t *testing.T) {
	type count struct{ statements, syncs int }
	counts := map[int]count{}
	for _, tables := range []int{3, 300} {
		db := pgtest.DB(t)
		catalogtest.Load(t, db, tables)
		statements, syncs := wire(t, db.Super)
		counts[tables] = count{statements, syncs}
		if got := len(read(t, db.Super).Relations); got < tables {
			t.Fatalf("the positive control failed: %d relations of %d tables", got, tables)
		}
	}
	if counts[3] != counts[300] || counts[3].statements < 20 {
		t.Errorf("statements and round trips by tables: %v", counts)
	}
	if counts[3].syncs > 4 {
		t.Errorf("%d round trips", counts[3].syncs)
	}
}

// Whoever may connect reads the same as a superuser, but for what is named in Unreadable.
func TestReadWithConnectOnly(t *testing.T) {
	db := everything(t, 0)
	nobody := db.Role(t, "nobody", "LOGIN NOINHERIT")
	for _, schema := range []string{"public", `"We ird"`} {
		db.Exec(t, "REVOKE ALL ON SCHEMA "+schema+" FROM PUBLIC")
	}
	db.Exec(t, "REVOKE SELECT ON pg_largeobject_metadata FROM PUBLIC")
	want, got := read(t, db.Super), read(t, db.Conn(t, nobody))
	if diff := cmp.Diff([]string{
		"large objects (pg_largeobject_metadata)", "options of the user mapping of PUBLIC on server fs",
		"options of the user mapping of app on server fs", "setting session_preload_libraries", "setting shared_preload_libraries",
	}, got.Server.Unreadable); diff != "" {
		t.Errorf("unreadable (-want +got):\n%s", diff)
	}
	if len(want.Server.Unreadable) != 0 {
		t.Errorf("a superuser cannot read %v", want.Server.Unreadable)
	}
	all := want.Fingerprints()
	delete(all, "large objects 0")
	if diff := cmp.Diff(all, got.Fingerprints()); diff != "" {
		t.Errorf("a superuser and %s read differently (-superuser +other):\n%s", nobody, diff)
	}
}

func TestReadLeavesNoTrace(t *testing.T) {
	db := pgtest.DB(t)
	const settings = "SELECT name, setting FROM pg_settings WHERE source = 'session' OR name IN ('search_path', 'row_security') ORDER BY 1"
	db.Exec(t, "SET search_path = public")
	before := db.Query(t, settings)
	read(t, db.Super)
	if diff := cmp.Diff(before, db.Query(t, settings)); diff != "" {
		t.Errorf("settings changed (-before +after):\n%s", diff)
	}
	if status := db.Super.PgConn().TxStatus(); status != 'I' {
		t.Errorf("transaction status is %q", status)
	}
	db.Exec(t, "BEGIN")
	if _, err := catalog.Read(t.Context(), db.Super, catalog.Options{}); err == nil {
		t.Error("Read took over somebody's transaction")
	}
	db.Exec(t, "ROLLBACK")
}

// A function or operator planted in a schema on the search path must not be called by the reading.
func TestReadIsNotHijacked(t *testing.T) {
	db := pgtest.DB(t)
	pgtest.LoadSQL(t, db, `
		CREATE TABLE called (n int);
		CREATE FUNCTION public.format_type(oid, int) RETURNS text LANGUAGE plpgsql AS $$BEGIN INSERT INTO called VALUES (1); RETURN 'hijacked'; END$$;
		CREATE FUNCTION public.set_config(text, text, boolean) RETURNS text LANGUAGE plpgsql AS $$BEGIN INSERT INTO called VALUES (1); RETURN 'hijacked'; END$$;
		SET search_path = public, pg_catalog`)
	if control := pgtest.Value[string](t, db.Super, "SELECT format_type(23, 0)"); control != "hijacked" {
		t.Fatalf("the positive control failed: %s", control)
	}
	s := read(t, db.Super)
	if got := s.Relation("public.called").Columns[0].Type; got != "integer" {
		t.Errorf("type is %q", got)
	}
	if n := pgtest.Value[int](t, db.Super, "SELECT count(*)::int FROM public.called"); n != 1 {
		t.Errorf("planted functions were called %d times", n-1)
	}
}

func TestSchemasFilter(t *testing.T) {
	db := pgtest.DB(t)
	pgtest.LoadSQL(t, db, `
		CREATE SCHEMA a; CREATE SCHEMA b; CREATE SCHEMA c;
		CREATE TABLE b.parent (id int PRIMARY KEY); CREATE TABLE b.other (id int); CREATE TABLE c.far (id int);
		CREATE TABLE a.t (id int REFERENCES b.parent);
		CREATE VIEW a.v AS SELECT id FROM c.far`)
	s := readWith(t, db.Super, catalog.Options{Schemas: []string{"a"}})
	var got []string
	for i := range s.Relations {
		got = append(got, s.Relations[i].Identity())
	}
	if want := []string{"a.t", "a.v", "b.parent", "c.far"}; !slices.Equal(got, want) {
		t.Errorf("relations %v, want %v", got, want)
	}
	if len(s.Roles) == 0 || s.Namespace("b") == nil {
		t.Error("the filter took roles or schemas away")
	}
	if len(read(t, db.Super).Relations) != 5 {
		t.Error("the positive control failed: without a filter there are not five")
	}
}

// Every OID that a stored tree holds must be resolvable out of the snapshot alone.
func TestEverythingMentionedIsThere(t *testing.T) {
	testMentions(t, everything(t, 0))
}

func testMentions(t *testing.T, db *pgtest.Database) {
	s := read(t, db.Super)
	seen := map[string]int{}
	var missing []string
	catalog.EachMention(s, func(kind string, oid uint32, found bool) {
		seen[kind]++
		if !found {
			missing = append(missing, fmt.Sprintf("%s %d", kind, oid))
		}
	})
	if len(missing) > 0 {
		t.Errorf("mentioned and not there: %v", missing)
	}
	for _, kind := range []string{"relation", "function", "operator", "type", "collation"} {
		if seen[kind] == 0 {
			t.Errorf("the fixture mentions no %s", kind)
		}
	}
	for i := range s.Operators {
		o := &s.Operators[i]
		if o.Function == "" || s.Function(o.Function) == nil {
			t.Errorf("the function of operator %s is not there", o.Identity())
		}
	}
	for i := range s.Relations {
		for _, tr := range s.Relations[i].Triggers {
			if s.Function(tr.Function) == nil {
				t.Errorf("the function of trigger %s is not there: %q", tr.Identity(&s.Relations[i]), tr.Function)
			}
		}
		for _, c := range s.Relations[i].Columns {
			if s.TypeByOID(c.TypeOID) == nil {
				t.Errorf("the type of %s is not there", s.Relations[i].ColumnIdentity(c.Name))
			}
		}
	}
	for i := range s.Functions {
		for _, oid := range append(slices.Clone(s.Functions[i].ArgumentOIDs), s.Functions[i].ResultOID) {
			if s.TypeByOID(oid) == nil {
				t.Errorf("type %d of %s is not there", oid, s.Functions[i].Identity())
			}
		}
	}
}

// A table that another session holds exclusively costs the printed forms, nothing else.
func TestReadBesideLock(t *testing.T) {
	db := everything(t, 0)
	before := read(t, db.Super)
	other := db.Conn(t, "")
	if _, err := other.Exec(t.Context(), `BEGIN; LOCK TABLE org, child, "We ird"."Ta%b""le" IN ACCESS EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	s := readWith(t, db.Super, catalog.Options{LockTimeout: 50 * time.Millisecond})
	if want := []string{"printed forms of stored trees (what they name is locked or being changed)"}; !slices.Equal(s.Server.Unreadable, want) {
		t.Errorf("unreadable: %q", s.Server.Unreadable)
	}
	if diff := cmp.Diff(before.Fingerprints(), s.Fingerprints()); diff != "" {
		t.Errorf("read differently beside a lock (-before +beside):\n%s", diff)
	}
}

// What others drop while it is being read is no error.
func TestReadBesideDDL(t *testing.T) {
	db := pgtest.DB(t)
	pgtest.LoadSQL(t, db, "CREATE TABLE base (id int, v text CHECK (v <> ''))")
	other := db.Conn(t, "")
	stop, done, rounds := make(chan struct{}), make(chan error, 1), 0
	go func() {
		for {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			rounds++
			if _, err := other.Exec(context.Background(), `CREATE TABLE x (id int PRIMARY KEY, v text CHECK (v <> 'a')); CREATE INDEX ON x (lower(v));
				CREATE POLICY p ON x USING (EXISTS (SELECT FROM base b WHERE b.id = x.id)); CREATE VIEW y AS SELECT x.id, base.v FROM x JOIN base USING (id);
				CREATE FUNCTION z() RETURNS SETOF y LANGUAGE sql BEGIN ATOMIC SELECT * FROM y; END`); err != nil {
				done <- err
				return
			}
			if _, err := other.Exec(context.Background(), "SELECT count(*) FROM generate_series(1, 50000)"); err != nil {
				done <- err
				return
			}
			if _, err := other.Exec(context.Background(), "DROP TABLE x CASCADE"); err != nil {
				done <- err
				return
			}
		}
	}()
	seen := map[bool]int{}
	for range 25 {
		s := read(t, db.Super)
		x := s.Relation("public.x")
		seen[x != nil]++
		if x != nil && len(x.Policies) != 1 {
			t.Error("a table was read without its policy")
		}
	}
	close(stop)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if rounds < 10 || seen[true] == 0 || seen[false] == 0 {
		t.Errorf("the positive control failed: %d rounds, seen %v", rounds, seen)
	}
}

// The fixture has one of everything, so no list of a Snapshot may be empty.
func TestEverythingIsRead(t *testing.T) {
	s := read(t, everything(t, 15).Super)
	v := reflect.ValueOf(*s)
	for i := range v.NumField() {
		field := v.Type().Field(i)
		read := field.Type.Kind() != reflect.Slice || v.Field(i).Len() > 0
		if !read && field.Name != "Extensions" && field.Name != "Subscriptions" && field.Name != "OnlySchemas" {
			t.Errorf("%s is empty", field.Name)
		}
	}
	r := s.Relation(`"We ird"."Ta%b""le"`)
	if len(r.Columns) == 0 || len(r.Constraints) == 0 || len(r.Indexes) == 0 || len(r.Policies) == 0 || len(r.Triggers) == 0 || len(r.Grants) == 0 || len(s.Relation("public.v").Rules) == 0 {
		t.Errorf("something does not hang on its relation: %+v", r)
	}
}

func TestSubscription(t *testing.T) {
	db := pgtest.DB(t)
	db.Exec(t, "CREATE SUBSCRIPTION far CONNECTION 'dbname=none password=hidden' PUBLICATION there WITH (connect = false)")
	db.Exec(t, "ALTER SUBSCRIPTION far SET (slot_name = NONE)")
	defer db.Exec(t, "DROP SUBSCRIPTION far")
	want := []catalog.Subscription{{Name: "far", Owner: "postgres", Publications: []string{"there"}, RunAsOwner: true}}
	reader := db.Conn(t, db.Role(t, "reader", "LOGIN"))
	if diff := cmp.Diff(want, read(t, reader).Subscriptions); diff != "" {
		t.Errorf("subscriptions (-want +got):\n%s", diff)
	}
}

func TestExtensionMembersAreMarked(t *testing.T) {
	db := pgtest.DB(t)
	pgtest.LoadSQL(t, db, "CREATE EXTENSION citext; CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'")
	s := read(t, db.Super)
	for identity, want := range map[string]string{"public.citext(pg_catalog.inet)": "citext", "public.mine()": ""} {
		if f := s.Function(identity); f == nil || f.Extension != want {
			t.Errorf("%s: %+v", identity, f)
		}
	}
	for i := range s.Types {
		if ty := &s.Types[i]; ty.Name == "citext" && ty.Extension != "citext" {
			t.Errorf("the type is not marked: %+v", ty)
		}
	}
}
