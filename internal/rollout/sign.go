package rollout

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ringfencehq/ringfence/internal/attest"
)

// The predicate types of what is signed.
const (
	ApprovalType = "https://ringfence.dev/approval/v1"
	WaiverType   = "https://ringfence.dev/waiver/v1"
	WordType     = "https://ringfence.dev/attestation/v1"
)

// An Approval is what a signer agrees to: the stage may go on, on the plan and evidence that the statement names, until a time. Items
// are the facts that were shown.
type Approval struct {
	Rollout string    `json:"rollout"`
	Stage   string    `json:"stage"`
	Role    string    `json:"role"`
	Decided string    `json:"decision"` // approve
	Items   []Fact    `json:"items"`
	Says    []string  `json:"says"` // what the signer says by signing, since nothing measures it
	Expires time.Time `json:"expires"`
}

// A Waiver lets one fact pass for one stage until a time, for a reason that a person signs.
type Waiver struct {
	Rollout string    `json:"rollout"`
	Stage   string    `json:"stage"`
	Fact    string    `json:"fact"`
	Reason  string    `json:"reason"`
	Expires time.Time `json:"expires"`
}

// A Word is a fact that only a person can say.
type Word struct {
	Rollout string    `json:"rollout"`
	Stage   string    `json:"stage"`
	Fact    string    `json:"fact"`
	Holds   bool      `json:"holds"`
	Text    string    `json:"text"`
	Expires time.Time `json:"expires"`
}

// signatureHolds is how long an approval counts.
const signatureHolds = 72 * time.Hour

// Approve makes the statement that a signer for the role signs, over what is known at the time.
func (s *State) Approve(stage *Stage, role string, at time.Time) (*attest.Envelope, error) {
	if !slices.Contains(s.Rollout.Roles, role) {
		return nil, fmt.Errorf("signing for %s: the rollout asks for %s", role, strings.Join(s.Rollout.Roles, ", "))
	}
	facts := s.evidence(stage)
	return attest.Seal(s.Rollout.Subjects(stage, evidenceRoot(facts)), ApprovalType,
		Approval{s.Rollout.ID, stage.Group(), role, "approve", facts, said(role), at.Add(signatureHolds).UTC()})
}

// A Signature is one approval that counts, or one that does not, and why.
type Signature struct {
	Person  string    `json:"person"`
	Role    string    `json:"role"`
	Expires time.Time `json:"expires"`
	Void    string    `json:"void"` // empty: it counts
}

// Signatures returns every approval of a stage with what makes it void: the plan, its way back, the target or the evidence is not
// what was signed, or not what the signer was shown; it expired; the signer lacks the role, or made the change.
func (s *State) Signatures(stage *Stage, people *attest.Approvers, at time.Time) ([]Signature, error) {
	var out []Signature
	evidence := evidenceRoot(s.evidence(stage))
	want := s.Rollout.Subjects(stage, evidence)
	for i := range s.Approvals {
		e := &s.Approvals[i]
		statement, err := attest.Read(e)
		if err != nil {
			return nil, fmt.Errorf("%w: an approval: %v", attest.ErrSignature, err)
		}
		var a Approval
		if err := json.Unmarshal(statement.Predicate, &a); err != nil || statement.PredicateType != ApprovalType {
			return nil, fmt.Errorf("%w: an approval cannot be read", attest.ErrSignature)
		}
		if a.Stage != stage.Group() || a.Rollout != s.Rollout.ID {
			continue
		}
		signers, err := people.Signers(e)
		if err != nil {
			return nil, err
		}
		for _, p := range signers {
			sig := Signature{Person: p.Name, Role: a.Role, Expires: a.Expires}
			if sig.Void = s.void(statement, &a, p, want, at); sig.Void == "" && evidenceRoot(a.Items) != evidence {
				sig.Void = "it shows other facts than the evidence"
			}
			out = append(out, sig)
		}
	}
	return out, nil
}

func (s *State) void(statement *attest.Statement, a *Approval, p *attest.Person, want []attest.Subject, at time.Time) string {
	switch {
	case a.Decided != "approve":
		return "it does not approve"
	case !slices.Contains(p.Roles, a.Role):
		return p.Name + " does not have the role"
	case s.Rollout.made(p):
		return p.Name + " made the change, and cannot approve it"
	case !at.Before(a.Expires):
		return voidExpired
	}
	for _, w := range want {
		if !slices.ContainsFunc(statement.Subject, func(x attest.Subject) bool { return x.Name == w.Name && x.Digest["sha256"] == w.Digest["sha256"] }) {
			return "the " + w.Name + " is not what was signed"
		}
	}
	if !statement.Covers(want) {
		return "it was signed over something else"
	}
	return ""
}

// voidExpired is why a signature does not count that did.
const voidExpired = "it expired"

// lapsed reports whether the roles are not all signed for only since signatures expired.
func lapsed(roles []string, signatures []Signature) bool {
	then := slices.Clone(signatures)
	for i := range then {
		if then[i].Void == voidExpired {
			then[i].Void = ""
		}
	}
	return len(Missing(roles, signatures)) > 0 && len(Missing(roles, then)) == 0
}

// made reports whether the person is the plan's author, or changed it last.
func (r *Rollout) made(p *attest.Person) bool {
	return slices.ContainsFunc(append([]string{r.Author}, r.Editors...), func(who string) bool {
		return strings.EqualFold(who, p.Name) || slices.ContainsFunc(p.Emails, func(e string) bool { return strings.EqualFold(who, e) })
	})
}

// Missing returns the roles that nobody signed for with a signature that counts, each person counting for one role only.
func Missing(roles []string, signatures []Signature) []string {
	by := map[string][]string{} // role → persons
	for _, sig := range signatures {
		if sig.Void == "" {
			by[sig.Role] = append(by[sig.Role], sig.Person)
		}
	}
	given := match(roles, by)
	var missing []string
	for _, role := range roles {
		if given[role] == "" {
			missing = append(missing, role)
		}
	}
	return missing
}

// match gives each role a person of its own, as many as can be had (augmenting paths).
func match(roles []string, by map[string][]string) map[string]string {
	role, person := map[string]string{}, map[string]string{} // person → role, role → person
	var try func(r string, seen map[string]bool) bool
	try = func(r string, seen map[string]bool) bool {
		for _, p := range by[r] {
			if seen[p] {
				continue
			}
			seen[p] = true
			if other, taken := role[p]; !taken || try(other, seen) {
				role[p], person[r] = r, p
				return true
			}
		}
		return false
	}
	for _, r := range roles {
		try(r, map[string]bool{})
	}
	return person
}

// ErrNotAPerson says that a signature is a machine's, or nobody's, where a person's is asked for.
var ErrNotAPerson = errors.New("only people approve")

// MaySign looks whether a signed approval counts, and says whose it is.
func (s *State) MaySign(people *attest.Approvers, stage *Stage, role string, e *attest.Envelope, at time.Time) (string, error) {
	trial := *s
	trial.Approvals = []attest.Envelope{*e}
	signatures, err := trial.Signatures(stage, people, at)
	if err != nil {
		return "", err
	}
	if len(signatures) == 0 {
		return "", fmt.Errorf("%w: the key is no person's of approvers.yaml, or it was signed for something else", ErrNotAPerson)
	}
	if sig := signatures[0]; sig.Void != "" || sig.Role != role {
		return "", fmt.Errorf("signing for %s: %s", role, cmp.Or(sig.Void, "it was signed for "+sig.Role))
	}
	return signatures[0].Person, nil
}

// Sign has a person sign an approval, once it is seen that their signature would count.
func (s *State) Sign(ctx context.Context, people *attest.Approvers, stage *Stage, role string, signer attest.Signer, at time.Time) (*attest.Envelope, error) {
	p := people.Person(signer.Key())
	if p == nil {
		return nil, fmt.Errorf("%w: %s is no key of a person in approvers.yaml", ErrNotAPerson, signer.Key().ID())
	}
	if !slices.Contains(p.Roles, role) {
		return nil, fmt.Errorf("signing for %s: %s has the roles %s", role, p.Name, strings.Join(p.Roles, ", "))
	}
	if s.Rollout.made(p) {
		return nil, fmt.Errorf("signing for %s: %s made the change, and cannot approve it", role, p.Name)
	}
	e, err := s.Approve(stage, role, at)
	if err != nil {
		return nil, err
	}
	return e, attest.Sign(ctx, e, signer)
}
