//go:build system

package plan

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// The tools themselves, pinned. Flyway is in no registry that this test can count on: its files are held to its rules by
// TestLayouts alone.
const (
	gooseTool    = "github.com/pressly/goose/v3/cmd/goose@v3.29.0"
	gooseTags    = "no_clickhouse no_libsql no_mssql no_mysql no_sqlite3 no_vertica no_ydb no_turso no_spanner no_duckdb no_starrocks no_aurora"
	migrateTool  = "github.com/golang-migrate/migrate/v4/cmd/migrate@v4.20.1"
	supabaseTool = "supabase@3.1.0"
)

// A realTool runs a layout's files forward and, where it can, back.
type realTool struct {
	up, down func(t *testing.T, dsn, dir string)
	leaves   string // what the tool keeps of its own
}

// TestSystemLayoutsByTheRealTools gives each layout's files to the tool they are for.
func TestSystemLayoutsByTheRealTools(t *testing.T) {
	server := pgtest.Server(t, 15)
	goose := goInstall(t, gooseTool, gooseTags)
	migrate := goInstall(t, migrateTool, "postgres")
	supabase := npmInstall(t, supabaseTool, "supabase")
	for name, tool := range map[string]realTool{
		"goose": {
			up: func(t *testing.T, dsn, dir string) { runTool(t, dir, goose, "-dir", dir, "postgres", dsn, "up") },
			down: func(t *testing.T, dsn, dir string) {
				runTool(t, dir, goose, "-dir", dir, "postgres", dsn, "down-to", "0")
			},
			leaves: "DROP TABLE goose_db_version",
		},
		"golang-migrate": {
			up: func(t *testing.T, dsn, dir string) { runTool(t, dir, migrate, "-path", dir, "-database", dsn, "up") },
			down: func(t *testing.T, dsn, dir string) {
				runTool(t, dir, migrate, "-path", dir, "-database", dsn, "down", "-all")
			},
			leaves: "DROP TABLE schema_migrations",
		},
		"sqitch": {
			up: func(t *testing.T, dsn, dir string) {
				runTool(t, dir, "sqitch", "deploy", "--verify", "--target", "db:"+dsn)
			},
			down:   func(t *testing.T, dsn, dir string) { runTool(t, dir, "sqitch", "revert", "-y", "--target", "db:"+dsn) },
			leaves: "DROP SCHEMA sqitch CASCADE",
		},
		"supabase": {
			up: func(t *testing.T, dsn, dir string) {
				runTool(t, dir, supabase, "db", "push", "--workdir", dir, "--db-url", dsn, "--yes")
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, server, scriptWorld, scriptConfig)
			before := catalogue(t, w.Database)
			p, dir := w.plan(t, Input{}), t.TempDir()
			if err := WriteLayout(dir, LayoutByName(name), p, LayoutOptions{Start: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}); err != nil {
				t.Fatal(err)
			}
			tool.up(t, w.DSN(""), dir)
			for _, s := range p.Steps {
				if !isDone(t, w.conn, s) {
					t.Errorf("%s on %s is not done", s.Kind, s.Object)
				}
			}
			if tool.down == nil {
				return
			}
			tool.down(t, w.DSN(""), dir)
			w.Exec(t, tool.leaves)
			w.Exec(t, "DROP SCHEMA ringfence")
			if diff := cmp.Diff(before, catalogue(t, w.Database)); diff != "" {
				t.Errorf("after going back the catalogue is not as before (-before +after):\n%s", diff)
			}
		})
	}
}

// runTool runs a tool in dir, away from the settings of whoever runs the test.
func runTool(t *testing.T, dir, program string, args ...string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "SQITCH_FULLNAME=test", "SQITCH_EMAIL=test@localhost", "DO_NOT_TRACK=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", filepath.Base(program), args, err, out)
	}
}

func goInstall(t *testing.T, tool, tags string) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("go", "install", "-tags", tags, tool)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOBIN="+dir, "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", tool, err, out)
	}
	found, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(found) != 1 {
		t.Fatalf("building %s made %v, %v", tool, found, err)
	}
	return found[0]
}

func npmInstall(t *testing.T, module, program string) string {
	t.Helper()
	dir := t.TempDir()
	runTool(t, dir, "npm", "install", "--silent", "--no-audit", "--no-fund", module)
	return filepath.Join(dir, "node_modules", ".bin", program)
}
