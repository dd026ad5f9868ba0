package rollout

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/ringfencehq/ringfence/internal/attest"
)

// An Outcome is what a fact says. The zero value is unknown, which is never good news.
type Outcome int

// The outcomes.
const (
	Unknown Outcome = iota
	Fail
	Pass
)

var outcomeNames = []string{"unknown", "fail", "pass"}

// String gives the outcome's word.
func (o Outcome) String() string {
	if o < Unknown || o > Pass {
		return outcomeNames[Unknown]
	}
	return outcomeNames[o]
}

// MarshalText writes the word.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads the word.
func (o *Outcome) UnmarshalText(text []byte) error {
	i := slices.Index(outcomeNames, string(text))
	if i < 0 {
		return fmt.Errorf("%q is no outcome", text)
	}
	*o = Outcome(i)
	return nil
}

// A Fact is one thing that was found out about one stage, how, when, and until when it counts. The zero Fact is unknown.
type Fact struct {
	Name     string        `json:"name"`
	Stage    string        `json:"stage"`
	Outcome  Outcome       `json:"outcome"`
	Value    string        `json:"value"` // as measured, with its unit
	Why      string        `json:"why"`   // in a sentence, for a person
	At       time.Time     `json:"at"`
	Until    time.Time     `json:"until"`              // after that it is stale
	Attested string        `json:"attested,omitempty"` // the person whose word it is; empty: it was measured
	Evidence attest.Digest `json:"evidence,omitempty"` // of the raw material, kept beside the log
	Seconds  float64       `json:"seconds,omitempty"`  // how long the thing itself took, where that is of use
}

// A Collector finds out one fact. How is for people: by what it finds out, in a line.
type Collector struct {
	Name     string
	How      string
	Holds    time.Duration // how long a fact counts
	Attested bool          // a person's signed word, never measured
	// Collect finds it out. It returns an unknown finding where it cannot, and never fails otherwise.
	Collect func(ctx context.Context, t *Target) Finding
}

// fact makes a fact of the collector.
func (c *Collector) fact(stage string, at time.Time, o Outcome, value, why string) Fact {
	return Fact{Name: c.Name, Stage: stage, Outcome: o, Value: value, Why: why, At: at.UTC(), Until: at.Add(c.Holds).UTC()}
}

// NewFact makes a fact as the collector gives it: it counts for as long as the collector says.
func (c *Collector) NewFact(stage string, at time.Time, o Outcome, value, why string) Fact {
	return c.fact(stage, at, o, value, why)
}

// root is the digest over facts, in an order of their own: what signatures cover of the evidence.
func evidenceRoot(facts []Fact) attest.Digest {
	sorted := slices.SortedFunc(slices.Values(facts), func(a, b Fact) int { return cmp.Or(cmp.Compare(a.Stage, b.Stage), cmp.Compare(a.Name, b.Name)) })
	raw, err := json.Marshal(sorted)
	if err != nil { // times and strings always can be written
		panic(err)
	}
	return attest.DigestOf(raw)
}
