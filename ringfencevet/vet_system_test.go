//go:build system

package ringfencevet_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// go vet takes it as its tool: it finds nothing in the example, whose handlers have a ringfence.Pool, and a raw pool that is put
// beside it.
func TestSystemVetTool(t *testing.T) {
	tool := filepath.Join(t.TempDir(), "ringfencevet")
	if out, err := exec.Command("go", "build", "-o", tool, "../cmd/ringfencevet").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := exec.Command("go", "vet", "-vettool="+tool, "../examples/callcenter/...").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	const faulty = `// Package raw has a handler with a raw pool.
package raw

import (
	"net/http"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Serve makes the handler.
func Serve(p *pgxpool.Pool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { _, _ = p.Exec(r.Context(), "select 1") }
}
`
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile("../go.sum")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"raw.go": faulty, "go.sum": string(sums), "go.mod": "module example.com/raw\n\ngo 1.26.0\n\nrequire github.com/ringfencehq/ringfence v0.0.0\n\nreplace github.com/ringfencehq/ringfence => " + root + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	vet := exec.Command("go", "vet", "-mod=mod", "-vettool="+tool, "./...")
	vet.Dir, vet.Env = dir, append(os.Environ(), "GOFLAGS=", "GOWORK=off", "GOPROXY=off")
	out, err := vet.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "raw.go:12:63: a request uses *pgxpool.Pool past its tenant") {
		t.Errorf("%v\n%s", err, out)
	}
}
