package ringfence_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestOutsideModule compiles an application in a module of its own against the public packages.
func TestOutsideModule(t *testing.T) { inModule(t, "testdata/outside", "vet", "./...") }

// inModule runs the go command in a module beside this one, with a go.mod of its own that the command may complete: what this module
// needs changes, and the other's list of it need not.
func inModule(t *testing.T, dir, verb string, args ...string) {
	t.Helper()
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]bool{}
	for _, file := range []string{"go.sum", filepath.Join(dir, "go.sum")} {
		text, err := os.ReadFile(file)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			sums[line] = true
		}
	}
	work := t.TempDir()
	file := filepath.Join(work, "go.mod")
	for name, text := range map[string]string{
		file: strings.Replace(string(mod), "=> ../..", "=> "+root, 1), filepath.Join(work, "go.sum"): strings.Join(slices.Sorted(maps.Keys(sums)), ""),
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", append([]string{verb, "-mod=mod", "-modfile=" + file}, args...)...)
	cmd.Dir = filepath.Join(root, dir)
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
