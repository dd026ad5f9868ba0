package plan

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// A tool runs a layout's files the way the real one does: which it takes, in which order, what it sends as one query, and what it
// does in the same transaction.
type tool struct {
	up, down func(t *testing.T, w *world, dir string)
}

var tools = map[string]tool{
	"supabase":       {up: queryEach("supabase/migrations/*.sql")},
	"prisma":         {up: queryEach("prisma/migrations/*/migration.sql")},
	"rails":          {up: queryNamed("db/migrate", "*.rb", 1, ".up.sql"), down: queryNamed("db/migrate", "*.rb", -1, ".down.sql")},
	"django":         {up: queryNamed("ringfence/migrations", "0*.py", 1, ".up.sql"), down: queryNamed("ringfence/migrations", "0*.py", -1, ".down.sql")},
	"golang-migrate": {up: queryEach("*.up.sql"), down: queryEachBackward("*.down.sql")},
	"goose":          {up: gooseRun("-- +goose Up", 1), down: gooseRun("-- +goose Down", -1)},
	"flyway":         {up: queryEach("V*.sql"), down: queryEachBackward("U*.sql")},
	"sqitch":         {up: psqlEach("deploy", "verify"), down: psqlBackward("revert")},
}

func TestLayouts(t *testing.T) {
	server := pgtest.Server(t, 15)
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, l := range Layouts() {
		t.Run(l.Name, func(t *testing.T) {
			w := newWorld(t, server, scriptWorld, scriptConfig)
			before := catalogue(t, w.Database)
			p := w.plan(t, Input{})
			dir := t.TempDir()
			if err := WriteLayout(dir, l, p, LayoutOptions{Start: start}); err != nil {
				t.Fatal(err)
			}
			if err := WriteLayout(dir, l, p, LayoutOptions{Start: start}); err == nil {
				t.Error("files that were there were written over")
			}
			run := tools[l.Name]
			run.up(t, w, dir)
			for _, s := range p.Steps {
				if !isDone(t, w.conn, s) {
					t.Errorf("%s on %s is not done", s.Kind, s.Object)
				}
			}
			if run.down == nil {
				return
			}
			run.down(t, w, dir)
			w.Exec(t, "DROP SCHEMA ringfence")
			w.Exec(t, "DROP TABLE IF EXISTS goose_db_version")
			if diff := cmp.Diff(before, catalogue(t, w.Database)); diff != "" {
				t.Errorf("after going back the catalogue is not as before (-before +after):\n%s", diff)
			}
		})
	}
}

func sortedFiles(t *testing.T, dir, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files %s: %v", pattern, err)
	}
	return files
}

func readText(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// queryEach sends each file as one simple query.
func queryEach(pattern string) func(*testing.T, *world, string) {
	return func(t *testing.T, w *world, dir string) {
		for _, file := range sortedFiles(t, dir, pattern) {
			pgtest.LoadSQL(t, w.Database, readText(t, file))
		}
	}
}

func queryEachBackward(pattern string) func(*testing.T, *world, string) {
	return func(t *testing.T, w *world, dir string) {
		for _, file := range slices.Backward(sortedFiles(t, dir, pattern)) {
			pgtest.LoadSQL(t, w.Database, readText(t, file))
		}
	}
}

// queryNamed sends, for each script of a directory, the file of SQL that it names, from a directory beside it.
func queryNamed(directory, pattern string, order int, suffix string) func(*testing.T, *world, string) {
	named := regexp.MustCompile(`[0-9]+_[a-z0-9_]+` + regexp.QuoteMeta(suffix))
	return func(t *testing.T, w *world, dir string) {
		scripts := sortedFiles(t, dir, directory+"/"+pattern)
		if order < 0 {
			slices.Reverse(scripts)
		}
		for _, script := range scripts {
			name := named.FindString(readText(t, script))
			pgtest.LoadSQL(t, w.Database, readText(t, sortedFiles(t, dir, directory+"/*/"+name)[0]))
		}
	}
}

// gooseRun runs the statements of one direction, in a transaction with goose's own record unless the file says otherwise.
func gooseRun(direction string, order int) func(*testing.T, *world, string) {
	return func(t *testing.T, w *world, dir string) {
		w.Exec(t, "CREATE TABLE IF NOT EXISTS goose_db_version (version text)")
		files := sortedFiles(t, dir, "*.sql")
		if order < 0 {
			slices.Reverse(files)
		}
		for _, file := range files {
			content := readText(t, file)
			_, part, found := strings.Cut(content, direction+"\n")
			if !found {
				t.Fatalf("%s has no %s", filepath.Base(file), direction)
			}
			part, _, _ = strings.Cut(part, "-- +goose Down\n")
			script := ""
			for _, block := range strings.Split(part, "-- +goose StatementBegin\n")[1:] {
				statement, _, _ := strings.Cut(block, "-- +goose StatementEnd\n")
				script += statement
			}
			if !strings.HasPrefix(content, "-- +goose NO TRANSACTION\n") {
				script = "BEGIN;\n" + script + "INSERT INTO goose_db_version VALUES ('x');\nCOMMIT;\n"
			}
			pgtest.LoadSQL(t, w.Database, script)
		}
	}
}

// psqlEach runs each script of a directory and then the one of the same name in another.
func psqlEach(directory, then string) func(*testing.T, *world, string) {
	return func(t *testing.T, w *world, dir string) {
		planned := readText(t, filepath.Join(dir, "sqitch.plan"))
		for _, file := range sortedFiles(t, dir, directory+"/*.sql") {
			name := strings.TrimSuffix(filepath.Base(file), ".sql")
			if !strings.Contains(planned, "\n"+name+" 2026-01-02T") {
				t.Errorf("sqitch.plan has no line for %s", name)
			}
			pgtest.PSQL(t, w.Database, file, "-v", "ON_ERROR_STOP=1")
			pgtest.PSQL(t, w.Database, filepath.Join(dir, then, name+".sql"), "-v", "ON_ERROR_STOP=1")
		}
	}
}

func psqlBackward(directory string) func(*testing.T, *world, string) {
	return func(t *testing.T, w *world, dir string) {
		for _, file := range slices.Backward(sortedFiles(t, dir, directory+"/*.sql")) {
			pgtest.PSQL(t, w.Database, file, "-v", "ON_ERROR_STOP=1")
		}
	}
}

func TestLayoutNeedsATime(t *testing.T) {
	err := WriteLayout(t.TempDir(), &goose, &Plan{}, LayoutOptions{})
	if err == nil || errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a time: %v", err)
	}
}
