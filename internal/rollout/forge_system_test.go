//go:build system

package rollout

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/ringfencehq/ringfence/internal/attest"
	"github.com/ringfencehq/ringfence/internal/rollout/ledger"
)

// forge writes a log anew in a directory of its own, as who has the directory but no key can: change edits an entry's body, or leaves the
// entry out by nil; every hash is computed anew.
func (w *world) forge(t *testing.T, change func(i int, e ledger.Entry) []byte) ledger.Directory {
	t.Helper()
	d := ledger.Directory(t.TempDir())
	if err := os.CopyFS(filepath.Join(string(d), "evidence"), os.DirFS(filepath.Join(string(w.dir), "evidence"))); err != nil {
		t.Fatal(err)
	}
	var written []ledger.Entry
	for i, e := range w.log.Entries() {
		body := change(i, e)
		if body == nil {
			continue
		}
		again, err := ledger.Next(written, e.At, e.Kind, e.Stage, json.RawMessage(body))
		if err != nil {
			t.Fatal(err)
		}
		written = append(written, again)
		if err := d.Append(context.Background(), again); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// envelope edits the first approval.
func envelope(t *testing.T, edit func(e *attest.Envelope)) func(int, ledger.Entry) []byte {
	first := true
	return func(_ int, e ledger.Entry) []byte {
		if e.Kind != ledger.KindSignature || !first {
			return e.Body
		}
		first = false
		var x attest.Envelope
		if err := json.Unmarshal(e.Body, &x); err != nil {
			t.Fatal(err)
		}
		edit(&x)
		raw, err := json.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
}

// A log that was written anew, whole and with all its hashes, still has to have what only keys can make; each forgery fails for its own reason.
func TestSystemForgedBundles(t *testing.T) {
	ctx := context.Background()
	w, other := newWorld(t), newWorld(t)
	w.passAll(t, "production", noon)
	w.signAll(t, "production", noon)
	root, err := attest.ParseKey(w.rollout.Root)
	if err != nil {
		t.Fatal(err)
	}
	stage, _ := w.rollout.Stage("production")
	edit := func(from, to string) func(e *attest.Envelope) {
		return func(e *attest.Envelope) {
			body, _ := base64.StdEncoding.DecodeString(e.Payload)
			if !strings.Contains(string(body), from) {
				t.Fatalf("no %q in %s", from, body)
			}
			e.Payload = base64.StdEncoding.EncodeToString([]byte(strings.Replace(string(body), from, to, 1)))
		}
	}
	signed := func(e *attest.Envelope, err error) *attest.Envelope {
		t.Helper()
		if err == nil {
			err = attest.Sign(ctx, e, w.signers["Dora"])
		}
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	waiver := signed(w.state(t).Waive(stage, "disk", "because", noon.Add(time.Hour)))
	staging := signed(w.state(t).Approve(&w.rollout.Stages[0], "database_administrator", noon))
	elsewhere := w.state(t)
	elsewhere.Rollout.ID = "r2"
	foreign := signed(elsewhere.Approve(stage, "database_administrator", noon))
	machine, err := w.state(t).Approve(stage, "database_administrator", noon)
	if err != nil {
		t.Fatal(err)
	}
	if err := attest.Sign(ctx, machine, w.signers["ci"]); err != nil {
		t.Fatal(err)
	}
	doctored, err := w.state(t).Approve(stage, "database_administrator", noon)
	if err == nil {
		edit(`"value":"`, `"value":"better than `)(doctored)
	}
	doctored = signed(doctored, err)
	replace := func(role string, with *attest.Envelope) func(int, ledger.Entry) []byte {
		return func(_ int, e ledger.Entry) []byte {
			var x attest.Envelope
			if e.Kind != ledger.KindSignature || json.Unmarshal(e.Body, &x) != nil {
				return e.Body
			}
			if body, _ := base64.StdEncoding.DecodeString(x.Payload); !strings.Contains(string(body), `"role":"`+role+`"`) {
				return e.Body
			}
			raw, _ := json.Marshal(with)
			return raw
		}
	}
	created := func(change func(r *Rollout)) func(int, ledger.Entry) []byte {
		return func(_ int, e ledger.Entry) []byte {
			if e.Kind != ledger.KindCreated {
				return e.Body
			}
			r := w.rollout
			change(&r)
			raw, _ := json.Marshal(r)
			return raw
		}
	}
	for name, c := range map[string]struct {
		change func(int, ledger.Entry) []byte
		err    error  // of OpenBundle, or of the decision
		says   string // of the error, or of the decision
	}{
		"nothing":                  {func(_ int, e ledger.Entry) []byte { return e.Body }, nil, "GREEN"},
		"another payload type":     {envelope(t, func(e *attest.Envelope) { e.PayloadType = "application/json" }), attest.ErrSignature, "holds no statement"},
		"a later end":              {envelope(t, edit("2026-03-05", "2027-03-05")), attest.ErrSignature, "checking a signature"},
		"another role":             {envelope(t, edit(`"role":"`, `"role":"x`)), attest.ErrSignature, "checking a signature"},
		"another key's name":       {envelope(t, func(e *attest.Envelope) { e.Signatures[0].KeyID = w.signers["Axel"].Key().ID() }), attest.ErrSignature, "checking a signature"},
		"no signature":             {envelope(t, func(e *attest.Envelope) { e.Signatures = []dsse.Signature{} }), nil, "nobody signed for"},
		"a signature left out":     {func(i int, e ledger.Entry) []byte { return map[bool][]byte{false: e.Body}[i == len(w.log.Entries())-1] }, nil, "nobody signed for"},
		"a waiver for an approval": {replace("database_administrator", waiver), attest.ErrSignature, "an approval cannot be read"},
		"another stage's":          {replace("database_administrator", staging), nil, "nobody signed for database_administrator"},
		"another rollout's":        {replace("database_administrator", foreign), nil, "nobody signed for database_administrator"},
		"one that shows others":    {replace("database_administrator", doctored), nil, "it shows other facts than the evidence"},
		"a machine's":              {replace("database_administrator", machine), nil, "nobody signed for database_administrator"},
		"a fact that turns": {func(_ int, e ledger.Entry) []byte {
			return []byte(strings.Replace(string(e.Body), `"name":"drift","stage":"production","outcome":"pass"`, `"name":"drift","stage":"production","outcome":"fail"`, 1))
		}, nil, "the evidence is not what was signed"},
		"a fact left out": {func(_ int, e ledger.Entry) []byte {
			return map[bool][]byte{false: e.Body}[strings.Contains(string(e.Body), `"name":"drift"`)]
		}, nil, "the evidence is not what was signed"},
		"fewer roles":    {created(func(r *Rollout) { r.Roles = r.Roles[:1] }), nil, "the rollout is not what was signed"},
		"another author": {created(func(r *Rollout) { r.Author = "nobody" }), nil, "the rollout is not what was signed"},
		"another target": {created(func(r *Rollout) {
			r.Stages = []Stage{r.Stages[0], {Name: "production", SystemIdentifier: "9", Database: "app"}}
		}), nil, "is not what was signed"},
		"another plan that is in it": {created(func(r *Rollout) { r.Plan = r.Rollback }), nil, "the plan is not what was signed"},
		"another plan that is not":   {created(func(r *Rollout) { r.Plan = attest.DigestOf([]byte("x")) }), ledger.ErrEvidence, "missing or was changed"},
		"other approvers":            {created(func(r *Rollout) { r.Approvers = r.Plan }), attest.ErrSignature, "of the approvers"},
		"another root":               {created(func(r *Rollout) { r.Root = other.rollout.Root }), attest.ErrSignature, "another root than the one that is trusted"},
	} {
		b, err := OpenBundle(ctx, w.forge(t, c.change), &root)
		var d *Decision
		if err == nil {
			stage, _ := b.State.Rollout.Stage("production")
			d, err = b.DecideAsOf(stage, noon.Add(time.Second))
		}
		var said string
		if err != nil {
			said = err.Error()
		} else {
			said = d.Document(&b.State.Rollout).Answer + ": " + strings.Join(d.Missing(), "; ")
		}
		if !errors.Is(err, c.err) || !strings.Contains(said, c.says) {
			t.Errorf("%s: %s, want %v, %q", name, said, c.err, c.says)
		}
	}
	twice := begunTwice(t, w)
	if _, err := OpenBundle(ctx, twice, &root); !errors.Is(err, ledger.ErrChain) || !strings.Contains(err.Error(), "two beginnings") {
		t.Errorf("two beginnings: %v", err)
	}
}

// begunTwice is a log that begins a second time, with fewer roles.
func begunTwice(t *testing.T, w *world) ledger.Directory {
	t.Helper()
	d := w.forge(t, func(_ int, e ledger.Entry) []byte { return e.Body })
	l, err := ledger.Open(context.Background(), d)
	if err != nil {
		t.Fatal(err)
	}
	r := w.rollout
	r.Roles = r.Roles[:1]
	if err := l.Append(context.Background(), noon, ledger.KindCreated, "", r); err != nil {
		t.Fatal(err)
	}
	return d
}
