package ringfence_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/ringfencehq/ringfence"

// layers lists the packages bottom up: what is imported stands on a lower line. Packages of one line do not import each
// other.
var layers = [][]string{
	{"internal/visible", "internal/bounded", "internal/english", "internal/secret"},
	{"docs", "internal/pg", "internal/metrics", "internal/notify", "internal/attest", "internal/bus", "internal/pgparse", "internal/nettest", "internal/disktest"},
	{"internal/catalog", "internal/live", "internal/bench", "internal/signed", "internal/definer"},
	{"internal/trailsql", "internal/pinsql", "internal/revocation"},
	{"internal/pgtest", "internal/browsertest", "internal/expr", "internal/rights", "internal/clone"},
	{"internal/tenancy", "internal/catalog/catalogtest", "internal/migrations"},
	{"internal/reach"},
	{"internal/decide"},
	{"internal/audit", "internal/attack"},
	{"internal/prove"},
	{"internal/plan"},
	{"internal/impact", "internal/drift"},
	{"internal/apply"},
	{"internal/harden", "internal/fleet", "internal/rollout/ledger"},
	{"internal/rollout"},
	{"internal/report", "examples/internal/stage"},
	{"internal/monitor", "internal/console", "internal/edge", "internal/site"},
	{"examples/callcenter", "examples/callcenter/api", "examples/callcenter/start"},
	{"examples/callcenter/cmd/callcenter"},
	{"internal/demo"},
	{"internal/cli"},
	{"cmd/ringfence", "cmd/ringfencevet", "internal/gen", "internal/gen/rollout"},
	{"examples/restaurant"},
	{"internal/e2e"},
}

// free are packages that stand beside the layers: applications import them, so they have rules of their own below.
var free = []string{"", "trail", "auth", "gateway", "ringfencetest", "ringfencevet"}

type goPackage struct {
	ImportPath, Dir, Doc, Name string
	Imports                    []string
	GoFiles                    []string
}

func list(t *testing.T, args ...string) []goPackage {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Dir,Doc,Name,Imports,GoFiles"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %v: %v\n%s", args, err, stderr.String())
	}
	var all []goPackage
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var p goPackage
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) == 0 {
		t.Fatalf("go list %v: no packages", args)
	}
	return all
}

// room returns the path of a package inside the module, and whether it is of the module.
func room(importPath string) (string, bool) {
	if importPath == module {
		return "", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

// place returns the layer that a package belongs to: its own, or its nearest parent's.
func place(path string) int {
	for p := path; p != "."; p = filepath.Dir(p) {
		for i, layer := range layers {
			if slices.Contains(layer, p) {
				return i
			}
		}
	}
	return -1
}

func TestLayers(t *testing.T) {
	for _, p := range list(t, "./...") {
		from, _ := room(p.ImportPath)
		at := place(from)
		if at < 0 && !isFree(from) {
			t.Errorf("%s stands in no layer: add it to arch_test.go and to ARCHITECTURE.md", from)
			continue
		}
		for _, imported := range p.Imports {
			to, ours := room(imported)
			if !ours || isFree(from) || isFree(to) || strings.HasPrefix(to, from+"/") || strings.HasPrefix(from, to+"/") {
				continue
			}
			if below := place(to); below >= at {
				t.Errorf("%s imports %s, which does not stand below it", from, to)
			}
		}
	}
}

// isFree reports whether a package stands beside the layers.
func isFree(path string) bool {
	for _, f := range free {
		if path == f || (f != "" && strings.HasPrefix(path, f+"/")) {
			return true
		}
	}
	return strings.HasPrefix(path, "examples/") && place(path) < 0
}

// Only internal/pg dials, and only what has to talk to a server holds a connection: rules, proofs and plans never query.
func TestJudgesNeverQuery(t *testing.T) {
	pure := []string{"internal/expr", "internal/tenancy", "internal/reach", "internal/decide", "internal/audit", "internal/plan", "internal/report"}
	for _, p := range list(t, "./internal/...") {
		from, _ := room(p.ImportPath)
		if !slices.Contains(pure, from) {
			continue
		}
		for _, imported := range p.Imports {
			if imported == "github.com/jackc/pgx/v5/pgconn" || imported == "database/sql" || imported == "net" || imported == "net/http" {
				t.Errorf("%s imports %s: it reads plain data and performs no I/O", from, imported)
			}
		}
	}
}

// Stored trees are read as trees: a regular expression over SQL text is how other tools are fooled.
func TestTreesAreNotMatchedAsText(t *testing.T) {
	for _, p := range list(t, "./internal/expr", "./internal/reach", "./internal/decide") {
		if slices.Contains(p.Imports, "regexp") {
			t.Errorf("%s imports regexp", p.ImportPath)
		}
	}
}

func TestPackagesSayWhatTheyAreFor(t *testing.T) {
	for _, p := range list(t, "./...") {
		if len(p.GoFiles) > 0 && len(p.Doc) < 40 {
			t.Errorf("%s has no package comment that says what it is for", p.ImportPath)
		}
	}
}

// What is planned to be left undone belongs to the issues, not to the code.
func TestNothingIsLeftForNow(t *testing.T) {
	words := []string{"TODO", "FIXME", "XXX", "HACK", "for now"}
	files := token.NewFileSet()
	err := filepath.WalkDir(".", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || path == "arch_test.go" || strings.Contains(path, "testdata") {
			return err
		}
		f, err := parser.ParseFile(files, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		for _, group := range f.Comments {
			report(t, files, group, words)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func report(t *testing.T, files *token.FileSet, group *ast.CommentGroup, words []string) {
	t.Helper()
	for _, w := range words {
		if strings.Contains(group.Text(), w) {
			t.Errorf("%s: a comment says %q", files.Position(group.Pos()), w)
		}
	}
}

// Tests that are skipped are tests that nobody ran.
func TestNothingIsSkipped(t *testing.T) {
	err := filepath.WalkDir(".", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") || path == "arch_test.go" {
			return err
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, call := range []string{"t.Skip(", "t.Skipf(", "t.SkipNow(", "b.Skip("} {
			if bytes.Contains(src, []byte(call)) {
				t.Errorf("%s calls %s", path, call)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestTierNames holds the tests behind the tag system to the name by which that tier is run alone: one named otherwise
// would never run there.
func TestTierNames(t *testing.T) {
	found := 0
	err := filepath.WalkDir(".", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		system := slices.ContainsFunc(file.Comments, func(c *ast.CommentGroup) bool {
			return c.Pos() < file.Package && slices.ContainsFunc(c.List, func(l *ast.Comment) bool { return l.Text == "//go:build system" })
		})
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Test") || f.Name.Name == "TestMain" {
				continue
			}
			if system {
				found++
			}
			if system != strings.HasPrefix(f.Name.Name, "TestSystem") {
				t.Errorf("%s: %s: tests behind the tag system, and no others, are named TestSystem…", path, f.Name.Name)
			}
		}
		return nil
	})
	if err != nil || found == 0 {
		t.Errorf("%d tests of the system tier were found: %v", found, err)
	}
}

// What an application imports for the tenant context is pgx and the standard library, and what pgx itself stands on.
func TestRootPullsInPgxOnly(t *testing.T) {
	allowed := []string{module, "github.com/jackc/", "golang.org/x/text/", "golang.org/x/sync/", "vendor/"}
	for _, p := range list(t, "-deps", ".") {
		first, _, _ := strings.Cut(p.ImportPath, "/")
		external := strings.Contains(first, ".")
		if external && !slices.ContainsFunc(allowed, func(a string) bool { return strings.HasPrefix(p.ImportPath, a) }) {
			t.Errorf("the root imports %s", p.ImportPath)
		}
		if path, ours := room(p.ImportPath); ours && path != "" && path != "internal/signed" {
			t.Errorf("the root imports %s of its own module", p.ImportPath)
		}
	}
}
