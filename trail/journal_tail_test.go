package trail

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Tail sees what a running process accepts, in order and once, over the ends of files, and what was there before.
func TestTailFollows(t *testing.T) {
	store := newMemoryStore()
	store.setFault(down)
	o := testOptions(t, store)
	o.SegmentSize = 4 << 10
	tr := openTrail(t, o)
	record(t, tr, 0, 20)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var got []Event
	recorded := 20
	for e, err := range Tail(ctx, o.Dir, TailOptions{Every: 1}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e)
		if len(got) == recorded && recorded < 60 {
			record(t, tr, recorded, recorded+1)
			recorded++
		}
		if e.User == "u59" {
			break
		}
	}
	wantUsers(t, got, 60)
	verifyChains(t, got)
}

func TestTailNew(t *testing.T) {
	o := testOptions(t, nil)
	tr := openTrail(t, o)
	record(t, tr, 0, 5)
	// pass is what Tail does at each look, called here so that the test knows when.
	f := tail{dir: o.Dir, readers: map[string]*segmentReader{}}
	f.pass(func(Event, error) bool { return true })
	record(t, tr, 5, 7)
	var got []string
	f.pass(func(e Event, err error) bool {
		if err != nil {
			t.Error(err)
		}
		got = append(got, e.User)
		return true
	})
	if diff := cmp.Diff([]string{"u5", "u6"}, got); diff != "" {
		t.Error(diff)
	}
}

// Damage is told by ReadJournal, with the place of the event before it.
func TestReadTellsDamage(t *testing.T) {
	dir, all := written(t, 6)
	p := places(t, dir)[3]
	path := filepath.Join(dir, p.file)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[p.from+20] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	var got []*Damage
	for _, err := range ReadJournal(dir) {
		var d *Damage
		if errors.As(err, &d) {
			got = append(got, d)
		}
	}
	want := []*Damage{{File: p.file, From: int64(p.from), To: int64(p.to), Epoch: all[2].Epoch, Sequence: all[2].Sequence}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, err := range ReadJournal(filepath.Join(dir, "nowhere")) {
		if !errors.Is(err, os.ErrNotExist) {
			t.Errorf("a directory that is not there: %v", err)
		}
	}
}
