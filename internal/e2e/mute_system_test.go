//go:build system

package e2e

import (
	"strings"
	"testing"

	"github.com/ringfencehq/ringfence/internal/nettest"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// moments is how often a verb has its server go mute: at its first words, and then ever later, until it is through before.
func moments(t *testing.T, db *pgtest.Database, role, dir string, verb []string, after func(code int, muted bool)) {
	t.Helper()
	whole := start(t, dir, nil, append(append([]string{}, verb...), db.DSN(role))...)
	after(whole.code(), false)
	for n := int64(1); ; n = n*2 + 1 {
		dsn, m := db.GoesMute(t, role, nettest.SentTimes(n), false)
		p := start(t, dir, nil, append(append([]string{}, verb...), dsn)...)
		code := p.code()
		if m.Muted() {
			gaveUp(t, n, p, whole.code())
		} else if code != whole.code() {
			t.Errorf("%v, never mute: exit %d, %d without the proxy: %s", verb, code, whole.code(), tail(p.stderr.String()))
		}
		after(code, m.Muted())
		if !m.Muted() || t.Failed() {
			return
		}
	}
}

// gaveUp wants what a verb does whose server went mute: could not run, refused or unknown, in as many words, without a document where
// it did not run. The last words it may not need: then it ends as the whole of it does.
func gaveUp(t *testing.T, n int64, p *process, whole int) {
	t.Helper()
	errs := p.stderr.String()
	said := strings.Contains(errs, "has not answered for") || strings.Contains(errs, "No answer in time") || strings.Contains(errs, "context deadline exceeded")
	switch code := p.code(); {
	case (code == 1 || code == 4) && (p.stdout.Len() > 0 || !said):
		t.Errorf("mute after %d messages: exit %d: stdout %q, stderr %s", n, code, tail(p.stdout.String()), tail(errs))
	case code != whole && code != 1 && code != 4 && code != 5:
		t.Errorf("mute after %d messages: exit %d: stdout %s, stderr %s", n, code, tail(p.stdout.String()), tail(errs))
	}
	t.Logf("mute after %d messages: exit %d: %.160s", n, p.code(), errs)
}

// TestSystemMute has the server go mute at one moment after another, for each verb that only reads.
func TestSystemMute(t *testing.T) {
	t.Parallel()
	withTrail := shop
	withTrail.config += "trail: {writer: shop_app, reader: shop_owner}\n"
	db, dir := open(t, pgtest.Server(t, 0), withTrail)
	plan(t, withTrail, dir, db.DSN(""), "out")
	run(t, 0, dir, "apply", "out", db.DSN(""))
	run(t, 0, dir, "drift", db.DSN(""), "--accept", "-o", "drift.txt")
	for _, verb := range [][]string{
		{"audit"}, {"snapshot"}, {"init", "-o", "-"}, {"prove"}, {"plan", "-o", "new"}, {"drift"}, {"apply", "out", "--dry-run"}, {"observe", "status", "out"},
		{"trail", "verify"}, {"trail", "export"}, {"monitor", "run", "--once"},
	} {
		t.Run(strings.Join(verb, "_"), func(t *testing.T) {
			t.Parallel()
			moments(t, db, "", dir, verb, func(int, bool) {})
		})
	}
}

// TestSystemMuteApply has it go mute while a plan is applied, verified and taken back: started again with the same words, each comes
// to its end, and nothing is lost.
func TestSystemMuteApply(t *testing.T) {
	t.Parallel()
	db, dir := open(t, pgtest.Server(t, 0), shop)
	owner := db.DSN(shop.owner)
	before := fingerprints(t, db.DSN(""))
	plan(t, shop, dir, db.DSN(""), "out")
	run(t, 0, dir, "apply", "out", owner)
	after := fingerprints(t, db.DSN(""))
	moments(t, db, "", dir, []string{"verify", "out"}, func(int, bool) { same(t, "verified", after, fingerprints(t, db.DSN(""))) })
	moments(t, db, shop.owner, dir, []string{"rollback", "out"}, func(int, bool) {
		run(t, 0, dir, "rollback", "out", owner)
		same(t, "taken back", before, fingerprints(t, db.DSN("")))
		run(t, 0, dir, "apply", "out", owner)
	})
	run(t, 0, dir, "rollback", "out", owner)
	moments(t, db, shop.owner, dir, []string{"apply", "out"}, func(int, bool) {
		run(t, 0, dir, "apply", "out", owner)
		same(t, "applied", after, fingerprints(t, db.DSN("")))
		run(t, 0, dir, "rollback", "out", owner)
	})
}
