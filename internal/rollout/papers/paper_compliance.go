package papers

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/rollout"
)

// A control is what a standard asks for, and the facts that show it.
type control struct {
	standard, id, asks string
	facts              []string
}

// controls are those that this change bears on.
var controls = []control{
	{"SOC 2", "CC6.1", "logical access is restricted to who may have it", []string{"isolation", "negative_control", "application_rights", "application_path"}},
	{"SOC 2", "CC6.6", "access from outside the boundary is restricted", []string{"application_path", "isolation", "secrets"}},
	{"SOC 2", "CC7.2", "the system is monitored for what is not as it should be", []string{"alert_rules", "alert_arrival", "on_call_answer"}},
	{"SOC 2", "CC8.1", "changes are authorised, tested, approved and documented", []string{"rehearsal_apply", "rehearsal_rollback", "ladder", "drift", "documents", "integration"}},
	{"PCI DSS", "7", "access to data is limited by need to know", []string{"isolation", "application_rights", "negative_control"}},
	{"PCI DSS", "10", "access is logged and the logs are kept and watched", []string{"alert_rules", "alert_arrival", "backlog"}},
	{"PCI DSS", "11", "security is tested regularly", []string{"isolation", "negative_control", "rehearsal_apply"}},
}

var compliance = Paper{File: "compliance.md", Title: "What auditors ask", Write: func(b *strings.Builder, in *Input) {
	d := in.Final.Document(&in.Bundle.State.Rollout)
	facts := map[string]rollout.FactDocument{}
	for _, g := range d.Gates {
		for _, f := range g.Facts {
			if was, seen := facts[f.Name]; !seen || was.Stands == "pass" { // of several databases the worst
				facts[f.Name] = f
			}
		}
	}
	for _, item := range in.Final.Items("") {
		for _, f := range item.Facts {
			facts[f.Name] = f
		}
	}
	waivers(b, d)
	fmt.Fprintf(b, "For the stage `%s`, as of %s. A control is shown where all of its facts pass. One with a fact that is waived is shown but for that; with one that fails, is unknown, stale or missing it is not shown.\n\n", in.goal(), stamp(d.At))
	var rows [][]string
	for _, c := range controls {
		shown := "shown"
		for i, name := range c.facts {
			f, ok := facts[name]
			if !ok {
				f = in.beside(name)
			}
			switch {
			case f.Stands == "waived" && shown == "shown":
				shown = "shown, but for what is waived"
			case f.Stands != "pass" && f.Stands != "waived":
				shown = "NOT shown"
			}
			head := []string{"", ""}
			if i == 0 {
				head = []string{c.standard + " " + c.id, c.asks}
			}
			from := ""
			if f.Stands != "missing" {
				from = source(f)
			}
			rows = append(rows, append(head, name, f.Stands, measured(f.Fact), from))
		}
		rows[len(rows)-len(c.facts)][1] += ": " + shown
	}
	table(b, []string{"Control", "Asks", "Fact", "Stands", "Measured", "Source"}, rows)
	in.answers(b)
	in.figures(b)
}}

// beside is a fact that no gate and no signer asks for, as it was found out last.
func (in *Input) beside(name string) rollout.FactDocument {
	f, ok := in.Bundle.State.Fact(in.last()[0].Name, name)
	if !ok {
		return rollout.FactDocument{Stands: "missing"}
	}
	for _, c := range rollout.Collectors() {
		if c.Name == name {
			return rollout.FactDocument{Fact: f, How: c.How, Stands: f.Outcome.String()}
		}
	}
	return rollout.FactDocument{Fact: f, Stands: f.Outcome.String()}
}

// answers are those to what every auditor asks of a change.
func (in *Input) answers(b *strings.Builder) {
	r := &in.Bundle.State.Rollout
	var approved []string
	for _, s := range in.Final.Signatures {
		if s.Void == "" {
			approved = append(approved, s.Role+": "+s.Person)
		}
	}
	slices.Sort(approved)
	who := strings.Join(approved, "; ")
	if who == "" {
		who = "nobody"
	}
	b.WriteString("## The change\n\n")
	table(b, []string{"Question", "Answer", "Source"}, [][]string{
		{"Who asked for it", r.Author, "the log's first entry"},
		{"Who approved which bytes", who + "; plan " + string(r.Plan)[:12], "signatures in the log, by keys of approvers.yaml"},
		{"Who ran it", strings.Join(in.ranBy(), ", "), "entries of kind begun"},
		{"What changed", fmt.Sprintf("%d steps on %d tables and views, partitions counted", len(in.Plan.Steps), tablesOf(in)), "plan.json, in the evidence"},
		{"Was it tested", in.outcome("rehearsal_apply"), "the rehearsal, in the evidence"},
		{"Did it work", in.worked(), "the watch's samples and signals"},
		{"Was it taken back", in.takenBack(), "entries of kind returned"},
	})
}
