//go:build system

package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// verified are the outcomes of a verification's probes whose name begins with way, by table and probe.
func verified(t *testing.T, stdout, way string) map[string]string {
	t.Helper()
	var doc struct {
		Probes []struct{ Probe, Table, Outcome, Why string }
		Notes  []string
	}
	if err := json.Unmarshal([]byte(stdout), &doc); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, p := range doc.Probes {
		if strings.HasPrefix(p.Probe, way+"_") {
			out[p.Table+" "+p.Probe] = p.Outcome
		}
	}
	for _, n := range doc.Notes {
		if strings.Contains(n, "unproven (--pooler-dsn)") {
			out["note"] = "the pooler is unproven"
		}
	}
	return out
}

// TestSystemVerifyThroughPgBouncer reads rows of two tenants through PgBouncer in transaction mode, where both clients share one
// session, and through the application's own log-in; then again with a policy that lets everything through, and with a context
// that stays in the session.
func TestSystemVerifyThroughPgBouncer(t *testing.T) {
	server := pgtest.Server(t, 0)
	db, dir := open(t, server, shop)
	bouncer := pgtest.PgBouncer(t, server, pgtest.BouncerOptions{})
	plan(t, shop, dir, db.DSN(""), "out")
	run(t, 0, dir, "apply", "out", db.DSN("shop_owner"), "--quiet")

	words := []string{"verify", "out", db.DSN(""), "--app-dsn", db.DSN("shop_app"), "--pooler-dsn", bouncer.DSN(db.Name, "shop_app"), "--format", "json", "--quiet"}
	stdout, _ := run(t, 0, dir, words...)
	for _, way := range []string{"pooler", "app_dsn"} {
		got := verified(t, stdout, way)
		if len(got) < 9 || slices.ContainsFunc(values(got), func(o string) bool { return o != "held" }) {
			t.Errorf("by %s: %v", way, got)
		}
	}
	stdout, _ = run(t, 0, dir, "verify", "out", db.DSN(""), "--format", "json", "--quiet")
	if got := verified(t, stdout, "pooler"); len(got) != 1 || got["note"] == "" {
		t.Errorf("without the flags: %v", got)
	}

	// What only the application's own log-in brings: a context that its role starts with.
	db.Exec(t, "ALTER ROLE shop_app SET app.firm_id = '00000000-0000-0000-0000-000000000001'")
	p := start(t, dir, nil, words...)
	if code := p.code(); code != 3 && code != 8 {
		t.Errorf("with a context by default: exit %d: %s", code, tail(p.stderr.String()))
	}
	got := verified(t, p.stdout.String(), "app_dsn")
	if got["shop.note app_dsn_no_context"] != "leaked" {
		t.Errorf("with a context by default: %v", got)
	}
}

func values(m map[string]string) []string {
	var out []string
	for _, v := range m {
		out = append(out, v)
	}
	return out
}

// TestSystemApplyRefusesPgBouncer: exit 4, and the direct way is named; nothing was changed.
func TestSystemApplyRefusesPgBouncer(t *testing.T) {
	server := pgtest.Server(t, 0)
	db, dir := open(t, server, shop)
	bouncer := pgtest.PgBouncer(t, server, pgtest.BouncerOptions{})
	plan(t, shop, dir, db.DSN(""), "out")
	before := fingerprints(t, db.DSN(""))
	for _, verb := range []string{"apply", "rollback"} {
		_, stderr := run(t, 4, dir, verb, "out", bouncer.DSN(db.Name, "shop_owner"))
		if !strings.Contains(stderr, "pooler") || !strings.Contains(strings.ToLower(stderr), "direct") {
			t.Errorf("%s through a pooler: stderr does not name the direct way: %s", verb, stderr)
		}
	}
	same(t, "after what was refused", before, fingerprints(t, db.DSN("")))
	run(t, 0, dir, "apply", "out", db.DSN("shop_owner"), "--quiet") // the control
}
