//go:build system

package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// TestSystemRolloutTwins has stages on two servers that share their system identifier, as a server made from a base backup does, and databases
// of one name: each is known by its mark, one is not taken for the other, and no database stands for two stages.
func TestSystemRolloutTwins(t *testing.T) {
	d := &desk{t: t, dir: t.TempDir(), env: map[string]string{"RINGFENCE_OPERATOR": "axel"}, clock: &stillClock{now: time.Now().UTC()}, lines: map[string]string{}, app: "shop_app"}
	t.Chdir(d.dir)
	ids := map[string]bool{}
	for _, name := range []string{"STAGING", "PRODUCTION"} {
		server := pgtest.Server(t, 15)
		outside := server.DB(t)
		outside.Exec(t, "CREATE DATABASE twin")
		outside.Exec(t, "CREATE ROLE shop_app LOGIN; CREATE ROLE shop_owner")
		db := &pgtest.Database{Server: server, Name: "twin"}
		conn := db.Conn(t, pg.Superuser)
		if _, err := conn.Exec(t.Context(), strings.NewReplacer("@owner", "shop_owner", "@app", "shop_app").Replace(rolloutShopSQL)); err != nil {
			t.Fatal(err)
		}
		d.env[name+"_DSN"], d.env[name+"_APP_DSN"] = db.DSN(""), db.DSN("shop_app")
		ids[pgtest.Value[string](t, conn, "SELECT system_identifier::text FROM pg_control_system()")] = true
	}
	if len(ids) != 1 {
		t.Fatalf("the servers have the system identifiers %v: this test is about two that share theirs", ids)
	}
	d.papers()
	d.definition(prometheus(t), "")
	own := d.env["PRODUCTION_DSN"]
	d.env["PRODUCTION_DSN"] = d.env["STAGING_DSN"]
	d.refusedFor(2, "staging and production are one database", "rollout", "new")
	d.env["PRODUCTION_DSN"] = own
	if _, errs := d.must(0, "rollout", "new"); !strings.Contains(errs, "told apart by the marks") {
		t.Errorf("it is not said that the servers are copies: %s", errs)
	}
	identity := func(want, why string) {
		t.Helper()
		d.must(0, "rollout", "rehearse", "--stage", "production", "--fact", "identity", "-q", "-o", "facts")
		out, _ := d.must(4, "rollout", "check", "--stage", "production", "--format", "json", "-q")
		_, fact, _ := strings.Cut(out, `"name": "identity"`)
		if fact = fact[:min(600, len(fact))]; !strings.Contains(fact, `"outcome": "`+want+`"`) || !strings.Contains(fact, why) {
			t.Errorf("identity is not %s since %q: %s", want, why, fact)
		}
	}
	identity("pass", "it is the target that was named")
	d.env["PRODUCTION_DSN"] = d.env["STAGING_DSN"]
	identity("fail", "it carries the mark of staging")
	d.env["PRODUCTION_DSN"] = own
	conn, err := pg.Connect(t.Context(), own, pg.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), "DELETE FROM ringfence.rollout_mark"); err != nil {
		t.Fatal(err)
	}
	identity("unknown", "it cannot be told from staging")
}
