package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every command has a manual page, and blocks of lines in its help stay blocks.
func TestManWritesAPageForEachCommand(t *testing.T) {
	dir := t.TempDir()
	var stderr bytes.Buffer
	w := World{Stdout: &bytes.Buffer{}, Stderr: &stderr, Env: func(string) (string, bool) { return "", false }}
	if code := Do([]string{"man", dir}, w); code != 0 {
		t.Fatalf("exit %d: %s", code, &stderr)
	}
	for _, c := range commands(&w) {
		page, err := os.ReadFile(filepath.Join(dir, "ringfence-"+c.Name()+".1"))
		if err != nil || !bytes.Contains(page, []byte(".SH SYNOPSIS")) {
			t.Errorf("%s: %v", c.Name(), err)
		}
	}
	for name, line := range map[string]string{"plan": "plan.json ", "observe-install": "ringfence observe install out"} {
		page, err := os.ReadFile(filepath.Join(dir, "ringfence-"+name+".1"))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(page), ".EX\n  "+line) {
			t.Errorf("a block of %s lost its lines:\n%s", name, page)
		}
	}
}
