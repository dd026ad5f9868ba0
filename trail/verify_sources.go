package trail

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/jackc/pgx/v5"
)

// VerifyOptions are what a verification may rely on beside its source.
type VerifyOptions struct {
	// Keys are verifier keys of checkpoints. Without them signatures are unknown.
	Keys []string
	// Checkpoints are signed notes held elsewhere: taken from a log or an export. They tell what the table itself cannot.
	Checkpoints []string
	// Heads are how far another place, the table, has each chain: a journal that has the chain's records has no fewer.
	Heads []Head
	// Partial says that an export was made of later events only: chains may begin late.
	Partial bool
}

// A Head is the last record of a chain in the table.
type Head struct {
	Node            string
	Epoch, Sequence int64
}

// ReadHeads reads how far the table has each chain.
func ReadHeads(ctx context.Context, q Querier) ([]Head, error) {
	rows, err := q.Query(ctx, "SELECT node, epoch, max(sequence) FROM ringfence.trail_event GROUP BY node, epoch ORDER BY node, epoch")
	if err != nil {
		return nil, fmt.Errorf("reading the trail's heads: %w", err)
	}
	heads, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Head])
	if err != nil {
		return nil, fmt.Errorf("reading the trail's heads: %w", err)
	}
	return heads, nil
}

// VerifyTable verifies the table as a role that may read it. The error is about reading; what is wrong with the trail are findings. It
// keeps about a hundred bytes a record in memory.
func VerifyTable(ctx context.Context, q Querier, o VerifyOptions) (*Verification, error) {
	v := newVerifier("table")
	if err := readRetired(ctx, q, v); err != nil {
		return nil, err
	}
	for e, err := range readChains(ctx, q) {
		if err != nil {
			return nil, err
		}
		v.add(&e)
	}
	notes, err := readNotes(ctx, q)
	if err != nil {
		return nil, err
	}
	for _, n := range append(notes, o.Checkpoints...) {
		v.checkpoint(n, o.Keys)
	}
	if v.out.Checkpoints == 0 && v.out.Records > 0 {
		v.unknown("whether the ends of chains were cut off, or whole chains rewritten: there is no checkpoint")
	}
	return v.judge(), nil
}

// readRetired adds the hashes of retired months: links without content.
func readRetired(ctx context.Context, q Querier, v *verifier) error {
	rows, err := q.Query(ctx, "SELECT node, epoch, first_sequence, previous_hash, hashes FROM ringfence.trail_retired WHERE hashes IS NOT NULL ORDER BY node, epoch, first_sequence")
	if err != nil {
		return fmt.Errorf("reading what was retired: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var key chainKey
		var sequence int64
		var before, hashes []byte
		if err := rows.Scan(&key.node, &key.epoch, &sequence, &before, &hashes); err != nil {
			return fmt.Errorf("reading what was retired: %w", err)
		}
		var previous Hash
		copy(previous[:], before)
		for len(hashes) >= len(previous) {
			l := link{sequence: sequence, previous: previous, sound: true, retired: true}
			copy(l.hash[:], hashes)
			v.chains[key] = append(v.chains[key], l)
			v.out.Retired++
			previous, hashes, sequence = l.hash, hashes[len(previous):], sequence+1
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading what was retired: %w", err)
	}
	return nil
}

// ReadCheckpoints reads the table's checkpoints, oldest of each chain first. Signatures are not verified: OpenCheckpoint does.
func ReadCheckpoints(ctx context.Context, q Querier) iter.Seq2[Checkpoint, error] {
	return func(yield func(Checkpoint, error) bool) {
		notes, err := readNotes(ctx, q)
		if err != nil {
			yield(Checkpoint{}, err)
			return
		}
		for _, n := range notes {
			c, _ := OpenCheckpoint(n) // one that is malformed is handed on as the table holds it, for verification to find
			c.Note = n
			if !yield(c, nil) {
				return
			}
		}
	}
}

// readNotes reads the checkpoints' signed notes.
func readNotes(ctx context.Context, q Querier) ([]string, error) {
	rows, err := q.Query(ctx, "SELECT note FROM ringfence.trail_checkpoint ORDER BY node, epoch, size")
	if err != nil {
		return nil, fmt.Errorf("reading checkpoints: %w", err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("reading checkpoints: %w", err)
	}
	return out, nil
}

// VerifyJournal verifies the files of a journal. A chain may begin late, since files are freed once shipped, and a record may stand twice after
// a crash; both are as they should be.
func VerifyJournal(dir string, o VerifyOptions) (*Verification, error) {
	v := newVerifier("journal")
	v.repeats, v.starts = repeatsCounted, startsFreed
	for e, err := range ReadJournal(dir) {
		var damage *Damage
		switch {
		case errors.As(err, &damage):
			v.out.Findings = append(v.out.Findings, Finding{Kind: Damaged, Epoch: damage.Epoch, Sequence: damage.Sequence, Detail: damage.Error()})
		case err != nil:
			return nil, err
		default:
			v.add(&e)
		}
	}
	for _, n := range o.Checkpoints {
		c, err := OpenCheckpoint(n, o.Keys...)
		if err == nil && len(v.chains[chainKey{c.Node, c.Epoch}]) == 0 {
			continue // shipped and freed
		}
		v.checkpoint(n, o.Keys)
	}
	out := v.judge()
	for _, h := range o.Heads {
		v.head(h)
	}
	return out, nil
}

// head compares a journal with how far the table is. Files are freed from the oldest on and only when all of them is in the table, so
// that a journal which has a chain at all has its newest records, and joins on to the table without a hole.
func (v *verifier) head(h Head) {
	key := chainKey{h.Node, h.Epoch}
	var first, last int64
	for _, l := range v.chains[key] {
		if first == 0 || l.sequence < first {
			first = l.sequence
		}
		last = max(last, l.sequence)
	}
	switch {
	case last == 0:
	case last < h.Sequence:
		v.found(Truncated, key, link{sequence: last + 1}, "the table has the chain up to record %d; the journal ends with %d", h.Sequence, last)
	case first > h.Sequence+1:
		v.found(Missing, key, link{sequence: h.Sequence + 1}, "the table ends with record %d, the journal begins with %d", h.Sequence, first)
	}
}

// lineLimit is the longest line of an export.
const lineLimit = 1 << 20

// VerifyExport verifies an export of JSON lines, events and checkpoints mixed. A record may stand twice, as sinks send at least once.
func VerifyExport(r io.Reader, o VerifyOptions) (*Verification, error) {
	v := newVerifier("export")
	v.repeats = repeatsCounted
	if o.Partial {
		v.starts = startsFreed
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), lineLimit)
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		switch {
		case len(line) == 0:
		case isCheckpointLine(line):
			signed, err := parseCheckpointLine(line)
			if err != nil {
				v.out.Findings = append(v.out.Findings, Finding{Kind: Damaged, Detail: fmt.Sprintf("line %d is no checkpoint", n)})
				continue
			}
			v.checkpoint(signed, o.Keys)
		default:
			e, err := ParseJSON(line)
			if err != nil {
				v.out.Findings = append(v.out.Findings, Finding{Kind: Damaged, Detail: fmt.Sprintf("line %d is no event", n)})
				continue
			}
			v.add(&e)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading the export: %w", err)
	}
	for _, n := range o.Checkpoints {
		v.checkpoint(n, o.Keys)
	}
	if v.out.Checkpoints == 0 && v.out.Records > 0 {
		v.unknown("whether the ends of chains were cut off, or whole chains rewritten: there is no checkpoint")
	}
	return v.judge(), nil
}
