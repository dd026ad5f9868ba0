//go:build system

package e2e

import (
	"encoding/json"
	"os/exec"
	"testing"
)

// TestSystemDemo runs the demo as whoever runs the tests, and as an ordinary user.
func TestSystemDemo(t *testing.T) {
	for name, change := range map[string]func(*exec.Cmd){"as we are": nil, "as an ordinary user": ordinary(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, home, change, small...)
			if code := p.code(); code != 0 {
				t.Fatalf("exit %d: %s", code, tail(p.stderr.String()))
			}
			var story struct {
				Schema  string
				Figures []struct{ Name, Query string }
				Summary map[string]int
			}
			if err := json.Unmarshal(p.stdout.Bytes(), &story); err != nil {
				t.Fatal(err)
			}
			if story.Schema != "ringfence/demo/v1" || len(story.Figures) < 10 || story.Summary["ok"] == 0 || story.Summary["failed"] != 0 {
				t.Errorf("the story is %+v", story)
			}
		})
	}
}
