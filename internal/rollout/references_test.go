package rollout

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/ringfencehq/ringfence/internal/attest"
	"github.com/ringfencehq/ringfence/internal/rollout/ledger"
)

// Both reference systems were declared ready. Fed with what is known of them the answer is RED, and each missing thing has its name.
func TestReferencesAreRed(t *testing.T) {
	files, err := filepath.Glob("testdata/reference_*.txtar")
	if err != nil || len(files) != 2 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		part := map[string][]string{}
		for _, f := range archive.Files {
			part[f.Name] = strings.Split(strings.TrimSpace(string(f.Data)), "\n")
		}
		w := newWorld(t)
		for _, line := range part["facts"] {
			words := strings.SplitN(line, " ", 3)
			var o Outcome
			if err := o.UnmarshalText([]byte(words[1])); err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(Collectors(), func(c *Collector) bool { return c.Name == words[0] })
			if i < 0 {
				t.Fatalf("%s: nothing finds out %s", file, words[0])
			}
			w.append(t, noon, ledger.KindFact, "production", Collectors()[i].NewFact("production", noon, o, "", words[2]))
		}
		s := w.state(t)
		stage, _ := s.Rollout.Stage("production")
		for range part["signed"] { // the author, put into the log by hand
			e, err := s.Approve(stage, "technical_lead", noon)
			if err != nil {
				t.Fatal(err)
			}
			if err := attest.Sign(context.Background(), e, w.signers["Axel"]); err != nil {
				t.Fatal(err)
			}
			w.append(t, noon, ledger.KindSignature, "production", e)
		}
		d := w.decide(t, "production", noon)
		if d.Green || d.Document(&s.Rollout).Answer != "RED" {
			t.Errorf("%s is green", file)
		}
		var got []string
		for _, line := range d.Missing() {
			for _, stands := range []string{" is missing", " is fail"} { // the reasons are the facts' own
				if what, _, found := strings.Cut(line, stands+", "); found {
					line = what + stands
				}
			}
			got = append(got, line)
		}
		if diff := cmp.Diff(part["want"], got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
	}
}
