package callcenter

import (
	"os/exec"
	"strings"
	"testing"
)

// An example is copied from: it may import what anybody can, and its start-up alone looks behind that.
func TestPublicPackagesOnly(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.ImportPath}}{{range .Imports}} {{.}}{{end}}", "../...").Output()
	if err != nil {
		t.Fatal(err)
	}
	behind := map[string]int{}
	for line := range strings.SplitSeq(strings.TrimSpace(string(out)), "\n") {
		from, imports, _ := strings.Cut(line, " ")
		behind[from] = strings.Count(imports+" ", "/ringfence/internal/")
	}
	for from, n := range behind {
		start := strings.HasSuffix(from, "/internal/stage") || strings.HasSuffix(from, "/callcenter/start") || strings.HasSuffix(from, "/restaurant/system")
		if (n > 0) != start {
			t.Errorf("%s imports %d internal packages", from, n)
		}
	}
	if len(behind) < 4 {
		t.Errorf("%d packages", len(behind))
	}
}
