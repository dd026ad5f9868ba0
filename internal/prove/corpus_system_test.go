//go:build system

package prove

import (
	"fmt"
	"os"
	"testing"

	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// sampled is how many scripts are run on each version where the machine has not all day: each version has others.
const sampled = 7

// TestSystemCorpusEveryVersion has the same verdicts on every version that is supported as on the machine's own: a sample of the corpus on
// each, the whole of it under RINGFENCE_LONG=1.
func TestSystemCorpusEveryVersion(t *testing.T) {
	scripts := pgtest.Scripts(t, corpusDir)
	step := (len(scripts) + sampled - 1) / sampled
	if os.Getenv("RINGFENCE_LONG") == "1" {
		step = 1
	}
	for i, version := range []int{14, 15, 16, 17, 18} {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			server := pgtest.Server(t, version)
			ran := 0
			for k := i % step; k < len(scripts); k += step {
				s := script{scripts[k]}
				want := corpus[s.Name]
				for _, d := range differences {
					if d.script == s.Name && d.from <= version && version <= d.to {
						want.vulnerable = d.vulnerable
					}
				}
				ran++
				t.Run(s.Name, func(t *testing.T) { s.run(t, server, want) })
			}
			if ran == 0 {
				t.Error("no script ran")
			}
		})
	}
}

// differences are the verdicts that are others on some versions, since what the script makes is another thing there.
var differences = []struct {
	script     string
	from, to   int
	vulnerable []string
}{
	// Everybody may make objects in schema public: also what the function finds there is not known.
	{"B29_policy_fn_secdef_mutable_search_path", 14, 14, []string{"leak b29.doc no", "unproven b29.sessions function:b29.cur_tenant()"}},
	// A membership inherits or does not from its GRANT on: NOINHERIT of the role comes too late.
	{"V05_cve_2024_10976_subquery_plan_role", 16, 18, []string{"leak v05.doc expression", "leak v05.doc set_role:v05_r1 rows", "leak v05.doc set_role:v05_r2 expression"}},
}
