package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Allowed says what a plan that is checked may hold.
type Allowed struct {
	Dangers []string // names
	// Any lets every danger through: for a plan whose dangers were allowed when it was made, and that is only read.
	Any anyDanger
}

// anyDanger is a bool with a name, so that no call says just "true".
type anyDanger bool

// AnyDanger lets every danger through.
const AnyDanger anyDanger = true

// Check reports everything in which a plan breaks the rules that every plan keeps: each step of a known kind, in a wave of its
// kind, in order; ids that fit the content and are unique; groups in one piece, of one table, and only where isolation begins;
// what cannot run in a transaction alone; foreign keys validated and rows filled before anything is enforced, FORCE last;
// nothing dangerous that is not allowed by name; and the fingerprint the one of its steps.
func Check(p *Plan, allowed Allowed) error {
	if p.Schema != SchemaVersion {
		return fmt.Errorf("checking the plan: its schema is %.40q, not %q", p.Schema, SchemaVersion)
	}
	c := checker{allowed: allowed, ids: map[string]bool{}, groups: map[string]string{}, enforced: map[string]string{}}
	for i := range p.Steps {
		if err := c.step(&p.Steps[i]); err != nil {
			c.errs = append(c.errs, fmt.Errorf("checking step %d of %d, %.80q: %w", i+1, len(p.Steps), p.Steps[i].ID, err))
		}
	}
	if got := fingerprint(p.Steps); got != p.Fingerprint {
		c.errs = append(c.errs, errors.New("checking the plan: its fingerprint is not that of its steps"))
	}
	return errors.Join(c.errs...)
}

// A checker goes through the steps in order.
type checker struct {
	allowed  Allowed
	errs     []error
	ids      map[string]bool
	groups   map[string]string // group → its table
	last     string            // the transaction of the step before
	wave     int
	rank     int
	enforced map[string]string // table → the kind that enforces it
}

func (c *checker) step(s *Step) error {
	k := KindByName(s.Kind)
	if k == nil {
		return fmt.Errorf("%.40q is no kind of step", s.Kind)
	}
	errs := []error{c.identity(s), c.content(k, s), c.order(k, s), c.transaction(k, s), c.danger(k, s)}
	c.last = s.Transaction
	return errors.Join(errs...)
}

func (c *checker) identity(s *Step) error {
	if s.ID != s.hash() {
		return errors.New("its id does not fit its content")
	}
	if c.ids[s.ID] {
		return errors.New("it occurs twice")
	}
	c.ids[s.ID] = true
	return nil
}

func (c *checker) content(k *Kind, s *Step) error {
	switch {
	case len(s.Do) == 0 || slices.Contains(s.Do, ""):
		return errors.New("it does nothing")
	case s.Done == "":
		return errors.New("nothing says whether it is done")
	case len(s.Undo) == 0 && s.NoUndo == "":
		return errors.New("it cannot be taken back and does not say why")
	case s.Object == "":
		return errors.New("it does not say what it changes")
	case s.Lock != k.Lock || s.UndoLock != k.UndoLock:
		return errors.New("its lock is not its kind's")
	case s.Batch != k.Batch:
		return errors.New("its batch is not its kind's")
	}
	return nil
}

func (c *checker) order(k *Kind, s *Step) error {
	if s.Wave < k.Wave || s.Wave > max(k.Wave, k.Latest) {
		return fmt.Errorf("wave %d is none of its kind's", s.Wave)
	}
	if s.Wave < c.wave {
		return fmt.Errorf("wave %d comes after wave %d", s.Wave, c.wave)
	}
	rank := kindRank(k)
	if s.Wave == c.wave && s.Wave != policyWave && rank < c.rank {
		return errors.New("it stands after a kind that has to come later")
	}
	c.wave, c.rank = s.Wave, rank
	if s.Kind == enableRLS.Name || s.Kind == forceRLS.Name {
		c.enforced[s.Table] = s.Kind
	} else if by := c.enforced[s.Table]; by != "" && s.Table != "" {
		return fmt.Errorf("it comes after %s of the same table", by)
	}
	return nil
}

func (c *checker) transaction(k *Kind, s *Step) error {
	group := strings.HasPrefix(s.Transaction, "group ")
	switch {
	case k.Alone != (s.Transaction == "none"):
		return errors.New("only what cannot run in a transaction stands outside of one")
	case group != (s.Wave == policyWave):
		return errors.New("policies and ENABLE of a table share a transaction, and nothing else does")
	case !group && s.Transaction != "own" && s.Transaction != "none":
		return fmt.Errorf("%.40q is no way to use transactions", s.Transaction)
	case !group:
		return nil
	}
	table, known := c.groups[s.Transaction]
	if known && table != s.Table {
		return errors.New("a group is of one table")
	}
	if known && c.last != s.Transaction {
		return errors.New("its group is torn apart")
	}
	c.groups[s.Transaction] = s.Table
	return nil
}

func (c *checker) danger(k *Kind, s *Step) error {
	if !slices.Equal(s.Danger, k.Danger) && len(s.Danger)+len(k.Danger) > 0 {
		return errors.New("its dangers are not its kind's")
	}
	for _, d := range s.Danger {
		if c.allowed.Any != AnyDanger && !slices.Contains(c.allowed.Dangers, d) {
			return fmt.Errorf("%s is not allowed by name", d)
		}
	}
	return nil
}
