// Package attest makes and checks signed statements: who says what about exactly which bytes. A statement is an in-toto statement in a
// DSSE envelope; its signatures are SSH signatures, since SSH keys are what people have already, hardware keys included. Whatever it
// makes, ssh-keygen -Y verify checks, and what ssh-keygen -Y sign makes, it takes.
//
// Nothing here decides what a statement is good for: package rollout does.
package attest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/ringfencehq/ringfence/internal/bounded"
)

// The names that the formats prescribe, and the namespace that keeps a signature from being taken for one of another use.
const (
	StatementType = "https://in-toto.io/Statement/v1"
	PayloadType   = "application/vnd.in-toto+json"
	Namespace     = "ringfence"
)

// payloadLimit bounds a statement, and signaturesLimit how many signatures an envelope may hold: both come from outside.
const (
	payloadLimit    = 1 << 20
	signaturesLimit = 64
)

// A Digest is the SHA-256 of some bytes, in hexadecimal.
type Digest string

// DigestOf returns the digest of b.
func DigestOf(b []byte) Digest {
	sum := sha256.Sum256(b)
	return Digest(hex.EncodeToString(sum[:]))
}

// A Subject is one thing that a statement is about, by name and content.
type Subject struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"`
}

// SubjectOf names bytes by their digest.
func SubjectOf(name string, d Digest) Subject {
	return Subject{Name: name, Digest: map[string]string{"sha256": string(d)}}
}

// A Statement says something, its predicate, about its subjects.
type Statement struct {
	Type          string          `json:"_type"`
	Subject       []Subject       `json:"subject"`
	PredicateType string          `json:"predicateType"`
	Predicate     json.RawMessage `json:"predicate"`
}

// Covers reports whether the statement is about exactly these subjects, in any order.
func (s *Statement) Covers(want []Subject) bool {
	if len(s.Subject) != len(want) {
		return false
	}
	order := func(all []Subject) []Subject {
		return slices.SortedFunc(slices.Values(all), func(a, b Subject) int { return strings.Compare(a.Name, b.Name) })
	}
	return slices.EqualFunc(order(s.Subject), order(want), func(x, w Subject) bool {
		return x.Name == w.Name && len(x.Digest) == 1 && x.Digest["sha256"] == w.Digest["sha256"] && w.Digest["sha256"] != ""
	})
}

// An Envelope holds a statement's bytes and the signatures over them.
type Envelope = dsse.Envelope

// Seal writes a statement into an envelope without signatures. The bytes that are signed are the envelope's, for good: they are never
// written anew from the statement.
func Seal(subjects []Subject, predicateType string, predicate any) (*Envelope, error) {
	raw, err := json.Marshal(predicate)
	if err != nil {
		return nil, fmt.Errorf("writing a statement: %w", err)
	}
	body, err := json.Marshal(Statement{StatementType, subjects, predicateType, raw})
	if err != nil {
		return nil, fmt.Errorf("writing a statement: %w", err)
	}
	return &Envelope{PayloadType: PayloadType, Payload: base64.StdEncoding.EncodeToString(body), Signatures: []dsse.Signature{}}, nil
}

// Message returns the bytes that a signature is over: DSSE's pre-authentication encoding of the payload.
func Message(e *Envelope) ([]byte, error) {
	body, err := payload(e)
	if err != nil {
		return nil, err
	}
	return dsse.PAE(e.PayloadType, body), nil
}

var errPayload = fmt.Errorf("%w: the envelope holds no statement", ErrSignature)

func payload(e *Envelope) ([]byte, error) {
	if e.PayloadType != PayloadType || len(e.Payload) > payloadLimit*4/3+4 {
		return nil, errPayload
	}
	body, err := e.DecodeB64Payload()
	if err != nil {
		return nil, errPayload
	}
	return body, nil
}

// Read returns the statement in an envelope. It says nothing about signatures.
func Read(e *Envelope) (*Statement, error) {
	body, err := payload(e)
	if err != nil {
		return nil, err
	}
	if err := bounded.OneEach(body, true); err != nil {
		return nil, fmt.Errorf("%w: %v", errPayload, err)
	}
	var s Statement
	if err := json.Unmarshal(body, &s); err != nil || s.Type != StatementType || s.PredicateType == "" || len(s.Subject) == 0 {
		return nil, errPayload
	}
	return &s, nil
}
