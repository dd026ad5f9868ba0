package rollout

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ringfencehq/ringfence/internal/plan"
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
	found := []SecretFound{}
	for _, file := range files {
		text, err := readBounded(file, documentLimit)
		if err != nil {
			return unknown("a file could not be read: %v", err)
		}
		found = append(found, Secrets(filepath.Base(file), string(text))...)
	}
	f := known(len(found) == 0, fmt.Sprintf("%d files", len(files)), "no secret of a known form is in them")
	if len(found) > 0 {
		f.Why = fmt.Sprintf("%s line %d holds a %s, and %d more", found[0].File, found[0].Line, found[0].Kind, len(found)-1)
	}
	f.Raw = found
	return f
}

// artefacts are the plan's files and the further documents.
func (t *Target) artefacts() ([]string, error) {
	entries, err := os.ReadDir(t.PlanDir)
	if err != nil {
		return nil, err
	}
	files := slices.Clone(t.Documents)
	for _, e := range entries {
		if e.Type().IsRegular() {
			files = append(files, filepath.Join(t.PlanDir, e.Name()))
		}
	}
	return files, nil
}

// collectDocuments holds the plan's papers to the plan, and further documents to naming it: one that speaks of another plan is superseded.
func collectDocuments(_ context.Context, t *Target) Finding {
	want, err := plan.Files(t.Plan)
	if err != nil {
		return unknown("the plan's papers could not be made: %v", err)
	}
	var old []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		have, err := readBounded(filepath.Join(t.PlanDir, name), documentLimit)
		same := bytes.Equal(have, want[name]) || name == plan.RunbookFile && bytes.HasPrefix(have, want[name]) // what the change takes from whom is written after it
		if err != nil || !same {
			old = append(old, name)
		}
	}
	id := string(t.Rollout.Plan)[:12]
	for _, file := range t.Documents {
		text, err := readBounded(file, documentLimit)
		if err != nil || !strings.Contains(string(text), id) {
			old = append(old, filepath.Base(file))
		}
	}
	f := known(len(old) == 0, fmt.Sprintf("%d documents", len(want)+len(t.Documents)), "every document names this plan")
	if len(old) > 0 {
		f.Why = fmt.Sprintf("superseded, or not of plan %s: %s", id, strings.Join(old, ", "))
	}
	return f
}
