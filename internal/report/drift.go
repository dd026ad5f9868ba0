package report

import (
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/drift"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// DriftVersion names the JSON form of a drift.
const DriftVersion = "ringfence/drift/v1"

// A Drift is the document of ringfence drift.
type Drift struct {
	Schema  string                  `json:"schema"`
	Server  Server                  `json:"server"`
	Changes []drift.Change          `json:"changes"`
	Summary map[drift.Direction]int `json:"summary"`
}

// OfDrift makes the document of what changed; m is the present state.
func OfDrift(m *tenancy.Model, r drift.Result) *Report {
	return &Report{Drift: &Drift{Schema: DriftVersion, Server: ServerOf(m), Changes: some(r.Changes), Summary: r.Count()}}
}

// driftColors are the colour of each direction.
var driftColors = map[drift.Direction]string{drift.Widened: "critical", drift.Unknown: "medium", drift.Narrowed: "good", drift.Neutral: "dim"}

func (p *printer) drift(d *Drift) {
	for _, c := range d.Changes {
		who := ""
		if c.Role != "" {
			who = "  role " + safe(c.Role)
		}
		if c.Command != "" {
			who += "  " + safe(c.Command)
		}
		p.line("%s  %s %s %s%s", p.paint(driftColors[c.Direction], strings.ToUpper(string(c.Direction))), safe(c.Kind), p.paint("bold", safe(c.Object)), c.Change, who)
		p.wrapped("    ", safe(c.Why))
		if c.Kind != "function" && c.Before != "" && c.After != "" {
			p.wrapped("    ", "was: "+safe(c.Before))
			p.wrapped("    ", "is:  "+safe(c.After))
		}
		for _, e := range c.Effects {
			p.effect(e)
		}
	}
	s := d.Summary
	p.line("%d widened, %d unknown, %d narrowed, %d neutral", s[drift.Widened], s[drift.Unknown], s[drift.Narrowed], s[drift.Neutral])
}

func (p *printer) effect(e drift.Effect) {
	what := e.Command
	if e.Variant != "" {
		what += " (" + strings.ReplaceAll(e.Variant, "_", " ") + ")"
	}
	p.line("    %s", fmt.Sprintf("%s: %s → %s (%s)", way(e.Role, e.Path, what+" on "+safe(e.Relation)), e.Before, e.After, e.Kind))
	if e.Witness != nil {
		p.wrapped("        ", "row "+values(e.Witness.Row)+" in the context "+values(e.Witness.Context))
	}
}
