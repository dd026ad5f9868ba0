package attest

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/hiddeco/sshsig"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/ringfencehq/ringfence/internal/bounded"
	"github.com/ringfencehq/ringfence/internal/visible"
)

// Approvers are the people who may sign and the machines that may attest, from approvers.yaml. The file is signed itself, by a root
// key that is kept away from where plans are run, and a rollout pins its digest.
type Approvers struct {
	People   []Person  `yaml:"people"`
	Machines []Machine `yaml:"machines,omitempty"`

	// Digest is of the file's bytes.
	Digest Digest `yaml:"-"`
}

// A Person may hold several roles and keys, and counts once.
type Person struct {
	Name   string   `yaml:"name"`
	Emails []string `yaml:"emails,omitempty"` // as authors of changes are named
	Roles  []string `yaml:"roles"`            // technical_lead, database_administrator, security, product_owner, or others
	Keys   []string `yaml:"keys"`             // lines as in authorized_keys

	parsed []Key
}

// A Machine signs evidence, never an approval.
type Machine struct {
	Name string   `yaml:"name"`
	Keys []string `yaml:"keys"`

	parsed []Key
}

const approversLimit = 1 << 20

// ParseApprovers reads approvers.yaml strictly: unknown fields, a key, name or address that two of them have, a machine without name, and
// a person without name, role or key are errors.
func ParseApprovers(text []byte) (*Approvers, error) {
	if len(text) > approversLimit {
		return nil, errors.New("reading the approvers: the file is larger than 1 MB")
	}
	a := &Approvers{Digest: DigestOf(text)}
	if err := bounded.DecodeYAML(text, a); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the approvers: %w", err)
	}
	seen, names := map[string]string{}, map[string]string{}
	for i := range a.People {
		p := &a.People[i]
		if p.Name == "" || len(p.Roles) == 0 {
			return nil, fmt.Errorf("reading the approvers: person %d has no name, or no role", i+1)
		}
		err := takeNames(names, p.Name, p.Emails)
		if err != nil {
			return nil, err
		}
		if p.parsed, err = parseKeys(p.Name, p.Keys, seen); err != nil {
			return nil, err
		}
	}
	for i := range a.Machines {
		m := &a.Machines[i]
		if m.Name == "" {
			return nil, fmt.Errorf("reading the approvers: machine %d has no name", i+1)
		}
		err := takeNames(names, m.Name, nil)
		if err != nil {
			return nil, err
		}
		if m.parsed, err = parseKeys(m.Name, m.Keys, seen); err != nil {
			return nil, err
		}
	}
	if len(a.People) == 0 {
		return nil, errors.New("reading the approvers: nobody is named")
	}
	return a, nil
}

// takeNames puts somebody's name and addresses among those that are taken: one person, written twice, would sign for two roles.
func takeNames(taken map[string]string, who string, emails []string) error {
	all := append([]string{who}, emails...)
	for _, name := range all {
		if visible.Line(name) != name {
			return fmt.Errorf("reading the approvers: the name or address %q holds what cannot be seen", name)
		}
		if other, twice := taken[alike(name)]; twice {
			return fmt.Errorf("reading the approvers: %s and %s share the name or address %q: one person is written once, with all keys and roles", other, who, name)
		}
	}
	for _, name := range all {
		taken[alike(name)] = who
	}
	return nil
}

// alike is a name as people take it for the same: whatever its case, form of letters or white space.
func alike(name string) string {
	return strings.Join(strings.Fields(cases.Fold().String(norm.NFKC.String(name))), " ")
}

func parseKeys(who string, lines []string, seen map[string]string) ([]Key, error) {
	if len(lines) == 0 {
		return nil, fmt.Errorf("reading the approvers: %s has no key", who)
	}
	var out []Key
	for _, line := range lines {
		k, err := ParseKey(line)
		if err != nil {
			return nil, fmt.Errorf("reading the approvers: a key of %s: %w", who, err)
		}
		if other, taken := seen[k.ID()]; taken {
			return nil, fmt.Errorf("reading the approvers: %s and %s have the same key", other, who)
		}
		seen[k.ID()] = who
		out = append(out, k)
	}
	return out, nil
}

// CheckRoot holds the approvers' file to the root key: armored is what ssh-keygen -Y sign -n ringfence wrote beside it.
func CheckRoot(text, armored []byte, root Key) error {
	s, err := sshsig.Unarmor(armored)
	if err != nil {
		return fmt.Errorf("%w: of the approvers: %v", ErrSignature, err)
	}
	if err := root.Verify(text, s.Marshal()); err != nil {
		return fmt.Errorf("%w: of the approvers: %v", ErrSignature, err)
	}
	return nil
}

// Signers returns the people whose signature the envelope holds, by name and once each, however many keys they used.
func (a *Approvers) Signers(e *Envelope) ([]*Person, error) {
	var out []*Person
	for i := range a.People {
		signed, err := Verify(e, a.People[i].parsed)
		if err != nil {
			return nil, err
		}
		if len(signed) > 0 {
			out = append(out, &a.People[i])
		}
	}
	return out, nil
}

// Witnesses returns the machines whose signature the envelope holds.
func (a *Approvers) Witnesses(e *Envelope) ([]*Machine, error) {
	var out []*Machine
	for i := range a.Machines {
		signed, err := Verify(e, a.Machines[i].parsed)
		if err != nil {
			return nil, err
		}
		if len(signed) > 0 {
			out = append(out, &a.Machines[i])
		}
	}
	return out, nil
}

// Person returns who has the key, or nil.
func (a *Approvers) Person(k Key) *Person {
	i := slices.IndexFunc(a.People, func(p Person) bool {
		return slices.ContainsFunc(p.parsed, func(have Key) bool { return have.ID() == k.ID() })
	})
	if i < 0 {
		return nil
	}
	return &a.People[i]
}
