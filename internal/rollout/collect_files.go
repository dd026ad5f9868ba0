package rollout

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ringfencehq/ringfence/internal/bounded"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/secret"
)

var (
	secrets   = Collector{Name: "secrets", How: "a scan of the plan's directory and documents", Holds: 24 * time.Hour, Collect: collectSecrets}
	documents = Collector{Name: "documents", How: "the plan's digest in each document", Holds: 24 * time.Hour, Collect: collectDocuments}
)

// documentLimit bounds what is read of one file.
const documentLimit = 64 << 20

// collectSecrets scans what goes with the change.
func collectSecrets(_ context.Context, t *Target) Finding {
	files, err := t.artefacts()
	if err != nil {
		return unknown("the files could not be listed: %v", err)
	}
	found := []secret.Found{}
	for _, file := range files {
		text, err := bounded.ReadRegular(file, documentLimit)
		if err != nil {
			return unknown("a file could not be read: %v", err)
		}
		found = append(found, secret.Find(filepath.Base(file), string(text))...)
	}
	f := known(len(found) == 0, fmt.Sprintf("%d files", len(files)), "no secret of a known form is in them")
	if len(found) > 0 {
		f.Why = fmt.Sprintf("%s line %d holds a %s, and %d more", found[0].File, found[0].Line, found[0].Kind, len(found)-1)
	}
	f.Raw = found
	return f
}

// artefacts are all files in the plan's directory, and the further documents.
func (t *Target) artefacts() ([]string, error) {
	files := slices.Clone(t.Documents)
	err := filepath.WalkDir(t.PlanDir, func(file string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			files = append(files, file)
		}
		return err
	})
	return files, err
}

// strange lists what stands in the plan's directory and is none of its files, nor one of the directories that its steps are written to for
// a migration tool: a link, another directory, a file that looks like one of them.
func (t *Target) strange(want map[string][]byte) (out []string, err error) {
	entries, err := os.ReadDir(t.PlanDir)
	for _, e := range entries {
		file := want[e.Name()] != nil || e.Name() == plan.ImpactFile
		layout := slices.ContainsFunc(plan.Layouts(), func(l *plan.Layout) bool { return l.Name == e.Name() })
		if !(file && e.Type().IsRegular() || layout && e.IsDir()) {
			out = append(out, strconv.QuoteToASCII(e.Name()))
		}
	}
	return out, err
}

// collectDocuments holds the plan's papers to the plan, and further documents to naming it: one that speaks of another plan is superseded.
func collectDocuments(_ context.Context, t *Target) Finding {
	want, err := plan.Files(t.Plan)
	if err != nil {
		return unknown("the plan's papers could not be made: %v", err)
	}
	var old []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		have, err := bounded.ReadRegular(filepath.Join(t.PlanDir, name), documentLimit)
		same := bytes.Equal(have, want[name]) || name == plan.RunbookFile && bytes.HasPrefix(have, want[name]) // what the change takes from whom is written after it
		if err != nil || !same {
			old = append(old, name)
		}
	}
	strange, err := t.strange(want)
	if err != nil {
		return unknown("the plan's directory could not be listed: %v", err)
	}
	id := string(t.Rollout.Plan)[:12]
	for _, file := range t.Documents {
		text, err := bounded.ReadRegular(file, documentLimit)
		if err != nil || !strings.Contains(string(text), id) {
			old = append(old, filepath.Base(file))
		}
	}
	f := known(len(old) == 0, fmt.Sprintf("%d documents", len(want)+len(t.Documents)), "every document names this plan")
	if len(strange) > 0 {
		f.Outcome, f.Why = Fail, "in the plan's directory stands what is not of the plan: "+strings.Join(strange[:min(5, len(strange))], ", ")
	}
	if len(old) > 0 {
		f.Why = fmt.Sprintf("superseded, or not of plan %s: %s", id, strings.Join(old, ", "))
	}
	return f
}
