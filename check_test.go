package ringfence_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// TestCheckFaults makes one fault after the other. Open refuses, its error says what to run, and after that it opens.
func TestCheckFaults(t *testing.T) {
	cases := []struct {
		name, fault, cure, says string // {app}, {owner} and {db} are names
	}{
		{"superuser", "ALTER ROLE {app} SUPERUSER", "ALTER ROLE {app} NOSUPERUSER", "ALTER ROLE {app} NOSUPERUSER"},
		{"bypass", "ALTER ROLE {app} BYPASSRLS", "ALTER ROLE {app} NOBYPASSRLS", "ALTER ROLE {app} NOBYPASSRLS"},
		{"owner", "ALTER TABLE doc OWNER TO {app}; ALTER TABLE doc NO FORCE ROW LEVEL SECURITY", "ALTER TABLE public.doc FORCE ROW LEVEL SECURITY", "ALTER TABLE public.doc FORCE ROW LEVEL SECURITY"},
		{"heir of the owner", "ALTER TABLE doc OWNER TO {owner}; ALTER TABLE doc NO FORCE ROW LEVEL SECURITY; GRANT {owner} TO {app}", "REVOKE {owner} FROM {app}", "public.doc"},
		{"default of the role", "ALTER ROLE {app} SET " + setting + " = '" + tenantB + "'", "ALTER ROLE {app} RESET " + setting, "ALTER ROLE {app} RESET " + setting},
		{"default of the database", "ALTER DATABASE {db} SET " + setting + " = '" + tenantB + "'", "ALTER DATABASE {db} RESET " + setting, "ALTER DATABASE {db} RESET " + setting},
		{"default of the role in the database", "ALTER ROLE {app} IN DATABASE {db} SET " + setting + " = '" + tenantB + "'", "ALTER ROLE {app} IN DATABASE {db} RESET " + setting, "ALTER ROLE {app} IN DATABASE {db} RESET " + setting},
		{"backslashes", "ALTER ROLE {app} SET standard_conforming_strings = off", "ALTER ROLE {app} RESET ALL", "standard_conforming_strings"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := newApp(t)
			owner := a.Role(t, "owner", "")
			names := strings.NewReplacer("{app}", pg.Ident(a.role), "{owner}", pg.Ident(owner), "{db}", pg.Ident(a.Name))
			says := strings.NewReplacer("{app}", `"`+a.role+`"`, "{db}", pg.Ident(a.Name)).Replace(c.says)
			pgtest.LoadSQL(t, a.Database, names.Replace(c.fault))
			_, err := ringfence.Open(t.Context(), a.config())
			r, ok := ringfence.RefusalOf(err)
			if !ok || r.Event.Type != ringfence.RoleForbidden {
				t.Fatalf("Open: %v", err)
			}
			if why := strings.ReplaceAll(cause(err).Error(), `"`, ""); !strings.Contains(why, strings.ReplaceAll(says, `"`, "")) {
				t.Errorf("it says %q, not %q", why, says)
			}
			if got := types(a.trail.take()); !slices.Equal(got, []ringfence.EventType{ringfence.RoleForbidden}) {
				t.Errorf("on the trail: %v", got)
			}
			pgtest.LoadSQL(t, a.Database, names.Replace(c.cure))
			if got := owners(t, as(t.Context(), tenantA), a.open(t)); got != rowsOf(tenantA, "1", "2", "3") {
				t.Errorf("after the cure A sees %s", got)
			}
		})
	}
}

// TestCheckOfLiveFaults makes the role bad while the pool serves: new connections are refused at once, those that are open
// after the next check; and it serves again when the fault is gone.
func TestCheckOfLiveFaults(t *testing.T) {
	a := newApp(t)
	p := a.open(t, func(c *ringfence.Config) { c.DSN += "&pool_max_conns=4" })
	ctx := as(t.Context(), tenantA)
	if err := p.QueryRow(ctx, "SELECT 1").Scan(nil); err != nil {
		t.Fatal(err)
	}
	tx, err := p.Begin(ctx) // holds the connection that is open
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(ctx)
	if _, err := tx.Exec(ctx, "SELECT 1"); err != nil {
		t.Fatal(err)
	}
	a.Exec(t, "ALTER ROLE "+pg.Ident(a.role)+" BYPASSRLS")
	refused := func(err error) {
		t.Helper()
		if r, ok := ringfence.RefusalOf(err); !ok || r.Event.Type != ringfence.RoleForbidden {
			t.Errorf("%v", err)
		}
	}
	refused(p.QueryRow(ctx, "SELECT 1").Scan(nil)) // a new connection
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if report, err := p.Check(ctx); err == nil || len(report.Faults) != 1 {
		t.Errorf("%+v, %v", report, err)
	}
	wire := p.Stat().AcquireCount()
	refused(p.QueryRow(ctx, "SELECT 1").Scan(nil)) // the old one
	refused(p.Ping(ctx))
	if p.Stat().AcquireCount() != wire {
		t.Error("a connection was taken")
	}
	a.Exec(t, "ALTER ROLE "+pg.Ident(a.role)+" NOBYPASSRLS")
	if _, err := p.Check(ctx); err != nil {
		t.Error(err)
	}
	if err := p.QueryRow(ctx, "SELECT 1").Scan(nil); err != nil {
		t.Error(err)
	}
}

// TestCheckByTime finds a fault without being asked.
func TestCheckByTime(t *testing.T) {
	a := newApp(t)
	p := a.open(t, func(c *ringfence.Config) { c.CheckEvery = 5 * time.Millisecond })
	a.Exec(t, "ALTER ROLE "+pg.Ident(a.role)+" BYPASSRLS")
	for deadline := time.Now().Add(10 * time.Second); ; {
		if err := p.Ping(t.Context()); err != nil {
			if _, ok := ringfence.RefusalOf(err); !ok {
				t.Error(err)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the fault was not found")
		}
	}
}

// TestCheckDoubts records that the session can become a role above row security, and refuses under Strict only.
func TestCheckDoubts(t *testing.T) {
	for _, c := range []struct{ name, grant string }{
		{"bypass", "GRANT {service} TO {app}"},
		{"owner", "ALTER ROLE {app} NOINHERIT; GRANT {owner} TO {app}; ALTER TABLE doc OWNER TO {owner}; ALTER TABLE doc NO FORCE ROW LEVEL SECURITY"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newApp(t)
			owner := a.Role(t, "owner", "")
			pgtest.LoadSQL(t, a.Database, strings.NewReplacer("{app}", pg.Ident(a.role), "{service}", pg.Ident(a.service), "{owner}", pg.Ident(owner)).Replace(c.grant))
			p := a.open(t)
			events := a.trail.take()
			if len(events) != 1 || events[0].Type != ringfence.RoleForbidden || events[0].Severity != ringfence.Warning || !strings.Contains(events[0].Detail["reason"], "can become") {
				t.Errorf("on the trail: %v", events)
			}
			if got := owners(t, as(t.Context(), tenantA), p); got != rowsOf(tenantA, "1", "2", "3") {
				t.Errorf("A sees %s", got)
			}
			strict := a.config()
			strict.Strictness = ringfence.Strict
			if _, err := ringfence.Open(t.Context(), strict); err == nil || !strings.Contains(cause(err).Error(), "can become") {
				t.Errorf("Strict: %v", err)
			}
		})
	}
}

// TestFingerprint changes with what a policy says, its roles and its table's switches, and with nothing else.
func TestFingerprint(t *testing.T) {
	a := newApp(t)
	p := a.open(t)
	check := func() ringfence.CheckReport {
		t.Helper()
		r, err := p.Check(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	first := check()
	if first.Expected != ringfence.Unknown || len(first.Fingerprint) != 64 {
		t.Errorf("%+v", first)
	}
	seen := map[string]string{first.Fingerprint: "at first"}
	for _, sql := range []string{"ALTER POLICY p ON doc USING (true)", "ALTER POLICY p ON doc TO " + pg.Ident(a.role), "ALTER TABLE doc NO FORCE ROW LEVEL SECURITY",
		"ALTER TABLE doc DISABLE ROW LEVEL SECURITY", "CREATE POLICY q ON doc AS RESTRICTIVE FOR SELECT USING (false)", "ALTER POLICY q ON doc RENAME TO r", "ALTER TABLE plain ENABLE ROW LEVEL SECURITY"} {
		a.Exec(t, sql)
		got := check().Fingerprint
		if before, ok := seen[got]; ok {
			t.Errorf("%s: as %s", sql, before)
		}
		seen[got] = sql
	}
	now := check().Fingerprint
	a.Exec(t, "CREATE TABLE another (a int)")
	a.Exec(t, "INSERT INTO plain VALUES (1)")
	if check().Fingerprint != now {
		t.Error("it changes with what is no policy")
	}
	a.trail.take()
	known := a.open(t, func(c *ringfence.Config) {
		c.Fingerprints, c.Strictness = []string{first.Fingerprint, now}, ringfence.Strict
	})
	if r, err := known.Check(t.Context()); err != nil || r.Expected != ringfence.Yes || len(a.trail.take()) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	a.open(t, func(c *ringfence.Config) { c.Fingerprints = []string{first.Fingerprint} })
	if got := types(a.trail.take()); !slices.Equal(got, []ringfence.EventType{ringfence.PolicyForeign}) {
		t.Errorf("on the trail: %v", got)
	}
	strict := a.config()
	strict.Fingerprints, strict.Strictness = []string{first.Fingerprint}, ringfence.Strict
	_, err := ringfence.Open(t.Context(), strict)
	if r, ok := ringfence.RefusalOf(err); !ok || r.Event.Type != ringfence.PolicyForeign {
		t.Errorf("Strict: %v", err)
	}
}

// TestConnectionStringsStayInside: an error about a connection string has nothing of it, however a password stands there.
func TestConnectionStringsStayInside(t *testing.T) {
	for _, dsn := range []string{
		"postgres://u:hunter2%zz@h/db", "postgres://u:hunter2@h:port/db", "postgres://u:hunter2", "postgres://u:hunter2@h/db?sslmode=bad", "postgres//u:hunter2@h",
		"host=h password=hunter2 port=x", "host=h password='hunter2", "host=h password = 'hunter2' sslmode=bad", "host=h\tpassword\t=\thunter2 port=x", "PASSWORD=hunter2 x",
		"password=a`: hunter2 sslmode=bad", "host=h connect_timeout=hunter2", "host=h port=hunter2",
	} {
		_, err := ringfence.Open(t.Context(), ringfence.Config{DSN: dsn, Setting: setting})
		if err == nil || strings.Contains(err.Error(), "connecting") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", dsn, err)
		}
	}
}

// TestConfig refuses what cannot be right before anything is sent.
func TestConfig(t *testing.T) {
	for name, c := range map[string]ringfence.Config{
		"nothing": {}, "no setting": {DSN: "host=x"}, "a setting without a prefix": {DSN: "host=x", Setting: "tenant"},
		"an injected setting": {DSN: "host=x", Setting: "app.x', 'y', true); --"}, "an injected second setting": {DSN: "host=x", Setting: setting, MoreSettings: []string{"a.b'"}},
		"the context in the options": {DSN: "host=x options='-c " + setting + "=1'", Setting: setting}, "the context as a parameter": {DSN: "postgres://x/y?" + setting + "=1", Setting: setting},
		"a service without schema": {DSN: "host=x", Setting: setting, Services: map[string]ringfence.ServiceFunction{"a": {Name: "f"}}}, "a mode": {DSN: "host=x", Setting: setting, Mode: 99},
		"no connection string": {DSN: "host=x port=y", Setting: setting},
	} {
		if _, err := ringfence.Open(t.Context(), c); err == nil || errors.Is(err, t.Context().Err()) && t.Context().Err() != nil || strings.Contains(err.Error(), "connecting") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
