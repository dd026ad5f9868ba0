package trail

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence"
)

// written makes a journal of several segments as a killed process leaves it, and returns its directory and events.
func written(t testing.TB, events int) (string, []Event) {
	t.Helper()
	store := newMemoryStore()
	store.setFault(down)
	o := testOptions(t, store)
	o.SegmentSize = 4 << 10
	tr := openTrail(t, o)
	record(t, tr, 0, events)
	dir := t.TempDir()
	copyFiles(t, o.Dir, dir)
	var all []Event
	for e, err := range ReadJournal(dir) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	verifyChains(t, all)
	wantUsers(t, all, events)
	return dir, all
}

func copyFiles(t testing.TB, from, to string) {
	t.Helper()
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		b, err := os.ReadFile(filepath.Join(from, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, entry.Name()), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// placed is an event and where its frame stands.
type placed struct {
	file     string
	from, to int
	event    Event
}

func places(t testing.TB, dir string) []placed {
	t.Helper()
	var all []placed
	for _, path := range segmentPaths(t, dir) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for off := 0; ; {
			e, end, found := nextFrame(b, off)
			if found == frameNone {
				break
			}
			if found == frameDamage {
				t.Fatalf("%s is damaged at %d", path, off)
			}
			all = append(all, placed{filepath.Base(path), max(off, len(segmentMagic)), end, e})
			off = end
		}
	}
	return all
}

// scan returns the events that can be read in a segment's bytes, and how much damage there is.
func scan(b []byte) (events []Event, damage int) {
	for off := 0; ; {
		e, end, found := nextFrame(b, off)
		switch found {
		case frameNone:
			return events, damage
		case frameDamage:
			damage++
		case frameEvent:
			events = append(events, e)
		}
		off = end
	}
}

// same compares by the hashes that were computed in reading, which cover everything.
func same(want, got []Event) bool {
	return slices.EqualFunc(want, got, func(a, b Event) bool { return a.Hash == b.Hash })
}

// segmentsOf returns each segment's bytes and what stands where in them.
func segmentsOf(t testing.TB, dir string) (contents [][]byte, frames [][]placed) {
	t.Helper()
	all := places(t, dir)
	for _, path := range segmentPaths(t, dir) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var mine []placed
		for _, p := range all {
			if p.file == filepath.Base(path) {
				mine = append(mine, p)
			}
		}
		contents, frames = append(contents, b), append(frames, mine)
	}
	return contents, frames
}

// Cut at every byte, a segment gives back every event that is whole, and nothing else.
func TestReadCutAtEveryByte(t *testing.T) {
	dir, _ := written(t, 24)
	contents, frames := segmentsOf(t, dir)
	cuts := 0
	for i, whole := range contents {
		for cut := range frames[i][len(frames[i])-1].to + 1 {
			var want []Event
			for _, p := range frames[i] {
				if p.to <= cut {
					want = append(want, p.event)
				}
			}
			if got, _ := scan(whole[:cut]); !same(want, got) {
				t.Fatalf("segment %d cut at byte %d: %s", i, cut, cmp.Diff(want, got))
			}
			cuts++
		}
	}
	if cuts < 5000 {
		t.Errorf("%d cuts", cuts)
	}
}

// With any one byte changed, all other events are still read, and the changed one is damage, never another event.
func TestReadFlippedAtEveryByte(t *testing.T) {
	dir, _ := written(t, 10)
	contents, frames := segmentsOf(t, dir)
	for i, whole := range contents {
		for n, p := range frames[i] {
			var want []Event
			for m, other := range frames[i] {
				if m != n {
					want = append(want, other.event)
				}
			}
			for at := p.from; at < p.to; at++ {
				changed := slices.Clone(whole)
				changed[at] ^= byte(1 + at%255)
				if got, damage := scan(changed); !same(want, got) || damage != 1 {
					t.Fatalf("segment %d changed at byte %d: %d damages, %s", i, at, damage, cmp.Diff(want, got))
				}
			}
		}
	}
}

// Opened after a power cut at some byte of some file, the trail ships every event that is whole, once, and what is missing
// in between is on record as a gap.
func TestOpenAfterCut(t *testing.T) {
	testCuts(t, 499)
}

func testCuts(t *testing.T, step int) {
	dir, _ := written(t, 24)
	all := places(t, dir)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			t.Fatal(err)
		}
		for cut := 0; cut <= int(info.Size()); cut += step {
			openCut(t, dir, entry.Name(), cut, all)
		}
	}
}

func openCut(t *testing.T, dir, file string, cut int, all []placed) {
	t.Helper()
	work := t.TempDir()
	copyFiles(t, dir, work)
	if err := os.Truncate(filepath.Join(work, file), int64(cut)); err != nil {
		t.Fatal(err)
	}
	store := newMemoryStore()
	o := testOptions(t, store)
	o.Dir, o.SegmentSize = work, 4<<10
	tr, err := Open(o)
	if err != nil {
		t.Fatalf("%s cut at %d: %v", file, cut, err)
	}
	closeTrail(t, tr)
	want, missing, lastWhole := map[ID]Event{}, 0, int64(0)
	for _, p := range all {
		if p.file != file || p.to <= cut {
			want[p.event.ID], lastWhole = p.event, p.event.Sequence
		}
	}
	for _, p := range all {
		if _, ok := want[p.event.ID]; !ok && p.event.Sequence < lastWhole {
			missing++
		}
	}
	got, gaps := map[ID]Event{}, 0
	for _, e := range store.all() {
		if e.Epoch == all[0].event.Epoch {
			got[e.ID] = e
		}
		if e.Type == ringfence.TrailGap && e.Severity == ringfence.Critical {
			gaps++
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s cut at %d: %s", file, cut, diff)
	}
	if (missing > 0) != (gaps == 1) {
		t.Errorf("%s cut at %d: %d events are missing in between, %d gaps on record", file, cut, missing, gaps)
	}
}

// FuzzReadJournal reads any bytes as a segment: whatever is in them, reading ends, stays within them, and gives only
// events whose encoding stands there.
func FuzzReadJournal(f *testing.F) {
	dir, _ := written(f, 3)
	for _, path := range segmentPaths(f, dir) {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[:min(len(b), 2500)])
	}
	f.Add([]byte(segmentMagic + frameMagic + "\xff\xff\xff\xff"))
	f.Add([]byte(frameMagic + "\x00\x00\x00\x00\x00\x00\x00\x00" + frameMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		for off := 0; ; {
			e, end, found := nextFrame(b, off)
			if found == frameNone {
				return
			}
			if end <= off || end > len(b) {
				t.Fatalf("from %d to %d of %d", off, end, len(b))
			}
			if found == frameEvent {
				if frame := appendFrame(nil, e.AppendCanonical); string(frame) != string(b[end-len(frame):end]) {
					t.Fatal("an event that is not in the bytes")
				}
			}
			off = end
		}
	})
}
