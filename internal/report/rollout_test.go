package report

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/rollout"
)

// A decision says what to do next: what is missing and by which command, or that it may go, or that it is out already.
func TestDecisionNext(t *testing.T) {
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	fact := func(name, stands string) rollout.FactDocument {
		return rollout.FactDocument{Fact: rollout.Fact{Name: name}, Stands: stands}
	}
	gate := func(name string, o rollout.Outcome, facts ...rollout.FactDocument) rollout.GateDocument {
		return rollout.GateDocument{Gate: name, Outcome: o, Facts: facts}
	}
	for name, c := range map[string]struct {
		doc  rollout.Document
		want []string
	}{
		"green": {rollout.Document{Answer: "GREEN", Window: rollout.WindowDocument{Open: true}}, []string{"ringfence rollout advance --stage production"}},
		"green, and shut": {rollout.Document{Answer: "GREEN", Window: rollout.WindowDocument{Next: at}},
			[]string{"ringfence rollout advance --stage production, from 2026-03-02 12:00 UTC on"}},
		"out": {rollout.Document{Answer: "RED", Applied: at, Gates: []rollout.GateDocument{gate("sign_offs", rollout.Fail)}},
			[]string{"nothing: it is applied already; ringfence rollout status tells how it stands"}},
		"red": {rollout.Document{Answer: "RED", Gates: []rollout.GateDocument{gate("no_drift", rollout.Pass, fact("drift", "pass")), gate("capacity", rollout.Fail, fact("disk", "fail"), fact("replicas", "stale")),
			gate("on_call", rollout.Unknown, fact("on_call_answer", "missing")), gate("sign_offs", rollout.Fail)}},
			[]string{"ringfence rollout rehearse --stage production, which finds out again what is measured",
				"ringfence rollout attest --stage production --fact on_call_answer --text \"…\" --key KEY, by whoever saw it",
				"ringfence rollout sign --stage production --role ROLE --key KEY, by each person who is asked for"}},
	} {
		c.doc.Stage = "production"
		if diff := cmp.Diff(c.want, next(&c.doc)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for text, s := range map[string]rollout.Summary{"of 3 conditions 1 does not hold and 2 are not known": {Fail: 1, Unknown: 2}, "of 3 conditions 2 do not hold and 1 is not known": {Fail: 2, Unknown: 1}} {
		if got := answer(&rollout.Document{Answer: "RED", Summary: s}); !strings.Contains(got, text) {
			t.Error(got)
		}
	}
}
