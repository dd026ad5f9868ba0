package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const output = `goos: linux
BenchmarkContext/direct-2     	 1069	 170.0 explicit-µs	 0 ns/op	 100.0 plain-µs	 400.0 recipe-µs
BenchmarkContext/direct-2     	 1069	 110.0 explicit-µs	 0 ns/op	 100.0 plain-µs	 410.0 recipe-µs
BenchmarkContext/direct-2     	 1069	 120.0 explicit-µs	 0 ns/op	 100.0 plain-µs	 420.0 recipe-µs
BenchmarkOther/one-2          	 10	 5 ns/op
PASS
`

func TestRun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "figures.md")
	if err := os.WriteFile(file, []byte("# Figures\n\n<!-- bench:x -->\nold\n<!-- /bench:x -->\nend\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time changes nothing
		if err := run(strings.NewReader(output), io.Discard, "x", file); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(raw), "\n")
	if !strings.HasPrefix(lines[3], "Measured on ") {
		t.Errorf("the circumstances are not told: %q", lines[3])
	}
	want := `# Figures

<!-- bench:x -->

| | plain, µs | recipe, µs | explicit, µs |
|---|--:|--:|--:|
| direct | 100 | 410 (4.10×) | 120 (1.20×) |

| | ns/op |
|---|--:|
| one | 5 |
<!-- /bench:x -->
end
`
	if diff := cmp.Diff(want, strings.Join(append(lines[:3:3], lines[4:]...), "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, bad := range []string{"", "BenchmarkA-2 1 5 ns/op\nFAIL\n"} {
		if err := run(strings.NewReader(bad), io.Discard, "x", file); err == nil {
			t.Errorf("%q was written", bad)
		}
	}
}
