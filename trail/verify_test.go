package trail

import (
	"context"
	"crypto/rand"
	"math/bits"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// The frontier's root is that of the reference implementation, for every size.
func TestTree(t *testing.T) {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(at))
		for i, n := range at {
			out[i] = stored[n]
		}
		return out, nil
	})
	var tr tree
	for n := range int64(130) {
		leaf := Hash{byte(n), 7}
		tr.add(leaf)
		more, err := tlog.StoredHashes(n, leaf[:], reader)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, more...)
		want, err := tlog.TreeHash(n+1, reader)
		if err != nil {
			t.Fatal(err)
		}
		if Hash(want) != tr.root() || !tr.whole() || len(tr.frontier) != bits.OnesCount64(uint64(n+1)) {
			t.Fatalf("of %d leaves the root is %v, want %v", n+1, tr.root(), Hash(want))
		}
	}
}

// ten is a chain of ten ordinary events.
func ten(node string) []Event {
	sources := []ringfence.Event{{Type: ringfence.NodeStarted}}
	for i := range 9 {
		sources = append(sources, ringfence.Event{Type: ringfence.CrossTenant, User: "u" + string(rune('0'+i)), Detail: map[string]string{"route": "/x"}})
	}
	return chain(node, 1, time.Now(), sources...)
}

// A keyed table is one with a chain of ten events and a checkpoint of them all.
func keyedTable(t *testing.T) (*table, string, []Checkpoint) {
	tb := newTable(t)
	signer, verifier, err := NewCheckpointKey(rand.Reader, "node-1")
	if err != nil {
		t.Fatal(err)
	}
	var published []Checkpoint
	c, err := NewCheckpointer(tb.store(t), CheckpointOptions{Signer: signer, Every: 4, Publish: func(c Checkpoint) error { published = append(published, c); return nil }})
	if err != nil {
		t.Fatal(err)
	}
	for part := range slices.Chunk(ten("n1"), 3) {
		if _, err := c.Append(t.Context(), part); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return tb, verifier, published
}

func kinds(v *Verification) []string {
	var out []string
	for _, f := range v.Findings {
		out = append(out, f.Kind)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// What nobody touched verifies, by checkpoint too; each kind of tampering with the table is found by its name.
func TestVerifyTable(t *testing.T) {
	tb, key, published := keyedTable(t)
	v, err := VerifyTable(t.Context(), tb.Conn(t, tb.reader), VerifyOptions{Keys: []string{key}})
	if err != nil {
		t.Fatal(err)
	}
	want := &Verification{Source: "table", Records: 10, Chains: 1, Checkpoints: len(published), Signed: 10, Findings: []Finding{}, Unknown: []string{}}
	if diff := cmp.Diff(want, v); diff != "" || len(published) < 3 {
		t.Fatalf("untouched (-want +got):\n%s\n%d checkpoints", diff, len(published))
	}
	if v, err = VerifyTable(t.Context(), tb.Super, VerifyOptions{}); err != nil || v.State() != Unknown {
		t.Errorf("without a key: %s, %v", v.State(), err)
	}
	last := []string{published[len(published)-1].Note}
	for name, c := range map[string]struct {
		sql  string
		want string
	}{
		"content":                  {"UPDATE ringfence.trail_event SET user_id = 'other' WHERE sequence = 5", Changed},
		"detail":                   {"UPDATE ringfence.trail_event SET detail = '{}' WHERE sequence = 5", Changed},
		"time":                     {"UPDATE ringfence.trail_event SET created_at = created_at + interval '1 microsecond' WHERE sequence = 5", Changed},
		"hash":                     {"UPDATE ringfence.trail_event SET hash = sha256('x') WHERE sequence = 5", Changed},
		"removed":                  {"DELETE FROM ringfence.trail_event WHERE sequence = 5", Missing},
		"three removed":            {"DELETE FROM ringfence.trail_event WHERE sequence BETWEEN 4 AND 6", Missing},
		"head":                     {"DELETE FROM ringfence.trail_event WHERE sequence <= 2", Truncated},
		"tail":                     {"DELETE FROM ringfence.trail_event WHERE sequence > 7", Truncated},
		"all":                      {"DELETE FROM ringfence.trail_event", Truncated},
		"tail and its checkpoints": {"DELETE FROM ringfence.trail_event WHERE sequence > 6; DELETE FROM ringfence.trail_checkpoint WHERE sequence > 6", Truncated},
		"exchanged":                {"UPDATE ringfence.trail_event SET sequence = 11 - sequence WHERE sequence IN (5, 6)", Reordered},
		"copied":                   {"INSERT INTO ringfence.trail_event SELECT gen_random_uuid(), event_type, user_id, authenticated_tenant_id, attempted_tenant_id, session_id, ip_address, user_agent, severity, created_at, event_id, node, epoch, sequence, count, first_at, last_at, detail, hash, previous_hash FROM ringfence.trail_event WHERE sequence = 5", Inserted},
		"forged":                   {"INSERT INTO ringfence.trail_event SELECT gen_random_uuid(), event_type, 'innocent', authenticated_tenant_id, attempted_tenant_id, session_id, ip_address, user_agent, severity, created_at, gen_random_uuid(), node, epoch, sequence, count, first_at, last_at, detail, sha256('y'), previous_hash FROM ringfence.trail_event WHERE sequence = 5", Inserted},
		"signature":                {"UPDATE ringfence.trail_checkpoint SET note = replace(note, 'sequence 10', 'sequence 11') WHERE size = 10", Unsigned},
	} {
		t.Run(name, func(t *testing.T) {
			tx, err := tb.Super.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer tx.Rollback(context.WithoutCancel(t.Context()))
			if _, err := tx.Exec(t.Context(), guardsOff+c.sql); err != nil {
				t.Fatal(err)
			}
			v, err := VerifyTable(t.Context(), tx, VerifyOptions{Keys: []string{key}, Checkpoints: last})
			if err != nil {
				t.Fatal(err)
			}
			if got := kinds(v); !slices.Equal(got, []string{c.want}) {
				t.Errorf("found %v, want %s alone: %+v", got, c.want, v.Findings)
			}
		})
	}
}

const guardsOff = `ALTER TABLE ringfence.trail_event DISABLE TRIGGER USER; ALTER TABLE ringfence.trail_checkpoint DISABLE TRIGGER USER;
	DO $$ DECLARE p regclass; BEGIN FOR p IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'ringfence.trail_event'::regclass LOOP
	EXECUTE 'ALTER TABLE ' || p || ' DISABLE TRIGGER USER'; END LOOP; END $$;`

// Who rewrites a whole chain, every hash made to fit, is told by the checkpoint alone.
func TestVerifyTableRewritten(t *testing.T) {
	tb, key, published := keyedTable(t)
	rewritten := ten("n1")
	rewritten[5].User = "innocent"
	var previous Hash
	for i := range rewritten {
		rewritten[i].Previous = previous
		rewritten[i].Hash = rewritten[i].Digest()
		previous = rewritten[i].Hash
	}
	pgtest.LoadSQL(t, tb.Database, guardsOff+"DELETE FROM ringfence.trail_event")
	if _, err := tb.store(t).Append(t.Context(), rewritten); err != nil {
		t.Fatal(err)
	}
	v, err := VerifyTable(t.Context(), tb.Super, VerifyOptions{Keys: []string{key}, Checkpoints: []string{published[0].Note}})
	if err != nil || !slices.Equal(kinds(v), []string{Changed}) {
		t.Errorf("rewritten: %+v, %v", v, err)
	}
	pgtest.LoadSQL(t, tb.Database, guardsOff+"DELETE FROM ringfence.trail_checkpoint")
	if v, err = VerifyTable(t.Context(), tb.Super, VerifyOptions{Keys: []string{key}}); err != nil || v.State() != Unknown {
		t.Errorf("without any checkpoint it is %s, want unknown: %v", v.State(), err)
	}
}

// Retired months still verify, by their hashes.
func TestVerifyTableRetired(t *testing.T) {
	tb := newTable(t)
	signer, key, err := NewCheckpointKey(rand.Reader, "node-1")
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewCheckpointer(tb.store(t), CheckpointOptions{Signer: signer})
	if err != nil {
		t.Fatal(err)
	}
	old := chain("n1", 1, time.Now().AddDate(0, -5, 0), ringfence.Event{Type: ringfence.NodeStarted}, ringfence.Event{Type: ringfence.CrossTenant})
	young := chain("n1", 1, time.Now(), slices.Repeat([]ringfence.Event{{Type: ringfence.CrossTenant}}, 5)...)[2:]
	previous := old[1].Hash
	for i := range young {
		young[i].Previous = previous
		young[i].Hash = young[i].Digest()
		previous = young[i].Hash
	}
	if _, err := c.Append(t.Context(), slices.Concat(old, young)); err != nil {
		t.Fatal(err)
	}
	tb.Exec(t, "SELECT ringfence.trail_retire(now() - interval '3 months', 'detach', 'test')")
	v, err := VerifyTable(t.Context(), tb.Super, VerifyOptions{Keys: []string{key}})
	if err != nil || v.State() != Good || v.Retired != 2 || v.Records != 3 || v.Signed != 5 {
		t.Errorf("retired: %+v, %v", v, err)
	}
}

// A node that takes up a chain of a process that died goes on with its tree.
func TestCheckpointerTakesUp(t *testing.T) {
	tb := newTable(t)
	signer, key, err := NewCheckpointKey(rand.Reader, "node-1")
	if err != nil {
		t.Fatal(err)
	}
	events := ten("n1")
	for i, part := range [][]Event{events[:3], events[3:5], events[5:6], events[4:10]} { // the last one repeats two
		c, err := NewCheckpointer(tb.store(t), CheckpointOptions{Signer: signer, Every: 2})
		if err != nil {
			t.Fatal(err)
		}
		c.o.Interval = time.Hour
		if _, err := c.Append(t.Context(), part); err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			continue // died before it signed the rest
		}
		if err := c.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	v, err := VerifyTable(t.Context(), tb.Super, VerifyOptions{Keys: []string{key}})
	if err != nil || v.State() != Good || v.Signed != 10 {
		t.Errorf("taken up: %+v, %v", v, err)
	}
}

// The lines of an export tell the same as the table.
func TestVerifyExport(t *testing.T) {
	tb, key, published := keyedTable(t)
	var lines []string
	for _, e := range read(t, tb.Super) {
		lines = append(lines, string(AppendJSON(nil, &e)))
	}
	signed := strings.TrimSpace(string(AppendCheckpoint(nil, published[len(published)-1])))
	verify := func(lines []string, keys ...string) *Verification {
		v, err := VerifyExport(strings.NewReader(strings.Join(lines, "\n")+"\n"), VerifyOptions{Keys: keys})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if v := verify(append(slices.Clone(lines), signed), key); v.State() != Good || v.Signed != 10 {
		t.Fatalf("untouched: %+v", v)
	}
	if v := verify(lines); v.State() != Unknown {
		t.Errorf("without a checkpoint it is %s, want unknown", v.State())
	}
	forged := strings.Replace(lines[4], `"user_id":"`, `"user_id":"x`, 1)
	for name, c := range map[string]struct {
		lines []string
		want  string
	}{
		"content":   {slices.Concat(lines[:4], []string{forged}, lines[5:]), Changed},
		"removed":   {slices.Concat(lines[:4], lines[5:]), Missing},
		"head":      {lines[2:], Truncated},
		"tail":      {lines[:7], Truncated},
		"exchanged": {slices.Concat(lines[:4], []string{lines[5], lines[4]}, lines[6:]), Reordered},
		"inserted":  {slices.Concat(lines[:5], []string{forged}, lines[5:]), Inserted},
		"garbage":   {slices.Concat(lines, []string{"{]"}), Damaged},
	} {
		if v := verify(append(slices.Clone(c.lines), signed), key); !slices.Equal(kinds(v), []string{c.want}) {
			t.Errorf("%s: found %v, want %s alone: %+v", name, kinds(v), c.want, v.Findings)
		}
	}
	if v := verify(append(slices.Clone(lines), lines[3], signed), key); v.State() != Good || v.Repeated != 1 {
		t.Errorf("a line sent twice: %+v", v)
	}
	_, other, _ := NewCheckpointKey(rand.Reader, "node-1")
	if v := verify(append(slices.Clone(lines), signed), other); !slices.Equal(kinds(v), []string{Unsigned}) {
		t.Errorf("another key: %+v", v)
	}
}

// A journal's files tell the same, and may begin late; each kind of tampering is told by its name.
func TestVerifyJournal(t *testing.T) {
	events := ten("n1")
	frames := make([][]byte, len(events))
	for i := range events {
		frames[i] = appendFrame(nil, events[i].AppendCanonical)
	}
	verify := func(o VerifyOptions, frames ...[]byte) *Verification {
		dir := t.TempDir()
		file := append([]byte(segmentMagic), slices.Concat(frames...)...)
		if err := os.WriteFile(filepath.Join(dir, segmentName(1, 1)), append(file, make([]byte, 64)...), 0o600); err != nil {
			t.Fatal(err)
		}
		v, err := VerifyJournal(dir, o)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	forged := events[4]
	forged.User = "innocent"
	forgedFrame := appendFrame(nil, forged.AppendCanonical)
	bent := slices.Clone(frames[4])
	bent[40] ^= 1
	heads := VerifyOptions{Heads: []Head{{"n1", 1, 9}}}
	for name, c := range map[string]struct {
		o      VerifyOptions
		frames [][]byte
		want   []string
	}{
		"untouched":   {heads, frames, nil},
		"begins late": {heads, frames[5:], nil},
		"told twice":  {heads, slices.Concat(frames[:6], frames[4:]), nil},
		"content":     {heads, slices.Concat(frames[:4], [][]byte{forgedFrame}, frames[5:]), []string{Changed}},
		"bytes":       {heads, slices.Concat(frames[:4], [][]byte{bent}, frames[5:]), []string{Damaged, Missing}},
		"removed":     {heads, slices.Concat(frames[:4], frames[5:]), []string{Missing}},
		"exchanged":   {heads, slices.Concat(frames[:4], [][]byte{frames[5], frames[4]}, frames[6:]), []string{Reordered}},
		"inserted":    {heads, slices.Concat(frames[:5], [][]byte{forgedFrame}, frames[5:]), []string{Inserted}},
		"tail":        {heads, frames[:7], []string{Truncated}},
		"hole":        {VerifyOptions{Heads: []Head{{"n1", 1, 3}}}, frames[5:], []string{Missing}},
	} {
		if v := verify(c.o, c.frames...); !slices.Equal(kinds(v), c.want) {
			t.Errorf("%s: found %v, want %v: %+v", name, kinds(v), c.want, v.Findings)
		}
	}
}

// A node's next start tells how its last epoch ended: a cut end, or a whole epoch that is gone, shows without a checkpoint.
func TestVerifyEnds(t *testing.T) {
	first := ten("n1")
	second := chain("n1", 2, time.Now(), ringfence.Event{Type: ringfence.NodeStarted,
		Detail: map[string]string{"previous_epoch": "1", "previous_sequence": "10", "previous_hash": first[9].Hash.String()}})
	for name, c := range map[string]struct {
		events []Event
		want   []string
	}{
		"whole":  {slices.Concat(first, second), nil},
		"cut":    {slices.Concat(first[:8], second), []string{Truncated}},
		"gone":   {second, []string{Truncated}},
		"forged": {slices.Concat(first[:9], chain("n1", 1, time.Now(), everyKind()...)[9:10], second), []string{Changed}},
	} {
		v := newVerifier("table")
		for i := range c.events {
			v.add(&c.events[i])
		}
		if got := kinds(v.judge()); !slices.Equal(got, c.want) {
			t.Errorf("%s: found %v, want %v: %+v", name, got, c.want, v.out.Findings)
		}
	}
}

// A note that was bent in any way is no checkpoint.
func TestOpenCheckpoint(t *testing.T) {
	_, key, published := keyedTable(t)
	good := published[0]
	opened, err := OpenCheckpoint(good.Note, key)
	if err != nil || opened.Root != good.Root || opened.Sequence != good.Sequence || opened.Event != good.Event || !opened.Created.Equal(good.Created) {
		t.Fatalf("opened: %+v, %v", opened, err)
	}
	for i := range good.Note {
		bent := []byte(good.Note)
		bent[i] ^= 1
		if _, err := OpenCheckpoint(string(bent), key); err == nil {
			t.Errorf("byte %d changed and nobody saw: %q", i, bent)
		}
	}
}
