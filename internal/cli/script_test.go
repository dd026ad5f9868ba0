package cli

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/ringfencehq/ringfence/internal/pgtest"
)

var update = flag.Bool("update", false, "write what the commands print into the scripts")

// A script is testdata/NAME.txtar: its comment says why, schema.sql is loaded into a database of its own, and each command-N is
// one command line, an argument a line, which reads stdin-N, with exit-N, stdout-N and stderr-N wanted of it; sql-N is loaded before it. Other
// files are written into the working directory. $DSN, $app and $owner stand for the database and for roles that exist in this test only.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { runScript(t, file) })
	}
}

func runScript(t *testing.T, file string) {
	file, err := filepath.Abs(file) // the script has a working directory of its own
	if err != nil {
		t.Fatal(err)
	}
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := newScript(t, archive)
	ran := 0
	for n := 1; s.has("command-" + strconv.Itoa(n)); n++ {
		s.command(strconv.Itoa(n))
		ran++
	}
	if ran == 0 {
		t.Fatal("the script runs no command")
	}
	if *update {
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

type script struct {
	t       *testing.T
	archive *txtar.Archive
	forth   *strings.Replacer // $DSN and the like to what they stand for
	back    *strings.Replacer
	db      *pgtest.Database
}

func newScript(t *testing.T, archive *txtar.Archive) *script {
	db := pgtest.Server(t, 0).DB(t) // of its own: what is on the cluster beside it is audited too
	s := &script{t: t, archive: archive, db: db}
	app, owner := db.Role(t, "app", ""), db.Role(t, "owner", "")
	s.forth = strings.NewReplacer("$DSN", db.DSN(""), "$app", app, "$owner", owner)
	s.back = strings.NewReplacer(db.DSN(""), "$DSN", app, "$app", owner, "$owner", db.Name, "$db")
	dir := t.TempDir()
	for _, f := range archive.Files {
		switch {
		case f.Name == "schema.sql":
			pgtest.LoadSQL(t, db, s.forth.Replace(string(f.Data)))
		case !strings.ContainsAny(f.Name, "-") || strings.HasSuffix(f.Name, ".yaml"):
			if err := os.WriteFile(filepath.Join(dir, f.Name), []byte(s.forth.Replace(string(f.Data))), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Chdir(dir)
	return s
}

func (s *script) find(name string) *txtar.File {
	for i := range s.archive.Files {
		if s.archive.Files[i].Name == name {
			return &s.archive.Files[i]
		}
	}
	return nil
}

func (s *script) has(name string) bool { return s.find(name) != nil }

func (s *script) command(n string) {
	s.t.Helper()
	if f := s.find("sql-" + n); f != nil {
		pgtest.LoadSQL(s.t, s.db, s.forth.Replace(string(f.Data)))
	}
	args := strings.Split(strings.TrimSpace(s.forth.Replace(string(s.find("command-"+n).Data))), "\n")
	var stdin []byte
	if f := s.find("stdin-" + n); f != nil {
		stdin = f.Data
	}
	var stdout, stderr bytes.Buffer
	code := Do(args, World{Stdin: bytes.NewReader(stdin), Stdout: &stdout, Stderr: &stderr, Env: func(string) (string, bool) { return "", false }, Width: 100})
	for name, got := range map[string]string{"exit-": strconv.Itoa(code) + "\n", "stdout-": s.stable(&stdout), "stderr-": s.stable(&stderr)} {
		s.want(name+n, got)
	}
}

// volatile are the parts of a document that differ from run to run, and what stands for them.
var volatile = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`"version_num": \d+`), `"version_num": 0`},
	{regexp.MustCompile(`"system_identifier": "\d*"`), `"system_identifier": "0"`},
	{regexp.MustCompile(`PostgreSQL \d+\.\d+`), `PostgreSQL N`},
	{regexp.MustCompile(`go1\.[0-9.]+`), `goN`},
	{regexp.MustCompile(`wrote \d+ pages`), `wrote N pages`},
}

// stable gives what was printed with what changes from run to run taken out.
func (s *script) stable(r io.Reader) string {
	raw, _ := io.ReadAll(r)
	text := s.back.Replace(string(raw))
	for _, v := range volatile {
		text = v.pattern.ReplaceAllString(text, v.with)
	}
	return text
}

// want compares, or with -update writes, one part of the script.
func (s *script) want(name, got string) {
	s.t.Helper()
	f := s.find(name)
	if f == nil {
		if *update && got != "" {
			s.archive.Files = append(s.archive.Files, txtar.File{Name: name, Data: []byte(got)})
			return
		}
		if got != "" {
			s.t.Errorf("%s is not wanted, and is:\n%s", name, got)
		}
		return
	}
	if *update {
		f.Data = []byte(got)
		return
	}
	if diff := cmp.Diff(string(f.Data), got); diff != "" {
		s.t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}
