package papers

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/attest"
	"github.com/ringfencehq/ringfence/internal/rollout"
	"github.com/ringfencehq/ringfence/internal/rollout/ledger"
	"github.com/ringfencehq/ringfence/internal/secret"
)

var update = flag.Bool("update", false, "write the papers of the example anew")

// example is reference system B's rollout, as internal/gen/rollout left it.
const example = "../../../docs/examples/callcenter-rollout"

// open reads the example as an auditor does: the chain, evidence and signatures hold, by the root that stands beside it.
func open(t *testing.T) *rollout.Bundle {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(example, "root.pub"))
	if err != nil {
		t.Fatal(err)
	}
	root, err := attest.ParseKey(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	b, err := rollout.OpenBundle(t.Context(), ledger.Directory(example), &root)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The papers in the documentation are what the bundle beside them gives, whenever they are made.
func TestExamplePapers(t *testing.T) {
	b := open(t)
	for _, now := range []time.Time{time.Now(), time.Now().Add(1000 * time.Hour)} {
		in, err := Read(t.Context(), b, now)
		if err != nil {
			t.Fatal(err)
		}
		all := Write(in)
		if len(all) != len(Papers()) {
			t.Errorf("%d papers of %d", len(all), len(Papers()))
		}
		for name, text := range all {
			file := filepath.Join(example, "papers", name)
			if *update {
				if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			have, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(have), text); diff != "" {
				t.Errorf("%s is not what the bundle gives; go test ./internal/rollout/papers -update (-committed +made):\n%s", name, diff)
			}
		}
	}
}

// The example shows what the road is about: two stages that were begun on GREEN, soaked for as long as was asked, and were not taken back.
func TestExampleRoad(t *testing.T) {
	b := open(t)
	in, err := Read(t.Context(), b, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for stage, d := range in.Decisions {
		if !d.Green {
			t.Errorf("%s was begun on RED: %v", stage, d.Missing())
		}
	}
	if n := len(in.Decisions["production"].Items("")); n != 22 {
		t.Errorf("%d items are signed for, want 22", n)
	}
	for _, stage := range b.State.Rollout.Stages {
		if st := b.State.Stages[stage.Name]; stage.Name != in.goal() && st.Soaked() < stage.Soak {
			t.Errorf("%s soaked %s of %s", stage.Name, st.Soaked(), stage.Soak)
		}
	}
	f := in.Figures()
	if f.Attempts != 2 || f.Failed != 0 || f.Lead <= 0 || f.Exposed != 0 || !b.State.Closed {
		t.Errorf("figures: %+v", f)
	}
}

// Neither the papers nor the log and its evidence hold a way to a database, or a path of the machine that made them.
func TestExampleIsClean(t *testing.T) {
	looked := 0
	err := filepath.WalkDir("../../../docs/examples", func(file string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		looked++
		for _, word := range []string{"postgres://", "host=", "/dev/shm", "/tmp/ringfence", "/home/", "/root/", "PRIVATE KEY"} {
			if strings.Contains(string(text), word) {
				t.Errorf("%s holds %q", file, word)
			}
		}
		if found := secret.Find(file, string(text)); len(found) > 0 {
			t.Errorf("%s: %v", file, found)
		}
		return nil
	})
	if err != nil || looked < 50 {
		t.Errorf("%d files were looked at, %v", looked, err)
	}
}

// A window of success is not met by what nobody looked at.
func TestWindowsNeedMeasurement(t *testing.T) {
	in := &Input{Bundle: &rollout.Bundle{State: &rollout.State{Rollout: rollout.Rollout{Stages: []rollout.Stage{{Name: "production"}}}}}, Definition: &rollout.Definition{}}
	st := &rollout.StageState{Samples: []rollout.Sample{{Enough: true, Values: map[string]float64{}}}}
	seen := 0
	for _, w := range Windows() {
		o, value, _ := w.Judge(in, "production", st)
		if o == rollout.Pass {
			if seen++; w.Text != "Every tenant that is looked at sees what is theirs, and no more" && w.Text != "Nothing has drifted" {
				t.Errorf("%q passes on an empty sample: %s", w.Text, value)
			}
		}
		if value == "" {
			t.Errorf("%q does not say why", w.Text)
		}
	}
	if seen != 2 {
		t.Errorf("%d facts of windows rest on the sample itself, want 2", seen)
	}
}
