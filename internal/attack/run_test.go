package attack

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// shop is a world with one table, whose policies the tests add.
const shop = `-- tenant: shop
-- context: setting till.shop
CREATE SCHEMA till AUTHORIZATION {owner};
GRANT USAGE ON SCHEMA till TO {app};
SET ROLE {owner};
CREATE TABLE till.sale (id int PRIMARY KEY, shop int NOT NULL, note text);
ALTER TABLE till.sale ENABLE ROW LEVEL SECURITY;
ALTER TABLE till.sale FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON till.sale TO {app};
`

const mine = `CREATE POLICY p ON till.sale USING (shop = NULLIF(current_setting('till.shop', true), '')::int);
`

// outcomes keeps of a result what a test compares: probe, outcome and code.
func outcomes(r *Result) map[string]string {
	out := map[string]string{}
	for _, e := range r.Entries {
		out[e.Probe] = string(e.Outcome) + " " + string(e.Code)
	}
	return out
}

// TestReadOnly attacks with the rows of two real tenants when nothing may be written, and shows no more of them than a key.
func TestReadOnly(t *testing.T) {
	w := load(t, shop+`CREATE POLICY p ON till.sale USING (true);
RESET ROLE;
INSERT INTO till.sale VALUES (1, 7, 'private'), (2, 8, 'secret');
`)
	r, err := Run(t.Context(), Options{Conn: w.db.Conn(t, "postgres"), Model: w.model, Probes: []Probe{read, updateByKey}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"read": "leaked ", "update_by_key": "inconclusive refused"}
	if diff := cmp.Diff(want, outcomes(r)); diff != "" {
		t.Error(diff)
	}
	for _, e := range r.Entries {
		if e.Witness == nil {
			continue
		}
		if got := sortedKeys(e.Witness.Row); !slices.Equal(got, []string{"id"}) {
			t.Errorf("a real row's witness shows the columns %v", got)
		}
	}
	if len(r.Traces) != 0 {
		t.Errorf("traces of a run that wrote nothing: %v", r.Traces)
	}
}

// TestOutward holds that nothing is written where a trigger, however far off, reaches out of the transaction.
func TestOutward(t *testing.T) {
	reaching := map[string]string{
		"trigger": `CREATE FUNCTION till.call() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM dblink_exec('x', 'y'); RETURN NEW; END $$;
CREATE TRIGGER far AFTER INSERT ON till.sale FOR EACH ROW EXECUTE FUNCTION till.call();`,
		"sequence set back": `CREATE SEQUENCE till.counter;
CREATE FUNCTION till.call() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM setval('till.counter', 1); RETURN NEW; END $$;
CREATE TRIGGER far AFTER INSERT ON till.sale FOR EACH ROW EXECUTE FUNCTION till.call();`,
		"file": `CREATE FUNCTION till.call() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN COPY (SELECT 1) TO '/nowhere'; RETURN NEW; END $$;
CREATE TRIGGER far AFTER INSERT ON till.sale FOR EACH ROW EXECUTE FUNCTION till.call();`,
		"called": `CREATE FUNCTION till.deep() RETURNS void LANGUAGE plpgsql AS $$ BEGIN COPY till.sale TO PROGRAM 'true'; END $$;
CREATE FUNCTION till.call() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM till.deep(); RETURN NEW; END $$;
CREATE TRIGGER far AFTER INSERT ON till.sale FOR EACH ROW EXECUTE FUNCTION till.call();`,
		"other table": `CREATE TABLE till.log (id int);
CREATE FUNCTION till.call() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM dblink_exec('x', 'y'); RETURN NEW; END $$;
CREATE TRIGGER far AFTER INSERT ON till.log FOR EACH ROW EXECUTE FUNCTION till.call();
CREATE FUNCTION till.keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO till.log VALUES (1); RETURN NEW; END $$;
CREATE TRIGGER near AFTER INSERT ON till.sale FOR EACH ROW EXECUTE FUNCTION till.keep();`,
		"cascade": `CREATE TABLE till.item (sale int REFERENCES till.sale ON DELETE CASCADE);
CREATE FUNCTION till.call() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM dblink_exec('x', 'y'); RETURN NEW; END $$;
CREATE TRIGGER far AFTER DELETE ON till.item FOR EACH ROW EXECUTE FUNCTION till.call();`,
	}
	for name, script := range reaching {
		t.Run(name, func(t *testing.T) {
			w := load(t, shop+mine+script)
			r := w.attack(t, Options{Probes: []Probe{insertForged}, Tables: []string{"till.sale"}})
			if got := outcomes(r)["insert_forged"]; got != "inconclusive no_rows" || len(r.Refused) != 1 {
				t.Errorf("outcome %q, refused %v", got, r.Refused)
			}
		})
	}
	t.Run("control", func(t *testing.T) {
		w := load(t, shop+mine+`CREATE FUNCTION till.keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.note := upper(NEW.note); RETURN NEW; END $$;
CREATE TRIGGER near BEFORE INSERT ON till.sale FOR EACH ROW EXECUTE FUNCTION till.keep();`)
		r := w.attack(t, Options{Probes: []Probe{insertForged}})
		if got := outcomes(r)["insert_forged"]; got != "held " || len(r.Refused) != 0 {
			t.Errorf("outcome %q, refused %v", got, r.Refused)
		}
	})
}

// TestLesserMaker attacks with a session that is no superuser, only a member of the owner and the application role.
func TestLesserMaker(t *testing.T) {
	for name, c := range map[string]struct {
		policy string
		want   map[string]string
	}{
		"closed": {mine, map[string]string{"read": "held ", "update_by_key": "held ", "insert_forged": "held ", "empty_context": "held "}},
		"open": {"CREATE POLICY p ON till.sale USING (true);\n", map[string]string{"read": "leaked ", "update_by_key": "leaked ",
			"insert_forged": "leaked ", "empty_context": "leaked "}},
	} {
		t.Run(name, func(t *testing.T) {
			w := load(t, shop+c.policy)
			w.db.Exec(t, "RESET ROLE")
			maker := w.db.Role(t, "maker", "LOGIN")
			w.db.Exec(t, `GRANT `+w.owner+`, `+w.app+` TO `+maker)
			w.read(t, shop)
			r, err := Run(t.Context(), Options{Conn: w.db.Conn(t, maker), Model: w.model, AllowWrites: true,
				Probes: []Probe{read, updateByKey, insertForged, emptyContext}})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, outcomes(r)); diff != "" {
				t.Errorf("%s\n%+v", diff, r)
			}
		})
	}
}

// TestNoMember says what to do where the one who asks may not become the role that is to be tried.
func TestNoMember(t *testing.T) {
	w := load(t, shop+mine)
	w.db.Exec(t, "RESET ROLE")
	maker := w.db.Role(t, "maker", "LOGIN")
	w.db.Exec(t, "GRANT "+w.owner+" TO "+maker)
	w.read(t, shop)
	r, err := Run(t.Context(), Options{Conn: w.db.Conn(t, maker), Model: w.model, AllowWrites: true, Probes: []Probe{read}})
	if err != nil {
		t.Fatal(err)
	}
	want := maker + " may not become " + w.app + ": run GRANT"
	if len(r.Entries) != 1 || r.Entries[0].Outcome != Inconclusive || !strings.HasPrefix(r.Entries[0].Why, want) {
		t.Errorf("%+v; want %q", r.Entries, want)
	}
}

// TestLeavesSession holds that the connection is as it was after an attack: role, settings, statements, no transaction.
func TestLeavesSession(t *testing.T) {
	w := load(t, shop+mine)
	conn := w.db.Conn(t, "postgres")
	look := func() [][]string {
		return pgtest.Query(t, conn, `SELECT current_user, session_user, current_setting('search_path'), current_setting('row_security'),
			current_setting('statement_timeout'), (SELECT count(*) FROM pg_catalog.pg_prepared_statements), (SELECT count(*) FROM pg_catalog.pg_cursors WHERE NOT is_holdable)`)
	}
	before := look()
	if _, err := Run(t.Context(), Options{Conn: conn, Model: w.model, AllowWrites: true, Clone: true}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, look()); diff != "" {
		t.Error(diff)
	}
	if s := conn.PgConn().TxStatus(); s != 'I' {
		t.Errorf("the connection is in a transaction: %c", s)
	}
}

// TestLimits holds that a probe that touches every row is not run on a large table outside a clone.
func TestLimits(t *testing.T) {
	w := load(t, shop+mine)
	for i := range w.model.Tables {
		w.model.Tables[i].Relation.Tuples = 1e6
	}
	r := w.attack(t, Options{Probes: []Probe{blindUpdate}})
	if got := outcomes(r)["blind_update"]; got != "inconclusive refused" {
		t.Errorf("on a large table: %q", got)
	}
	r = w.attack(t, Options{Probes: []Probe{blindUpdate}, Clone: true})
	if got := outcomes(r)["blind_update"]; got != "held " {
		t.Errorf("on a clone: %q", got)
	}
}

// TestGlobal attacks reference data that all tenants read: that one of them writes it is the leak.
func TestGlobal(t *testing.T) {
	const script = `-- tenant: shop
-- context: setting till.shop
CREATE SCHEMA till AUTHORIZATION {owner};
GRANT USAGE ON SCHEMA till TO {app};
SET ROLE {owner};
CREATE TABLE till.sale (id int PRIMARY KEY, shop int NOT NULL);
CREATE TABLE till.country (code text PRIMARY KEY, name text NOT NULL);
GRANT SELECT ON till.country TO {app};
`
	probes := []Probe{read, insertForged, updateByKey, deleteByKey, moveRow}
	w := load(t, script+"GRANT INSERT, DELETE ON till.country TO {app};\n")
	r := w.attack(t, Options{Probes: probes, Tables: []string{"till.country"}})
	want := map[string]string{"insert_forged": "leaked ", "delete_by_key": "leaked ", "update_by_key": "inconclusive no_privilege"}
	if diff := cmp.Diff(want, outcomes(r)); diff != "" {
		t.Error(diff)
	}
}

// TestUsedSession holds that a session that has had a context is not taken for one that never had.
func TestUsedSession(t *testing.T) {
	w := load(t, shop+"CREATE POLICY p ON till.sale USING (current_setting('till.shop', true) IS NULL OR shop = NULLIF(current_setting('till.shop', true), '')::int);\n")
	for _, used := range []string{"", "SELECT set_config('till.shop', '7', false), set_config('till.shop', '', false)"} {
		conn := w.db.Conn(t, "postgres")
		want := "leaked "
		if used != "" {
			pgtest.Query(t, conn, used)
			want = "inconclusive no_context"
		}
		r, err := Run(t.Context(), Options{Conn: conn, Model: w.model, AllowWrites: true, Probes: []Probe{noContext}})
		if err != nil {
			t.Fatal(err)
		}
		if got := outcomes(r)["no_context"]; got != want {
			t.Errorf("after %q: %q, want %q; notes %v", used, got, want, r.Notes)
		}
	}
}

// TestEventTrigger holds that commands which fire event triggers are not run where one reaches out.
func TestEventTrigger(t *testing.T) {
	w := load(t, shop+mine+`RESET ROLE;
CREATE FUNCTION till.ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM dblink_exec('x', 'y'); END $$;
`)
	w.db.Exec(t, "CREATE EVENT TRIGGER far ON ddl_command_end EXECUTE FUNCTION till.ddl()")
	w.read(t, shop)
	r := w.attack(t, Options{Probes: []Probe{leakyFunction, insertForged}})
	want := map[string]string{"leaky_function": "inconclusive refused", "insert_forged": "held "}
	if diff := cmp.Diff(want, outcomes(r)); diff != "" {
		t.Error(diff)
	}
}
