package trail

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// A Checkpoint states, signed, which events a chain (one epoch of one node) consisted of at a moment: the root of the Merkle tree
// over their hashes. With it somebody who never saw the events can tell later whether one was changed, removed or added. Who owns the node
// can sign again: what protects is that checkpoints leave the node at once.
type Checkpoint struct {
	Node        string
	Epoch, Size int64
	Sequence    int64 // of the last event in it; equal to Size where the chain has no holes
	Event       ID    // of the last event in it
	Root        Hash
	Created     time.Time
	Note        string // the signed note: text, empty line, signature
	frontier    []Hash
}

const checkpointOrigin = "ringfence trail "

// text is what is signed: C2SP's tlog-checkpoint with three lines more.
func (c *Checkpoint) text() string {
	return checkpointOrigin + strconv.FormatInt(c.Epoch, 10) + " " + strconv.Quote(c.Node) + "\n" + strconv.FormatInt(c.Size, 10) + "\n" +
		base64.StdEncoding.EncodeToString(c.Root[:]) + "\nsequence " + strconv.FormatInt(c.Sequence, 10) + "\nevent " + c.Event.String() +
		"\ntime " + c.Created.UTC().Format(time.RFC3339Nano) + "\n"
}

// NewCheckpointKey makes a key pair for signing checkpoints. The signer is a secret; verifier is for everybody. name says whose it is,
// without spaces and plus signs.
func NewCheckpointKey(random io.Reader, name string) (signer, verifier string, err error) {
	signer, verifier, err = note.GenerateKey(random, name)
	if err != nil {
		return "", "", fmt.Errorf("making a checkpoint key: %w", err)
	}
	return signer, verifier, nil
}

// sign fills in Note.
func (c *Checkpoint) sign(by note.Signer) error {
	signed, err := note.Sign(&note.Note{Text: c.text()}, by)
	if err != nil {
		return fmt.Errorf("signing a checkpoint: %w", err)
	}
	c.Note = string(signed)
	return nil
}

// ErrSignature says that a checkpoint is not signed by a known key, or not in the form of one.
var ErrSignature = errors.New("the checkpoint's signature does not hold")

// OpenCheckpoint reads a signed note and verifies it by the verifier keys. Without keys the form alone is read.
func OpenCheckpoint(signed string, verifiers ...string) (Checkpoint, error) {
	text, _, found := strings.Cut(signed, "\n\n")
	if !found || len(signed) > 8192 {
		return Checkpoint{}, fmt.Errorf("%w: it is no signed note", ErrSignature)
	}
	if len(verifiers) > 0 {
		known := make([]note.Verifier, len(verifiers))
		for i, v := range verifiers {
			var err error
			if known[i], err = note.NewVerifier(strings.TrimSpace(v)); err != nil {
				return Checkpoint{}, fmt.Errorf("reading a verifier key: %w", err)
			}
		}
		n, err := note.Open([]byte(signed), note.VerifierList(known...))
		if err != nil {
			return Checkpoint{}, fmt.Errorf("%w: %w", ErrSignature, err)
		}
		for _, sig := range n.Sigs { // note takes any spelling of the last bits
			if _, err := base64.StdEncoding.Strict().DecodeString(sig.Base64); err != nil {
				return Checkpoint{}, fmt.Errorf("%w: it is not in canonical form", ErrSignature)
			}
		}
		text = strings.TrimSuffix(n.Text, "\n")
	}
	c, err := parseCheckpoint(text)
	if err != nil {
		return Checkpoint{}, err
	}
	c.Note = signed
	if c.text() != text+"\n" {
		return Checkpoint{}, fmt.Errorf("%w: it is not in canonical form", ErrSignature)
	}
	return c, nil
}

func parseCheckpoint(text string) (Checkpoint, error) {
	bad := fmt.Errorf("%w: it is no checkpoint of a trail", ErrSignature)
	lines := strings.Split(text, "\n")
	if len(lines) != 6 {
		return Checkpoint{}, bad
	}
	origin, ok := strings.CutPrefix(lines[0], checkpointOrigin)
	epoch, quoted, ok2 := strings.Cut(origin, " ")
	sequence, ok3 := strings.CutPrefix(lines[3], "sequence ")
	event, ok4 := strings.CutPrefix(lines[4], "event ")
	created, ok5 := strings.CutPrefix(lines[5], "time ")
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if !ok || !ok2 || !ok3 || !ok4 || !ok5 || err != nil || len(root) != len(Hash{}) {
		return Checkpoint{}, bad
	}
	var c Checkpoint
	var errs [6]error
	c.Node, errs[0] = strconv.Unquote(quoted)
	c.Epoch, errs[1] = strconv.ParseInt(epoch, 10, 64)
	c.Size, errs[2] = strconv.ParseInt(lines[1], 10, 64)
	c.Sequence, errs[3] = strconv.ParseInt(sequence, 10, 64)
	c.Event, errs[4] = ParseID(event)
	c.Created, errs[5] = time.Parse(time.RFC3339Nano, created)
	copy(c.Root[:], root)
	if errors.Join(errs[:]...) != nil || c.Size < 1 || c.Sequence < c.Size {
		return Checkpoint{}, bad
	}
	return c, nil
}

// checkpointLine is a checkpoint as a line of JSON, among events or in a log.
type checkpointLine struct {
	Checkpoint string `json:"checkpoint"`
}

// AppendCheckpoint appends the checkpoint as one line of JSON, for stdout and exports.
func AppendCheckpoint(b []byte, c Checkpoint) []byte {
	text, err := json.Marshal(checkpointLine{c.Note})
	if err != nil {
		panic("trail: a string has no JSON form: " + err.Error())
	}
	return append(append(b, plainJSON(text)...), '\n')
}

// WriteCheckpoint returns a function that writes checkpoints to w, a line each, for CheckpointOptions.Publish.
func WriteCheckpoint(w io.Writer) func(Checkpoint) error {
	return func(c Checkpoint) error {
		_, err := w.Write(AppendCheckpoint(nil, c))
		return err
	}
}

// isCheckpointLine reports whether a line of an export is a checkpoint.
func isCheckpointLine(line []byte) bool { return bytes.HasPrefix(line, []byte(`{"checkpoint":`)) }

func parseCheckpointLine(line []byte) (string, error) {
	var l checkpointLine
	err := json.Unmarshal(line, &l)
	return l.Checkpoint, err
}
