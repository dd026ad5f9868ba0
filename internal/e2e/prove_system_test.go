//go:build system

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// guardedSchema is a table whose policy keeps tenants apart; {app} and {owner} are roles.
const guardedSchema = `CREATE SCHEMA desk AUTHORIZATION {owner};
GRANT USAGE ON SCHEMA desk TO {app};
SET ROLE {owner};
CREATE TABLE desk.doc (id int NOT NULL, tenant_id uuid NOT NULL, body text NOT NULL, PRIMARY KEY (tenant_id, id));
ALTER TABLE desk.doc ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY isolation ON desk.doc USING (tenant_id = NULLIF(current_setting('app.tid', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON desk.doc TO {app};
RESET ROLE;
INSERT INTO desk.doc SELECT i, gen_random_uuid(), 'real' FROM generate_series(1, 50) i;
`

// A desk is a database with the schema, and whom it is attacked as.
type desk struct {
	*pgtest.Database
	app, dir string
	names    *strings.Replacer
}

func newDesk(t *testing.T, script string) *desk {
	t.Helper()
	d := &desk{Database: pgtest.Server(t, 0).DB(t), dir: t.TempDir()}
	d.app = d.Role(t, "app", "LOGIN")
	d.names = strings.NewReplacer("{app}", pg.Ident(d.app), "{owner}", pg.Ident(d.Role(t, "owner", "NOLOGIN")), "{link}", "host="+d.Server.SocketDir()+
		" port="+fmt.Sprint(d.Super.Config().Port)+" dbname="+d.Name+" user=postgres")
	pgtest.LoadSQL(t, d.Database, d.names.Replace(script))
	d.Exec(t, "SELECT pg_stat_force_next_flush()") // so that the counters which are looked at later hold nothing of this
	d.Exec(t, "SELECT pg_stat_reset()")
	return d
}

// target is how --yes-on names the database.
func (d *desk) target() string { return d.Server.SocketDir() + "/" + d.Name }

// proof is what is looked at of a document of prove.
type proof struct {
	Cells []struct {
		Relation, Command, Verdict string
		Probes                     []struct{ Name, Outcome, Why string }
	}
	Notes []string
}

func (d *desk) prove(t *testing.T, code int, args ...string) (proof, string) {
	t.Helper()
	stdout, stderr := run(t, code, d.dir, append([]string{"prove", d.DSN(""), "--app-role", d.app, "--format", "json", "--quiet"}, args...)...)
	var out proof
	if stdout != "" {
		if err := json.Unmarshal([]byte(stdout), &out); err != nil {
			t.Fatal(err)
		}
	}
	return out, stderr
}

// why is what a probe said of a table.
func (p proof) why(table, probe string) string {
	for _, c := range p.Cells {
		for _, q := range c.Probes {
			if c.Relation == table && q.Name == probe {
				return q.Outcome + ": " + q.Why
			}
		}
	}
	return ""
}

// TestSystemProveContradicted has a server whose operator for uuids is not what its name says: logic proves, probes break the proof, and
// the program ends with 8 and the material for a report.
func TestSystemProveContradicted(t *testing.T) {
	d := newDesk(t, guardedSchema)
	d.prove(t, 0, "--attack", "--yes-on", d.target()) // the control: the same schema on an honest server
	d = newDesk(t, `UPDATE pg_catalog.pg_operator SET oprcode = 'pg_catalog.uuid_ne'::regproc WHERE oprname = '=' AND oprleft = 'uuid'::regtype;
`+strings.ReplaceAll(guardedSchema, "PRIMARY KEY (tenant_id, id)", "UNIQUE (id)"))
	_, stderr := d.prove(t, 8, "--attack", "--yes-on", d.target())
	files, err := filepath.Glob(filepath.Join(d.dir, "ringfence-contradiction-*.json"))
	if err != nil || len(files) != 1 || !strings.Contains(stderr, filepath.Base(files[0])) {
		t.Fatalf("files of material %v, and stderr is %s", files, stderr)
	}
	raw, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var material []struct {
		Cell       struct{ Relation, Verdict string }
		Probe      struct{ Statement string }
		Server     int `json:"server_version_num"`
		Definition struct{ Policies []struct{ Name string } }
	}
	if err := json.Unmarshal(raw, &material); err != nil || len(material) == 0 {
		t.Fatalf("the material is %s: %v", raw, err)
	}
	for _, m := range material {
		if m.Cell.Relation != "desk.doc" || m.Cell.Verdict != "proved" || m.Probe.Statement == "" || m.Server < 140000 || len(m.Definition.Policies) != 1 {
			t.Errorf("the material lacks what a report needs: %+v", m)
		}
	}
	if strings.Contains(string(raw), "real") {
		t.Error("the material holds a row that was there")
	}
}

// outwardSchema has tables whose triggers leave the transaction: a program, another session, a notification.
const outwardSchema = guardedSchema + `CREATE EXTENSION dblink;
CREATE TABLE public.autonomous (id int);
GRANT TRUNCATE ON desk.doc TO {app};
CREATE TABLE desk.sent (LIKE desk.doc INCLUDING ALL);
CREATE TABLE desk.linked (LIKE desk.doc INCLUDING ALL);
CREATE TABLE desk.told (LIKE desk.doc INCLUDING ALL);
CREATE FUNCTION desk.send() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN COPY (SELECT 1) TO PROGRAM 'cat > ringfence_left'; RETURN NEW; END $$;
CREATE FUNCTION desk.link() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN PERFORM public.dblink_exec('{link}', 'INSERT INTO public.autonomous VALUES (1)'); RETURN NEW; END $$;
CREATE FUNCTION desk.tell() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN PERFORM pg_notify('docs', to_jsonb(NEW)::text); RETURN NEW; END $$;
CREATE TRIGGER send BEFORE INSERT OR UPDATE OR DELETE ON desk.sent FOR EACH ROW EXECUTE FUNCTION desk.send();
CREATE TRIGGER link BEFORE INSERT OR UPDATE OR DELETE ON desk.linked FOR EACH ROW EXECUTE FUNCTION desk.link();
CREATE TRIGGER tell AFTER INSERT OR UPDATE ON desk.told FOR EACH ROW EXECUTE FUNCTION desk.tell();
DO $$ DECLARE t text; BEGIN
  FOREACH t IN ARRAY ARRAY['sent', 'linked', 'told'] LOOP
    EXECUTE format('ALTER TABLE desk.%I OWNER TO {owner}', t);
    EXECUTE format('ALTER TABLE desk.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY isolation ON desk.%I USING (tenant_id = NULLIF(current_setting(''app.tid'', true), '''')::uuid)', t);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON desk.%I TO {app}', t);
  END LOOP;
END $$;
`

// TestSystemProveLeavesNothing attacks tables whose triggers reach out of the transaction: nothing outside happens, rows are as they were,
// TRUNCATE is not tried, and what stays behind is said. The control writes one row by hand.
func TestSystemProveLeavesNothing(t *testing.T) {
	d := newDesk(t, outwardSchema)
	ear := d.Conn(t, "")
	pgtest.Query(t, ear, "LISTEN docs")
	state := func() string {
		return fmt.Sprint(d.Query(t, "SELECT (SELECT md5(string_agg(d::text || d.ctid || d.xmin, ',' ORDER BY d.ctid)) FROM desk.doc d), (SELECT count(*) FROM public.autonomous), "+
			"(SELECT count(*) FROM desk.sent), (SELECT count(*) FROM desk.linked), (SELECT count(*) FROM desk.told), (pg_stat_file('ringfence_left', true)).size"))
	}
	before := state()
	d.Exec(t, "SELECT pg_stat_force_next_flush()")
	d.Exec(t, "SELECT pg_stat_reset()")

	p, _ := d.prove(t, 3, "--attack") // TRUNCATE was granted; nothing may write
	if n := d.Query(t, "SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::text FROM pg_stat_user_tables")[0][0]; n != "0" {
		t.Errorf("without --yes-on %s rows were written and rolled back", n)
	}
	if !slices.ContainsFunc(p.Notes, func(n string) bool { return strings.Contains(n, "--yes-on "+d.target()) }) {
		t.Errorf("nothing says how writes are allowed: %q", p.Notes)
	}
	d.prove(t, 4, "--attack", "--yes-on", d.Server.SocketDir()+"/production")

	p, _ = d.prove(t, 3, "--attack", "--yes-on", d.target())
	if after := state(); after != before {
		t.Errorf("the attack left something: %s, before %s", after, before)
	}
	for table, word := range map[string]string{"desk.sent": "COPY", "desk.linked": "dblink"} {
		if why := p.why(table, "insert_forged"); !strings.HasPrefix(why, "inconclusive") || !strings.Contains(why, word) {
			t.Errorf("%s was written to, or it is not said why not: %q", table, why)
		}
	}
	for _, table := range []string{"desk.told", "desk.doc"} {
		if why := p.why(table, "insert_forged"); !strings.HasPrefix(why, "held") {
			t.Errorf("%s: a forged row was not tried: %q", table, why)
		}
	}
	if why := p.why("desk.doc", "truncate"); !strings.Contains(why, "clone") {
		t.Errorf("TRUNCATE: %q", why)
	}
	for _, trace := range []string{"sequences", "dead rows", "WAL"} {
		if !slices.ContainsFunc(p.Notes, func(n string) bool { return strings.Contains(n, trace) }) {
			t.Errorf("no note says that %s stay: %q", trace, p.Notes)
		}
	}

	d.Exec(t, "INSERT INTO desk.sent VALUES (1, gen_random_uuid(), 'x'); INSERT INTO desk.linked VALUES (1, gen_random_uuid(), 'x'); INSERT INTO desk.told VALUES (1, gen_random_uuid(), 'by hand')")
	n, err := ear.WaitForNotification(t.Context())
	if err != nil || !strings.Contains(n.Payload, "by hand") {
		t.Errorf("the first that is heard is %+v, %v: the attack's own came before", n, err)
	}
	if got := d.Query(t, "SELECT (SELECT count(*) FROM public.autonomous), (pg_stat_file('ringfence_left', true)).size IS NOT NULL"); got[0][0] != "1" || got[0][1] != "t" {
		t.Errorf("the control shows nothing: %v", got)
	}
}

// TestSystemProveClone ends by itself and by signals: no server, no directory of the copy stays. The source is asked for its catalogue and
// its schema, no table of it is read or written, and none of the program's sessions is there while the copy is attacked.
func TestSystemProveClone(t *testing.T) {
	d := newDesk(t, guardedSchema+"GRANT TRUNCATE ON desk.doc TO {app};")
	words := []string{"prove", d.DSN(""), "--app-role", d.app, "--clone", "--format", "json", "--quiet"}
	read := func() string {
		return fmt.Sprint(d.Query(t, `SELECT sum(coalesce(seq_scan, 0) + coalesce(idx_scan, 0)), sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables`))
	}
	before := read()

	p := start(t, d.dir, nil, words...)
	copied := p.copy(t)
	whileRunning(t, p, d.Super, "the program has left the source", "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend')")
	if code := p.code(); code != 3 {
		t.Fatalf("exit %d: %s", code, tail(p.stderr.String()))
	}
	var doc proof
	if err := json.Unmarshal(p.stdout.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if why := doc.why("desk.doc", "truncate"); !strings.HasPrefix(why, "leaked") {
		t.Errorf("TRUNCATE on the copy: %q", why)
	}
	vanished(t, copied)
	if after := read(); after != before {
		t.Errorf("the source's tables were read or written: %s, before %s", after, before)
	}

	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGKILL} {
		p := start(t, d.dir, nil, words...)
		copied := p.copy(t)
		if err := p.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		select {
		case <-p.ended:
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: the program did not end", signal)
		}
		if code := p.ProcessState.ExitCode(); signal != syscall.SIGKILL && code != 1 {
			t.Errorf("%s: exit %d: %s", signal, code, tail(p.stderr.String()))
		}
		vanished(t, copied)
	}
}

// copy waits until the program has a server of its own, and gives its directory.
func (p *process) copy(t *testing.T) string {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for time.Now().Before(deadline) {
		for pid, words := range processes(t) {
			if parent(pid) != p.Process.Pid {
				continue
			}
			if i := slices.IndexFunc(words, func(w string) bool { return strings.HasPrefix(filepath.Base(w), "ringfence-pg-") }); i >= 0 {
				return words[i]
			}
		}
		select {
		case <-p.ended:
			t.Fatalf("the program ended before it had a copy: %s", tail(p.stderr.String()))
		case <-time.After(5 * time.Millisecond):
		}
	}
	t.Fatal("no server of the program's own was seen")
	return ""
}

// vanished waits until a copy's directory and every process that names it are away.
func vanished(t *testing.T, dir string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		_, err := os.Stat(dir)
		var left []string
		for pid, words := range processes(t) {
			if strings.Contains(strings.Join(words, " "), dir) {
				left = append(left, fmt.Sprint(pid, " ", words))
			}
		}
		if os.IsNotExist(err) && len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("of the copy stay %s (%v) and the processes %q", dir, err, left)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// processes are the words of each process's command line, by its number.
func processes(t *testing.T) map[int][]string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil || len(files) == 0 {
		t.Fatalf("no processes: %v", err)
	}
	out := map[int][]string{}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			continue // it has ended
		}
		var pid int
		if _, err := fmt.Sscanf(f, "/proc/%d/", &pid); err != nil {
			t.Fatal(err)
		}
		out[pid] = strings.Split(string(raw), "\x00")
	}
	return out
}

// parent is the process that started another; 0 where that has ended.
func parent(pid int) int {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(raw), ") ") // the name may hold anything
	var state string
	var out int
	if _, err := fmt.Sscan(rest, &state, &out); err != nil {
		return 0
	}
	return out
}
