package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// TestSignedContext goes the way of a signed context: init, context: signed, plan, apply, and then every isolation cell is proved
// and nobody says any longer that SQL of the application's may choose its tenant.
func TestSignedContext(t *testing.T) {
	t.Parallel()
	db := pgtest.DB(t)
	owner, app := db.Role(t, "owner", "LOGIN"), db.Role(t, "app", "LOGIN")
	db.Exec(t, strings.NewReplacer("$owner", owner, "$app", app).Replace(`
CREATE SCHEMA shop AUTHORIZATION $owner;
GRANT USAGE ON SCHEMA shop TO $app;
SET ROLE $owner;
CREATE TABLE shop.org (id uuid PRIMARY KEY, name text);
CREATE TABLE shop.orders (id bigint GENERATED ALWAYS AS IDENTITY, org_id uuid NOT NULL REFERENCES shop.org, note text, PRIMARY KEY (org_id, id));
CREATE TABLE shop.items (order_id bigint NOT NULL, org_id uuid NOT NULL, n int, PRIMARY KEY (org_id, order_id, n), FOREIGN KEY (org_id, order_id) REFERENCES shop.orders (org_id, id));
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA shop TO $app;
INSERT INTO shop.org VALUES ('aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa', 'A'), ('bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb', 'B');
INSERT INTO shop.orders (org_id, note) SELECT id, name FROM shop.org;
RESET ROLE;`))
	db.Adopt("ringfence_context")
	dir, admin := t.TempDir(), db.DSN("")
	run(t, 0, dir, "init", admin, "--app-role", app, "--context", "app.org")
	config := filepath.Join(dir, "ringfence.yaml")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	signed := strings.Replace(string(text), "context: app.org", "context: signed", 1)
	if signed == string(text) {
		t.Fatalf("init named no context:\n%s", text)
	}
	if err := os.WriteFile(config, []byte(signed), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, 3, dir, "prove", admin, "--quiet")

	run(t, 0, dir, "plan", admin, "-o", "out", "--quiet")
	run(t, 0, dir, "apply", "out", admin)
	out, _ := run(t, 0, dir, "prove", admin, "--quiet", "--format", "json")
	var doc struct {
		Summary struct{ Isolation map[string]int }
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatal(err)
	}
	if n := doc.Summary.Isolation; n["proved"] == 0 || n["probed"]+n["leak"]+n["unproven"] > 0 {
		t.Errorf("isolation cells: %v", n)
	}
	found, _ := run(t, 0, dir, "audit", admin, "--quiet", "--fail-on", "medium")
	if strings.Contains(found, "CTX006") {
		t.Errorf("the signed context counts as self-asserted:\n%s", found)
	}
	run(t, 0, dir, "plan", admin, "-o", "again", "--quiet")
	if n := planned(t, dir, "again"); n != 0 {
		t.Errorf("planned again: %d steps", n)
	}
	run(t, 0, dir, "rollback", "out", admin, "--allow", "leak_again", "--allow", "drop_signed_context")
}
