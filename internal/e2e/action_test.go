package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// actionScript is the last step of the GitHub Action, what it runs when Ringfence is installed.
func actionScript(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../action.yml")
	if err != nil {
		t.Fatal(err)
	}
	var action struct {
		Runs struct {
			Using string
			Steps []struct{ Name, Shell, Run string }
		}
	}
	if err := yaml.Unmarshal(text, &action); err != nil || action.Runs.Using != "composite" || len(action.Runs.Steps) == 0 {
		t.Fatalf("reading the action: %v, %+v", err, action)
	}
	last := action.Runs.Steps[len(action.Runs.Steps)-1]
	if last.Name != "drift" || last.Shell != "bash" {
		t.Fatalf("the action ends with %+v", last)
	}
	return last.Run
}

// The GitHub Action's own script passes what is as accepted, ends with 3 and says what it is where a new tenant table comes without
// isolation, and with 2 where it was told nothing.
func TestAction(t *testing.T) {
	t.Parallel()
	script, db, dir := actionScript(t), pgtest.Alone(t), t.TempDir()
	pgtest.LoadSQL(t, db, `CREATE TABLE doc (id int PRIMARY KEY, tenant_id uuid NOT NULL);
		ALTER TABLE doc ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
		CREATE POLICY p ON doc USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);`)
	app := db.Role(t, "app", "LOGIN")
	db.Exec(t, "GRANT SELECT ON doc TO "+app)
	run(t, 0, dir, "drift", db.DSN(""), "--accept")
	if err := os.Symlink(binary(t), filepath.Join(dir, "ringfence")); err != nil {
		t.Fatal(err)
	}
	summary := filepath.Join(dir, "summary.md")
	acts := func(dsn string) (int, string) {
		cmd := exec.CommandContext(t.Context(), "bash", "-e", "-o", "pipefail", "-c", script)
		cmd.Dir = dir
		cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "HOME=" + home, "LC_ALL=C", "RUNNER_TEMP=" + dir, "GITHUB_STEP_SUMMARY=" + summary,
			"LOCK=ringfence.lock.json", "MIGRATIONS=", "RINGFENCE_DSN=" + dsn}
		out, err := cmd.CombinedOutput()
		if err != nil && cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return cmd.ProcessState.ExitCode(), string(out)
	}
	if code, out := acts(db.DSN("")); code != 0 {
		t.Errorf("nothing changed, exit %d:\n%s", code, out)
	}
	db.Exec(t, "CREATE TABLE note (id int PRIMARY KEY, tenant_id uuid NOT NULL)")
	db.Exec(t, "GRANT SELECT ON note TO "+app)
	code, out := acts(db.DSN(""))
	text, err := os.ReadFile(summary)
	if err != nil || code != 3 || !strings.Contains(out, "WIDENED  relation public.note added") || !strings.Contains(string(text), "public.note") {
		t.Errorf("a table without isolation: exit %d, %v\n%s\nsummary:\n%s", code, err, out, text)
	}
	if strings.Contains(out, db.DSN("")) {
		t.Error("the connection string is in the output")
	}
	if code, _ := acts(""); code != 2 {
		t.Errorf("told nothing: exit %d", code)
	}
}
