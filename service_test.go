package ringfence_test

import (
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/signed"
)

// TestService calls the function that is configured, without a tenant, and nothing else.
func TestService(t *testing.T) {
	a := newApp(t)
	a.Exec(t, `CREATE SCHEMA "odd ""schema"`)
	a.Exec(t, `GRANT USAGE ON SCHEMA "odd ""schema" TO `+pg.Ident(a.role))
	a.Exec(t, `CREATE FUNCTION "odd ""schema"."what's set"() RETURNS text LANGUAGE sql AS $$ SELECT coalesce(current_setting('`+setting+`', true), '') $$`)
	p := a.open(t, func(c *ringfence.Config) {
		c.Services = map[string]ringfence.ServiceFunction{"login": {Schema: "public", Name: "find", Arguments: 1}, "context": {Schema: `odd "schema`, Name: "what's set"}}
	})
	a.Exec(t, "ALTER FUNCTION find OWNER TO "+pg.Ident(a.service)) // which row security does not hold
	rows, err := p.Service(t.Context(), "login", 2)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if diff := cmp.Diff([]string{tenantA, tenantB}, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	var set string
	if err := p.ServiceRow(as(t.Context(), tenantA), "context").Scan(&set); err != nil || set != "" {
		t.Errorf("the context is %q, %v", set, err)
	}
	events := a.trail.take()
	if !slices.Equal(types(events), []ringfence.EventType{ringfence.ServiceCall, ringfence.ServiceCall}) || events[0].Detail["function"] != "public.find" {
		t.Errorf("on the trail: %v", events)
	}
	_, unknown := p.Service(t.Context(), "pg_sleep", 1)
	if r, ok := ringfence.RefusalOf(unknown); !ok || r.Event.Type != ringfence.NoContext {
		t.Errorf("a function that is not configured: %v", unknown)
	}
	if _, err := p.Service(t.Context(), "login"); err == nil {
		t.Error("a call without its argument was made")
	}
	a.trail.err = errors.New("disk full")
	if _, err := p.Service(t.Context(), "login", 2); !errors.Is(err, a.trail.err) {
		t.Errorf("off the record: %v", err)
	}
	silent := a.open(t, func(c *ringfence.Config) {
		c.Recorder, c.Services = nil, map[string]ringfence.ServiceFunction{"login": {Schema: "public", Name: "find", Arguments: 1}}
	})
	if _, err := silent.Service(t.Context(), "login", 2); err == nil {
		t.Error("a call was made without a recorder")
	}
}

// TestInsecureAllTenants is the one way past, with a reason and on record.
func TestInsecureAllTenants(t *testing.T) {
	a := newApp(t)
	p := a.open(t, func(c *ringfence.Config) { c.ServiceDSN = a.DSN(a.service) })
	ctx := as(t.Context(), tenantA)
	a.trail.take()
	var kept *ringfence.Tx
	all := rowsOf(tenantA, "1", "2", "3") + " " + rowsOf(tenantB, "1", "2", "3")
	err := p.InsecureAllTenants(ctx, "monthly invoice", func(tx *ringfence.Tx) error {
		kept = tx
		if got := owners(t, ctx, tx); got != all {
			t.Errorf("sees %s", got)
		}
		_, err := tx.Exec(ctx, "COMMIT")
		if r, ok := ringfence.RefusalOf(err); !ok || r.Event.Type != ringfence.ControlForbidden {
			t.Errorf("COMMIT: %v", err)
		}
		_, err = tx.Exec(ctx, "UPDATE doc SET body = 'billed'")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := a.Query(t, "SELECT count(*) FROM doc WHERE body = 'billed'"); n[0][0] != "6" {
		t.Errorf("%s rows were changed", n[0][0])
	}
	events := a.trail.take()
	if !slices.Equal(types(events), []ringfence.EventType{ringfence.AllTenants, ringfence.ControlForbidden}) || events[0].Detail["reason"] != "monthly invoice" {
		t.Errorf("on the trail: %v", events)
	}
	if _, err := kept.Exec(ctx, "SELECT 1"); !errors.Is(err, pgx.ErrTxClosed) {
		t.Errorf("the transaction works on: %v", err)
	}
	run := func(*ringfence.Tx) error { t.Error("ran"); return nil }
	if err := p.InsecureAllTenants(ctx, " ", run); err == nil {
		t.Error("no reason was asked for")
	}
	if err := a.open(t).InsecureAllTenants(ctx, "x", run); err == nil {
		t.Error("no service role was asked for")
	}
	a.trail.err = errors.New("disk full")
	if err := p.InsecureAllTenants(ctx, "x", run); !errors.Is(err, a.trail.err) {
		t.Errorf("off the record: %v", err)
	}
	a.trail.err = nil
	if got := owners(t, ctx, p); got != rowsOf(tenantA, "1", "2", "3") {
		t.Errorf("the pool sees %s", got)
	}
}

// TestRefusalsOfTheServer records what the server forbids, with its SQLSTATE and no row.
func TestRefusalsOfTheServer(t *testing.T) {
	a := newApp(t)
	a.Exec(t, "CREATE TABLE secret (a int)")
	a.Exec(t, "CREATE TABLE numbered (org bigint)")
	a.Exec(t, "ALTER TABLE numbered ENABLE ROW LEVEL SECURITY")
	a.Exec(t, "CREATE POLICY p ON numbered USING (org = current_setting('"+setting+"')::bigint)")
	a.Exec(t, "INSERT INTO numbered VALUES (1)")
	a.Exec(t, "GRANT SELECT ON numbered TO "+pg.Ident(a.role))
	for _, mode := range modes {
		p := a.open(t, func(c *ringfence.Config) { c.Mode = mode })
		ctx := ringfence.WithIdentity(t.Context(), ringfence.Identity{Tenant: tenantOf(tenantA), User: "ann", Session: "s1"})
		a.trail.take()
		for _, c := range []struct {
			sql  string
			args []any
			want ringfence.EventType
		}{
			{"INSERT INTO doc VALUES ($1, 9, 'private')", []any{tenantB}, ringfence.RowForbidden},
			{"SELECT * FROM secret", nil, ringfence.RowForbidden},
			{"SELECT * FROM numbered", nil, ringfence.ContextMalformed},
			{"SELECT 'of my own'::text::uuid", nil, ""},
		} {
			_, execErr := p.Exec(ctx, c.sql, c.args...)
			b := &pgx.Batch{}
			b.Queue(c.sql, c.args...)
			txErr := p.RunTx(ctx, ringfence.TxOptions{}, func(tx *ringfence.Tx) error {
				if _, err := tx.Exec(ctx, "SELECT 1"); err != nil {
					return err
				}
				_, err := tx.Exec(ctx, c.sql, c.args...)
				return err
			})
			for name, err := range map[string]error{"Exec": execErr, "batch": p.SendBatch(ctx, b).Close(), "Tx": txErr} {
				r, ok := ringfence.RefusalOf(err)
				if err == nil || ok != (c.want != "") || ok && (r.Event.Type != c.want || strings.Contains(err.Error(), "private")) {
					t.Errorf("%s, %s: %s: %v", mode, name, c.sql, err)
				}
			}
		}
		events := a.trail.take()
		if len(events) != 9 {
			t.Errorf("%s: on the trail: %v", mode, events)
		}
		for _, e := range events {
			if e.Detail["sqlstate"] == "" || e.User != "ann" || e.Session != "s1" || e.Tenant != tenantA || strings.Contains(strings.Join([]string{e.Detail["reason"], e.Detail["table"]}, " "), "private") {
				t.Errorf("%+v", e)
			}
		}
	}
}

func tenantOf(s string) ringfence.Tenant {
	t, err := ringfence.ParseTenant(s)
	if err != nil {
		panic(err)
	}
	return t
}

// TestSignedContext has the database's verifier take what a KeySigner makes, in every mode, and nobody else's.
func TestSignedContext(t *testing.T) {
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		t.Fatal(err)
	}
	a := newAppOn(t, pgtest.Server(t, 0).DB(t)) // the verifier's role belongs to the whole cluster
	for _, sql := range signed.Install() {
		a.Exec(t, sql)
	}
	key, err := signed.NewKey("k1", secret)
	if err != nil {
		t.Fatal(err)
	}
	inner, outer := key.Pads()
	a.Exec(t, signed.InsertKey, key.ID(), inner, outer)
	a.Exec(t, "ALTER POLICY p ON doc USING (org = (SELECT ringfence.verified_tenant()::uuid)) WITH CHECK (org = (SELECT ringfence.verified_tenant()::uuid))")
	signer, err := ringfence.NewKeySigner("k1", secret)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := ringfence.NewKeySigner("k1", append([]byte{1}, secret...))
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range modes {
		p := a.open(t, func(c *ringfence.Config) { c.Signer, c.Mode = signer, mode })
		for _, tenant := range []string{tenantA, tenantB} {
			everyCall(t, a, p, as(t.Context(), tenant), tenant)
		}
		for name, s := range map[string]ringfence.Signer{"a stranger's key": stranger, "no key": nil} {
			p := a.open(t, func(c *ringfence.Config) { c.Signer, c.Mode = s, mode })
			if got := owners(t, as(t.Context(), tenantA), p); got != "" {
				t.Errorf("%s, %s: sees %s", mode, name, got)
			}
		}
	}
}
