package impact

import (
	"fmt"
	"strings"
	"time"

	"github.com/ringfencehq/ringfence/internal/english"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// The names by which losses are allowed on the command line; "NAME schema.table" allows one table's.
const (
	AllowUnexpected = "unexpected_loss"
	AllowUnknown    = "unknown_loss"
)

// AcceptanceID is the id of an acceptance in ringfence.yaml that takes a table's losses.
const AcceptanceID = "loss"

// accept notes the acceptance of ringfence.yaml that covers the table's losses.
func (t *Table) accept(all []tenancy.Acceptance, now time.Time) {
	if t.Unknown == "" && t.unexpectedRows() == 0 {
		return
	}
	for i := range all {
		if a := &all[i]; a.Covers(AcceptanceID, t.Table, "", "") && a.Counts(now) {
			t.Accepted = &Accepted{Reason: a.Reason, By: a.By, Until: a.Until}
			return
		}
	}
}

// Allow marks the losses that were allowed by name as accepted. Names that are none of this package's are left alone.
func (d *Document) Allow(names []string) {
	for i := range d.Impact {
		t := &d.Impact[i]
		name := AllowUnexpected
		if t.Unknown != "" {
			name = AllowUnknown
		} else if t.unexpectedRows() == 0 {
			continue
		}
		if t.Accepted == nil && (contains(names, name) || contains(names, name+" "+t.Table)) {
			t.Accepted = &Accepted{Reason: "allowed by name: " + name, By: "the command line"}
		}
	}
	d.Summary = summarize(d.Impact)
}

// IsAllowance reports whether a name given to --allow is one of this package's.
func IsAllowance(name string) bool {
	name, _, _ = strings.Cut(name, " ")
	return name == AllowUnexpected || name == AllowUnknown
}

// A LossError refuses a plan that takes what nobody wants to lose, or of which it is not known. Its text names tables, causes and
// numbers, never a row.
type LossError struct {
	Tables  []Table // with an unexpected loss
	Unknown []Table
}

func (e *LossError) Error() string {
	var b strings.Builder
	if len(e.Tables) > 0 {
		fmt.Fprintf(&b, "%s would lose rows that nobody wants to lose:", english.Count(len(e.Tables), "table"))
	}
	for _, t := range e.Tables {
		for _, l := range t.Losses {
			if l.Unexpected {
				fmt.Fprintf(&b, "\n  %s: %s, %s: %s", t.Table, english.Count(l.Rows, "row"), l.Cause.words(), l.Fix)
			}
		}
	}
	if len(e.Unknown) > 0 {
		if b.Len() > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "of %s it is not known who loses what:", english.Count(len(e.Unknown), "table"))
	}
	for _, t := range e.Unknown {
		fmt.Fprintf(&b, "\n  %s: %s", t.Table, t.Unknown)
	}
	return b.String()
}

// Hint says how to go on.
func (e *LossError) Hint() string {
	table, name := "", AllowUnexpected
	switch {
	case len(e.Tables) > 0:
		table = e.Tables[0].Table
	default:
		table, name = e.Unknown[0].Table, AllowUnknown
	}
	return fmt.Sprintf("correct the data and apply again; or take the loss in ringfence.yaml (accept: id: %s, object: %s, reason, by, until); or, once, --allow %s or --allow '%s %s'",
		AcceptanceID, table, name, name, table)
}

// Gate refuses, by a *LossError, what is neither expected nor accepted; nil: it may be applied.
func (d *Document) Gate() error {
	e := &LossError{}
	for _, t := range d.Impact {
		switch {
		case t.Accepted != nil:
		case t.Unknown != "":
			e.Unknown = append(e.Unknown, t)
		case t.unexpectedRows() > 0:
			e.Tables = append(e.Tables, t)
		}
	}
	if len(e.Tables)+len(e.Unknown) == 0 {
		return nil
	}
	return e
}

// words say a cause for people.
func (c Cause) words() string {
	return map[Cause]string{
		Foreign: "another tenant's", NoContext: "without context", OwnRow: "the tenant's own", NullKey: "without a key",
		SentinelKey: "with a key that stands for no tenant", OrphanKey: "whose tenant is not there",
		EmptyContext: "with an empty context", MalformedContext: "with a context that is no tenant",
		ForeignRow: "that are not the tenant's were met", ForeignWrite: "that are not the tenant's were made",
	}[c]
}

// Words say a cause for people.
func (c Cause) Words() string { return c.words() }
