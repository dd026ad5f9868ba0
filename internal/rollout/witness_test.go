package rollout

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/ringfencehq/ringfence/internal/attest"
	"github.com/ringfencehq/ringfence/internal/rollout/ledger"
)

// A machine's signature holds the log as it was: who writes it anew has to have the machine's key. A person's key signs no evidence, and a
// machine's no approval.
func TestWitness(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	w.passAll(t, "staging", noon)
	if _, err := w.state(t).Witness(ctx, w.log, w.people, w.signers["Olga"], noon); !errors.Is(err, ErrNotAMachine) {
		t.Errorf("a person signs evidence: %v", err)
	}
	seen, err := w.state(t).Witness(ctx, w.log, w.people, w.signers["ci"], noon)
	if err != nil || seen.Entries != len(w.log.Entries())-1 || seen.By[0] != "ci" {
		t.Fatalf("%+v, %v", seen, err)
	}
	w.signAll(t, "staging", noon)
	whole := w.log.Entries()
	if got, err := witnesses(whole, w.state(t), w.people); err != nil || len(got) != 1 {
		t.Fatalf("%v, %v", got, err)
	}
	// The log is written anew, with all its hashes, and another fact in it.
	rewritten := []ledger.Entry{}
	for i, e := range whole {
		body := e.Body
		if i == 2 {
			body = []byte(strings.Replace(string(e.Body), `"pass"`, `"fail"`, 1))
		}
		again, err := ledger.Next(rewritten, e.At, e.Kind, e.Stage, body)
		if err != nil {
			t.Fatal(err)
		}
		rewritten = append(rewritten, again)
	}
	if err := ledger.Chain(rewritten); err != nil {
		t.Fatalf("the chain of a log written anew: %v", err)
	}
	if _, err := witnesses(rewritten, w.state(t), w.people); !errors.Is(err, ledger.ErrChain) || !strings.Contains(err.Error(), "ci signed another log") {
		t.Errorf("a log that was written anew: %v", err)
	}
	for name, c := range map[string]struct {
		body any
		want error
	}{
		"an approval": {func() any { e, _ := w.state(t).Approve(&w.rollout.Stages[0], "security", noon); return e }(), attest.ErrSignature},
		"unsigned": {func() any {
			e, _ := attest.Seal(w.state(t).witnessSubjects(whole[3].Hash), WitnessType, Witness{Rollout: "r1", Entries: 4, Head: whole[3].Hash})
			return e
		}(), attest.ErrSignature},
		"of nothing": {map[string]string{}, attest.ErrSignature},
	} {
		e, err := ledger.Next(whole, noon, ledger.KindWitness, "", c.body)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := witnesses(append(whole[:len(whole):len(whole)], e), w.state(t), w.people); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}

	b := &Bundle{Log: w.log}
	if since, err := b.Holds(whole[4].Hash); err != nil || since != len(whole)-5 {
		t.Errorf("a head that was seen: %d, %v", since, err)
	}
	cut := ledger.Directory(t.TempDir())
	for _, e := range whole[:len(whole)-1] {
		if err := cut.Append(ctx, e); err != nil {
			t.Fatal(err)
		}
	}
	short, err := ledger.Open(ctx, cut)
	if err != nil {
		t.Fatalf("a log that was cut off is a chain: %v", err)
	}
	if _, err := (&Bundle{Log: short}).Holds(whole[len(whole)-1].Hash); !errors.Is(err, ledger.ErrChain) {
		t.Errorf("a log that was cut off: %v", err)
	}
}
