//go:build system

package reach_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// TestSystemWaysVersions is TestWays on the versions beside the machine's own: the same schema has the same ways. 14 has neither MERGE
// nor security_invoker, and the fixtures that name them are not for it.
func TestSystemWaysVersions(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.txtar")
	for _, version := range []int{14, 16, 17, 18} {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			server := pgtest.Server(t, version)
			for _, file := range files {
				name := strings.TrimSuffix(filepath.Base(file), ".txtar")
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				since15 := bytes.Contains(text, []byte("MERGE")) || bytes.Contains(text, []byte("security_invoker"))
				if version == 14 && since15 || name == "foreign" {
					continue // foreign needs contrib, which embedded servers do not have
				}
				f := fixture{pgtest.LoadFixture(t, server.DB(t), file)}
				if diff := gocmp.Diff(strings.Split(f.Part("want"), "\n"), strings.Split(f.ways(t), "\n")); diff != "" {
					t.Errorf("%s (-want +got):\n%s", name, diff)
				}
			}
		})
	}
}
