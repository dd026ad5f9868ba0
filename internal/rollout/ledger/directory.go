package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ringfencehq/ringfence/internal/attest"
	"github.com/ringfencehq/ringfence/internal/bounded"
)

// Directory keeps a log as files: log/000001-created.json and so on, and evidence/DIGEST. It can be committed, and it alone is
// enough to go on.
type Directory string

const (
	logDir      = "log"
	evidenceDir = "evidence"
)

var (
	entryFile  = regexp.MustCompile(`^\d{6}-[a-z]+\.json$`)
	digestText = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// entryLimit bounds one entry, EvidenceLimit one piece of evidence.
const (
	entryLimit    = 1 << 20
	EvidenceLimit = 64 << 20
)

// Append writes the entry's file. One with that number is there already, be it of another kind: ErrConflict.
func (d Directory) Append(_ context.Context, e Entry) (err error) {
	raw, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return fmt.Errorf("writing to the log: %w", err)
	}
	dir := filepath.Join(string(d), logDir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("writing to the log: %w", err)
	}
	unlock, err := lockDirectory(dir)
	if err != nil {
		return fmt.Errorf("writing to the log: %w", err)
	}
	defer func() { err = errors.Join(err, unlock()) }()
	numbered, err := filepath.Glob(filepath.Join(dir, fmt.Sprintf("%06d-*.json", e.Sequence)))
	if err != nil || len(numbered) > 0 {
		return errors.Join(ErrConflict, err)
	}
	return writeNew(dir, fmt.Sprintf("%06d-%s.json", e.Sequence, e.Kind), append(raw, '\n'))
}

// writeNew makes a file that was not there, whole or not at all, and durable.
func writeNew(dir, name string, content []byte) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	tmp, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(content)
	err = errors.Join(err, tmp.Chmod(0o644), tmp.Sync(), tmp.Close())
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	err = os.Link(tmp.Name(), filepath.Join(dir, name)) // fails where the name is taken, unlike a rename
	if errors.Is(err, fs.ErrExist) {
		return ErrConflict
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	handle, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return errors.Join(handle.Sync(), handle.Close())
}

// Entries reads the files of higher numbers, in their order. A directory without a log has none.
func (d Directory) Entries(_ context.Context, after int) ([]Entry, error) {
	files, err := os.ReadDir(filepath.Join(string(d), logDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the log: %w", err)
	}
	var out []Entry
	for _, f := range files {
		number, err := strconv.Atoi(strings.SplitN(f.Name(), "-", 2)[0])
		if err != nil || number <= after || !entryFile.MatchString(f.Name()) {
			continue
		}
		raw, err := bounded.ReadRegular(filepath.Join(string(d), logDir, f.Name()), entryLimit)
		if err != nil {
			return nil, fmt.Errorf("reading the log: %w", err)
		}
		e, err := readEntry(raw)
		if err != nil || e.Sequence != number {
			return nil, fmt.Errorf("%w: %s cannot be read", ErrChain, f.Name())
		}
		if e.Body, err = compact(e.Body); err != nil {
			return nil, fmt.Errorf("%w: %s cannot be read", ErrChain, f.Name())
		}
		out = append(out, e)
	}
	slices.SortStableFunc(out, func(a, b Entry) int { return a.Sequence - b.Sequence })
	return out, nil
}

// readEntry reads an entry's file strictly: what its hash does not cover has no place in it.
func readEntry(raw []byte) (Entry, error) {
	if err := bounded.OneEach(raw, false); err != nil {
		return Entry{}, err
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	var e Entry
	if err := dec.Decode(&e); err != nil {
		return e, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return e, errors.New("something stands after the entry")
	}
	return e, nil
}

// Keep writes evidence under its digest.
func (d Directory) Keep(_ context.Context, raw []byte) (attest.Digest, error) {
	digest := attest.DigestOf(raw)
	if err := writeNew(filepath.Join(string(d), evidenceDir), string(digest), raw); err != nil && !errors.Is(err, ErrConflict) {
		return "", err
	}
	return digest, nil
}

// ErrEvidence says that evidence is missing, or is not what its digest says.
var ErrEvidence = errors.New("the evidence is missing or was changed")

// Evidence reads evidence and holds it to its digest.
func (d Directory) Evidence(_ context.Context, digest attest.Digest) ([]byte, error) {
	if !digestText.MatchString(string(digest)) {
		return nil, ErrEvidence
	}
	raw, err := bounded.ReadRegular(filepath.Join(string(d), evidenceDir, string(digest)), EvidenceLimit)
	if err != nil || attest.DigestOf(raw) != digest {
		return nil, fmt.Errorf("%w: %s", ErrEvidence, digest)
	}
	return raw, nil
}
