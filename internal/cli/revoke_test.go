package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/revocation"
)

// A revocation by hand is stored, and stands on the trail with who did it and why. A token itself is no id, and is not repeated.
// Where the trail's table does not take the event it waits in a journal, and nobody is told that all is well.
func TestGatewayRevokeIsOnTheTrail(t *testing.T) {
	r := newTrailRig(t)
	revoker := r.db.Role(t, "revoker", "LOGIN")
	pgtest.LoadSQL(t, r.db, strings.Join(slices.Concat(revocation.Install(), revocation.Grant(revocation.Revoker, revoker, true)), ";\n"))
	revoke := func(code int, args ...string) string {
		return r.run(code, slices.Concat([]string{"gateway", "revoke"}, args, []string{"--dsn", r.db.DSN(revoker), "--by", "lucia"})...)
	}
	revoke(exitClean, "member", "shop-7", "anna", "--reason", "left the company", "--trail-dsn", r.dsn)
	revoke(exitClean, "session", "s-1", "--reason", "stolen till", "--trail-dsn", r.dsn)
	revoke(exitClean, "token", "jti-1", "--reason", "lost phone", "--trail-dsn", r.dsn)
	listed := r.run(exitClean, "trail", "query", r.dsn, "--type", "revoked", "--format", "json")
	r.wants(listed, `"anna"`, `"shop-7"`, "left the company", `"s-1"`, "stolen till", `"jti-1"`, "lost phone", "lucia")

	const token = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhbm5hIn0.c2lnbmF0dXJl"
	if got := revoke(exitUsage, "token", token, "--reason", "lost phone"); strings.Contains(got, token) {
		t.Errorf("a token is repeated: %s", got)
	}
	waits := t.TempDir()
	r.wants(revoke(exitCouldNotRun, "tenant", "shop-8", "--reason", "suspended", "--journal", waits), "revoked tenant at ", "it waits in "+waits)
	revoke(exitClean, "tenant", "shop-9", "--reason", "suspended too", "--journal", waits, "--trail-dsn", r.dsn)
	r.wants(r.run(exitClean, "trail", "query", r.dsn, "--type", "revoked", "--format", "json"), `"shop-8"`, `"shop-9"`)
}
