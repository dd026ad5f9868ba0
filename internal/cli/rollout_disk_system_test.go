//go:build system

package cli

import (
	"os"
	"strings"
	"testing"

	"github.com/ringfencehq/ringfence/internal/disktest"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// TestSystemRolloutOnAFullDisk fills the disk that the directory lies on while a stage is watched. The stage is taken back and people are
// called all the same, the database keeps what was written, and the directory is brought up once there is room.
func TestSystemRolloutOnAFullDisk(t *testing.T) {
	var disk disktest.Disk
	mail := &post{}
	d := newScene(t, false, func(definition string) string {
		if err := os.Mkdir(defaultRolloutDir, 0o755); err != nil {
			t.Fatal(err)
		}
		disk = disktest.Small(t, defaultRolloutDir, "64m")
		return definition + "open_allowed: [public.orders]\nroster: {roles: {on_call: [{name: Otto, url_env: PAGER_URL}]}}\n"
	})
	d.env["PAGER_URL"] = mail.serve(t)
	write(t, "healthy", "")
	d.must(0, "rollout", "advance", "-q")
	d.dbs[0].Exec(t, "DO $$ BEGIN EXECUTE (SELECT 'ALTER POLICY ' || quote_ident(polname) || ' ON orders USING (total < 0)' FROM pg_policy WHERE polrelid = 'orders'::regclass); END $$")
	disk.Fill(t)
	_, errs := d.must(4, "rollout", "watch", "--once")
	if !strings.Contains(errs, "no space left on device") || !strings.Contains(errs, "canary_tenants") {
		t.Errorf("it is not said what happened: %s", errs)
	}
	if open := pgtest.Value[bool](t, d.dbs[0].Super, "SELECT NOT relrowsecurity FROM pg_class WHERE oid = 'orders'::regclass"); !open || !exists("reverted") || mail.about("canary_tenants") == 0 {
		t.Errorf("on a full disk the stage was not taken back: open %v, %d calls", open, mail.about("canary_tenants"))
	}
	disk.Empty(t)
	d.must(0, "rollout", "answer", "--stage", "production", "--alarm", "canary_tenants", "-q")
	here := len(d.entries())
	if there := pgtest.Value[int](t, d.dbs[0].Super, "SELECT count(*)::int FROM ringfence.rollout_log"); here != there {
		t.Errorf("the directory has %d entries, and the database %d", here, there)
	}
	if s := d.stageStatus("production"); s.State != "returned" || strings.Join(s.Open, " ") != "public.orders" {
		t.Errorf("the stage is %s, open: %v", s.State, s.Open)
	}
}
