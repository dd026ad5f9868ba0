package report

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/drift"
	"github.com/ringfencehq/ringfence/internal/english"
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
	// Against says what the present state was compared with: "lock", or "migrations" (then removed means promised and absent,
	// added means present and unexplained).
	Against string `json:"against"`
}

// OfDrift makes the document of what changed; m is the present state, against what it was compared with.
func OfDrift(m *tenancy.Model, r drift.Result, against string) *Report {
	return &Report{Drift: &Drift{Schema: DriftVersion, Server: ServerOf(m), Changes: some(r.Changes), Summary: r.Count(), Against: against}}
}

// forensic are the words for a change where a live database is compared with what its migrations promise.
var forensic = map[string]string{"removed": "promised and absent", "added": "present and unexplained", "changed": "different"}

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
		what := c.Change
		if d.Against == "migrations" {
			what = cmp.Or(forensic[c.Change], c.Change)
		}
		p.line("%s  %s %s %s%s", p.paint(driftColors[c.Direction], strings.ToUpper(string(c.Direction))), safe(c.Kind), p.paint("bold", safe(c.Object)), what, who)
		if c.Place != nil {
			p.line("    at %s", safe(c.Place.String()))
		}
		p.wrapped("    ", safe(c.Why))
		if c.Kind != "function" && c.Before != "" && c.After != "" {
			p.wrapped("    ", "was: "+safe(c.Before))
			p.wrapped("    ", "is:  "+safe(c.After))
		}
		p.effects(c.Effects)
	}
	s := d.Summary
	p.line("%d widened, %d unknown, %d narrowed, %d neutral", s[drift.Widened], s[drift.Unknown], s[drift.Narrowed], s[drift.Neutral])
}

// effects tells the ways that opened or closed; those that neither did are counted.
func (p *printer) effects(all []drift.Effect) {
	neutral := 0
	for _, e := range all {
		if e.Direction == drift.Neutral || e.Before == "proved" && e.After == "absent" {
			neutral++
			continue
		}
		p.effect(e)
	}
	if neutral > 0 {
		p.line("    %s, by which nobody reaches more or less", english.Count(neutral, "more way"))
	}
}

func (p *printer) effect(e drift.Effect) {
	what := e.Command
	if e.Variant != "" {
		what += " (" + strings.ReplaceAll(e.Variant, "_", " ") + ")"
	}
	p.line("    %s", fmt.Sprintf("%s: %s → %s (%s)", way(e.Role, e.Path, what+" on "+safe(e.Relation)), e.Before, e.After, e.Kind))
	if e.Witness != nil {
		p.wrapped("        ", "row "+Values(e.Witness.Row)+" in the context "+Values(e.Witness.Context))
	}
}

// drift writes the same as a table.
func (m marker) drift(d *Drift) {
	m.head("drift", d.Server)
	s := d.Summary
	m.line(fmt.Sprintf("%d widened, %d unknown, %d narrowed, %d neutral", s[drift.Widened], s[drift.Unknown], s[drift.Narrowed], s[drift.Neutral]))
	var rows [][]string
	for _, c := range d.Changes {
		what, place := c.Change, ""
		if d.Against == "migrations" {
			what = cmp.Or(forensic[c.Change], c.Change)
		}
		if c.Place != nil {
			place = safe(c.Place.String())
		}
		why := []string{safe(c.Why)}
		if c.Kind != "function" && c.Before != "" && c.After != "" {
			why = append(why, "was: "+safe(c.Before), "is: "+safe(c.After))
		}
		for _, e := range c.Effects {
			if e.Direction != drift.Neutral && (e.Before != "proved" || e.After != "absent") {
				why = append(why, safe(fmt.Sprintf("%s: %s → %s", way(e.Role, e.Path, e.Command+" on "+e.Relation), e.Before, e.After)))
			}
		}
		rows = append(rows, []string{string(c.Direction), safe(c.Kind + " " + c.Object), what, place, strings.Join(why, "\n")})
	}
	m.table("Changes", []string{"Direction", "Object", "Change", "Where", "Why"}, rows)
}
