package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringfencehq/ringfence/internal/attest"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// begin is a log in a directory, which was begun.
func begin(t *testing.T) (Directory, *Log) {
	t.Helper()
	dir := Directory(t.TempDir())
	l, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Append(t.Context(), noon, KindCreated, "", body{Name: "shop"}); err != nil {
		t.Fatal(err)
	}
	return dir, l
}

// mirror is another store of a log, which holds its beginning.
func mirror(t *testing.T, l *Log) Directory {
	t.Helper()
	d := Directory(t.TempDir())
	if err := d.Append(t.Context(), l.Entries()[0]); err != nil {
		t.Fatal(err)
	}
	return d
}

// A body says what an entry is of, and whose.
type body struct {
	Name     string        `json:"name,omitempty"`
	By       string        `json:"by,omitempty"`
	Value    string        `json:"value,omitempty"`
	Evidence attest.Digest `json:"evidence,omitempty"`
}

// Two operators at once. What happened, or was measured, is kept after what the other one wrote; what is about to be done is refused
// where the other one went on with the same stage, and only there.
func TestTwoWriters(t *testing.T) {
	ctx := t.Context()
	for _, c := range []struct {
		name       string
		other      Kind
		otherStage string
		kind       Kind
		stage      string
		clash      bool
	}{
		{"a sample after a signature", KindSignature, "staging", KindSample, "staging", false},
		{"a fact after the end", KindClosed, "", KindFact, "staging", false},
		{"begun twice", KindBegun, "staging", KindBegun, "staging", true},
		{"begun after another fact", KindFact, "staging", KindBegun, "staging", true},
		{"begun in another database of the stage", KindBegun, "staging.eu", KindBegun, "staging.us", true},
		{"begun while another stage is watched", KindSample, "staging", KindBegun, "production", false},
		{"begun after another stage's fact", KindFact, "staging", KindBegun, "production", false},
		{"begun while it is watched", KindSample, "staging", KindBegun, "staging", false},
		{"closed after a stage was begun", KindBegun, "production", KindClosed, "", true},
		{"begun after it was closed", KindClosed, "", KindBegun, "staging", true},
	} {
		dir, first := begin(t)
		second, _ := Open(ctx, dir)
		if err := first.Append(ctx, noon, c.other, c.otherStage, body{Name: "drift"}); err != nil {
			t.Fatal(err)
		}
		err := second.Append(ctx, noon, c.kind, c.stage, body{Name: "drift"})
		if errors.Is(err, ErrConflict) != c.clash || !c.clash && err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if want := fmt.Sprintf("entry %d %s %s", len(first.Entries()), c.other, "drift"); c.clash && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: it is not said who did what: %v", c.name, err)
		}
		again, err := Open(ctx, dir)
		if want := len(first.Entries()) + 1; err != nil || !c.clash && len(again.Entries()) != want || c.clash && len(again.Entries()) != want-1 {
			t.Errorf("%s: %d entries, %v", c.name, len(again.Entries()), err)
		}
	}
}

// What the other one did is not forgotten since something was written in between.
func TestTwoWritersInTurns(t *testing.T) {
	ctx := t.Context()
	dir, first := begin(t)
	second, _ := Open(ctx, dir)
	for _, step := range []struct {
		l    *Log
		kind Kind
	}{{first, KindOut}, {second, KindFact}, {second, KindSample}} {
		if err := step.l.Append(ctx, noon, step.kind, "staging", body{By: "otto"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := second.Append(ctx, noon, KindDeploying, "staging", body{}); !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "out of staging by otto") {
		t.Errorf("the second one goes on: %v", err)
	}
	if err := second.Append(ctx, noon, KindBegun, "production", body{}); err != nil {
		t.Errorf("another stage: %v", err)
	}
}

// A run that has begun goes on though another one begins, and is turned away by the lease; what the other one gets done stops it.
func TestBegunMeanwhile(t *testing.T) {
	ctx := t.Context()
	dir, first := begin(t)
	if err := first.Append(ctx, noon, KindBegun, "staging", body{By: "otto"}); err != nil {
		t.Fatal(err)
	}
	second, _ := Open(ctx, dir)
	if err := second.Append(ctx, noon, KindBegun, "staging", body{By: "nora"}); err != nil {
		t.Fatal(err)
	}
	if err := first.Append(ctx, noon, KindBegun, "staging", body{By: "otto"}); err != nil {
		t.Errorf("the run under way is stopped by one that was turned away: %v", err)
	}
	if err := second.Append(ctx, noon, KindOut, "staging", body{By: "nora"}); err != nil {
		t.Fatal(err)
	}
	if err := first.Append(ctx, noon, KindDeploying, "staging", body{By: "otto"}); !errors.Is(err, ErrConflict) {
		t.Errorf("what the other one did is not noticed: %v", err)
	}
}

// Many processes on the same directory lose nothing, and their log is one chain.
func TestManyWriters(t *testing.T) {
	ctx := t.Context()
	dir, begun := begin(t)
	mirror := mirror(t, begun)
	before := len(begun.Entries())
	var wg sync.WaitGroup
	for i := range 4 {
		stores := []Store{dir}
		if i%2 == 0 {
			stores = append(stores, mirror)
		}
		l, err := Open(ctx, stores...)
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			for n := range 20 {
				if err := l.Append(ctx, noon, KindFact, "staging", body{Name: "drift", Value: fmt.Sprint(i, n)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	l, err := Open(ctx, dir, mirror)
	if err != nil || len(l.Entries()) != before+80 {
		t.Errorf("%d entries of %d, %v", len(l.Entries()), before+80, err)
	}
}

// deaf is a store that does not answer for a while.
type deaf struct {
	Directory
	off bool
}

var errDeaf = errors.New("the database does not answer")

func (d *deaf) Append(ctx context.Context, e Entry) error {
	if d.off {
		return errDeaf
	}
	return d.Directory.Append(ctx, e)
}

func (d *deaf) Entries(ctx context.Context, after int) ([]Entry, error) {
	if d.off {
		return nil, errDeaf
	}
	return d.Directory.Entries(ctx, after)
}

func (d *deaf) Keep(ctx context.Context, raw []byte) (attest.Digest, error) {
	if d.off {
		return "", errDeaf
	}
	return d.Directory.Keep(ctx, raw)
}

// A database that goes away meanwhile keeps nothing from being written down: it is said once, and it is brought up, with its evidence, once it answers.
func TestDatabaseGoesAway(t *testing.T) {
	ctx := t.Context()
	dir, begun := begin(t)
	db := &deaf{Directory: mirror(t, begun)}
	l, err := Open(ctx, dir, db)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	l.Note = func(text string) { said = append(said, text) }
	add := func() {
		t.Helper()
		raw := fmt.Appendf(nil, `{"entries":%d}`, len(l.Entries()))
		digest, err := l.Keep(ctx, raw)
		if err != nil {
			t.Fatal(err)
		}
		f := body{Name: "drift"}
		f.Evidence = digest
		if err := l.Append(ctx, noon, KindFact, "staging", f); err != nil {
			t.Fatal(err)
		}
	}
	add()
	db.off = true
	add()
	add()
	db.off = false
	add()
	if len(said) != 1 {
		t.Errorf("said: %q", said)
	}
	again, err := Open(ctx, db.Directory)
	if err != nil || len(again.Entries()) != len(l.Entries()) {
		t.Fatalf("the database holds %d of %d entries, %v", len(again.Entries()), len(l.Entries()), err)
	}
	for _, d := range EvidenceOf(l.Entries()[1:]) {
		if _, err := db.Evidence(ctx, d); err != nil {
			t.Error(err)
		}
	}
}

// A directory that cannot be written any more leaves the lead to the database: nothing is lost, and it is brought up once it can.
func TestDirectoryGoesAway(t *testing.T) {
	ctx := t.Context()
	dir, begun := begin(t)
	here, db := &deaf{Directory: dir}, mirror(t, begun)
	l, err := Open(ctx, here, db)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	l.Note = func(text string) { said = append(said, text) }
	fact := func() {
		t.Helper()
		f := body{Name: "drift"}
		if f.Evidence, err = l.Keep(ctx, fmt.Appendf(nil, `{"entries":%d}`, len(l.Entries()))); err != nil {
			t.Fatal(err)
		}
		if err := l.Append(ctx, noon, KindFact, "staging", f); err != nil {
			t.Fatal(err)
		}
	}
	fact()
	here.off = true
	fact()
	if err := l.Refresh(ctx); err != nil || l.Store() != Store(db) || len(said) != 1 {
		t.Errorf("the database does not lead: %v, said %q", err, said)
	}
	here.off = false
	fact()
	for name, store := range map[string]Directory{"the directory": dir, "the database": db} {
		entries, err := store.Entries(ctx, 0)
		if err != nil || len(entries) != len(l.Entries()) {
			t.Errorf("%s has %d of %d entries, %v", name, len(entries), len(l.Entries()), err)
		}
		for _, d := range EvidenceOf(entries[1:]) {
			if _, err := store.Evidence(ctx, d); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	here.off = true
	alone, err := Open(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	alone.stores[0] = here
	if err := alone.Append(ctx, noon, KindFact, "staging", body{Name: "drift"}); !errors.Is(err, errDeaf) {
		t.Errorf("where no other store is, it is an error: %v", err)
	}
}
