// Package audit holds the rules: each looks at a Model and reports findings. Rules never query and never judge a predicate
// themselves; who reaches what is package reach's answer, and whether a predicate holds is package decide's.
//
// To add a rule: write rule_NAME.go with one Rule value and testdata/NAME.txtar (bad.sql, want, good.sql), then run
// "make gen", which lists it in rules_list.go and writes its page under docs/.
package audit

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/decide"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// Severity of a finding. It follows reach: a fault nobody can use is information.
type Severity string

// The severities, gravest first.
const (
	Critical Severity = "critical"
	High     Severity = "high"
	Medium   Severity = "medium"
	Low      Severity = "low"
	Info     Severity = "info"
)

// A Rule is one fault to look for.
type Rule struct {
	ID       string   // three letters and three digits, never used again for another
	Name     string   // file name without "rule_" and ".go", in kebab case
	Aliases  []string // earlier ids
	Title    string
	Severity Severity // of a finding that says none itself
	Fix      string   // the plan step kind that mends it, "" when a person must
	Source   string   // the number in the catalogue of rules, a CVE, or the documentation it rests on
	Doc      string   // what is wrong, why it matters, how to mend it; Markdown

	Check func(in *Input, report func(Finding))
}

// An Input is what rules read.
type Input struct {
	Model   *tenancy.Model
	Ways    []reach.Way       // every way of every application role, decided
	Answers []decide.Decision // of Ways, one for one

	decider   *decide.Decider
	isolation []open                      // the isolation ways that a privilege gives
	byTable   map[*catalog.Relation][]int // places in Ways
	keepers   map[string]bool             // keepers, computed once
	asking    func() map[string][]string  // asked, computed once
	policies  func() []written            // readPolicies, computed once
	unchecked func(Unchecked)
}

// Unchecked says that rule could not look at object, and why.
func (in *Input) Unchecked(rule, object, why string) {
	in.unchecked(Unchecked{Rule: rule, Object: object, Why: why})
}

// A Finding is one fault on one object, as contract.md has it.
type Finding struct {
	ID         string      `json:"id"`
	Rule       string      `json:"rule"`
	Title      string      `json:"title"`
	Severity   Severity    `json:"severity"`
	Object     string      `json:"object"`
	ObjectType string      `json:"object_type"`
	Table      string      `json:"table,omitempty"`
	Role       string      `json:"role,omitempty"`
	Command    string      `json:"command,omitempty"`
	Path       []reach.Hop `json:"path"`
	Detail     string      `json:"detail"`
	Fix        *Fix        `json:"fix"`
	Accepted   *Accepted   `json:"accepted"`
}

// A Fix says how to mend a finding: the step of the plan that does it, and its SQL for a reader.
type Fix struct {
	Step string `json:"step"`
	SQL  string `json:"sql"`
	Why  string `json:"why"`
	// Grants are what a revoke takes back, for the planner; none: what the kind takes by the object's class.
	Grants []catalog.Grant `json:"-"`
}

// Accepted says who accepted a finding, why, and until when.
type Accepted struct {
	Reason string `json:"reason"`
	By     string `json:"by"`
	Until  string `json:"until"`
}

// An Unchecked is what a rule could not look at: said, counted, and never shown as clean.
type Unchecked struct {
	Rule   string `json:"rule"`
	Object string `json:"object"`
	Why    string `json:"why"`
}
