package rollout

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Document is a decision as others read it.
type Document struct {
	Schema   string         `json:"schema"`
	Server   map[string]any `json:"server"` // the stage's target
	Rollout  string         `json:"rollout"`
	Stage    string         `json:"stage"`
	Standing string         `json:"standing"` // where the stage is already
	Applied  time.Time      `json:"applied_at,omitzero"`
	At       time.Time      `json:"at"`
	Answer   string         `json:"answer"` // GREEN or RED
	Author   string         `json:"author"`
	Plan     string         `json:"plan"` // digests of what is signed
	Rollback string         `json:"rollback"`
	Waived   []WaivedFact   `json:"waived"`
	Gates    []GateDocument `json:"gates"` // the checklist in its order, then the others
	Signed   []Signature    `json:"signatures"`
	Window   WindowDocument `json:"window"`
	Summary  Summary        `json:"summary"`
}

// A WaivedFact is let pass by a person, for a reason.
type WaivedFact struct {
	Fact   string `json:"fact"`
	Reason string `json:"reason"`
}

// A GateDocument is one gate's answer. Item is its place in the checklist of fifteen, 0 beside it.
type GateDocument struct {
	Gate    string         `json:"gate"`
	Item    int            `json:"item"`
	Title   string         `json:"title"`
	Outcome Outcome        `json:"outcome"`
	Why     string         `json:"why,omitempty"`
	Facts   []FactDocument `json:"facts"`
}

// A FactDocument is one fact as it stands.
type FactDocument struct {
	Fact
	How    string `json:"how"`
	Stands string `json:"stands"` // pass, fail, unknown, stale, waived, missing
}

// A WindowDocument says whether the stage may be advanced at that hour.
type WindowDocument struct {
	Open bool      `json:"open"`
	Next time.Time `json:"next"`
	Rule string    `json:"rule"`
}

// A Summary counts gates by outcome and facts by how they stand.
type Summary struct {
	Pass    int `json:"pass"`
	Fail    int `json:"fail"`
	Unknown int `json:"unknown"`
	Stale   int `json:"stale"`
	Waived  int `json:"waived"`
}

// stands says how a fact stands in one word.
func (f *FactCheck) stands() string {
	switch {
	case f.Waived != "":
		return "waived"
	case f.Stale:
		return "stale"
	case f.Fact.At.IsZero():
		return "missing"
	}
	return f.Outcome.String()
}

// Missing lists what keeps the decision from being green, a line each.
func (d *Decision) Missing() []string {
	var out []string
	for _, c := range d.Checks {
		if c.Outcome == Pass {
			continue
		}
		line := c.Gate.Title + ": "
		if c.Why != "" {
			out = append(out, line+c.Why)
		}
		for _, f := range c.Facts {
			if f.Outcome != Pass {
				out = append(out, line+f.Fact.Name+" is "+f.stands()+", "+f.Fact.Why)
			}
		}
	}
	return out
}

// Document makes the document of the decision.
func (d *Decision) Document(r *Rollout) *Document {
	all := r.Group((&Stage{Name: d.Stage}).Group())
	if one, _ := r.Stage(d.Stage); one != nil {
		all = []*Stage{one}
	}
	stage := all[0]
	doc := &Document{Schema: Version, Rollout: r.ID, Stage: d.Stage, Standing: d.Standing, Applied: d.Applied, At: d.At.UTC(), Answer: "RED", Author: r.Author, Plan: string(r.Plan), Rollback: string(r.Rollback),
		Server: map[string]any{"system_identifier": stage.SystemIdentifier, "database": stage.Database}, Waived: []WaivedFact{}, Gates: []GateDocument{}, Signed: d.Signatures}
	if len(all) > 1 {
		var names, systems []string
		var databases []map[string]any
		for _, s := range all {
			if names = append(names, s.Database); !slices.Contains(systems, s.SystemIdentifier) {
				systems = append(systems, s.SystemIdentifier)
			}
			databases = append(databases, map[string]any{"stage": s.Name, "system_identifier": s.SystemIdentifier, "database": s.Database})
		}
		doc.Server = map[string]any{"system_identifier": strings.Join(systems, ", "), "database": strings.Join(names, ", "), "databases": databases}
	}
	if d.Green {
		doc.Answer = "GREEN"
	}
	if doc.Signed == nil {
		doc.Signed = []Signature{}
	}
	for _, c := range d.Checks {
		g := GateDocument{Gate: c.Gate.Name, Item: c.Gate.Item, Title: c.Gate.Title, Outcome: c.Outcome, Why: c.Why, Facts: []FactDocument{}}
		for _, f := range c.Facts {
			g.Facts = append(g.Facts, FactDocument{Fact: f.Fact, How: f.Collector.How, Stands: f.stands()})
			switch {
			case f.Waived != "":
				doc.Summary.Waived++
				doc.Waived = append(doc.Waived, WaivedFact{f.Fact.Name, f.Waived})
			case f.Stale:
				doc.Summary.Stale++
			}
		}
		doc.Gates = append(doc.Gates, g)
		switch c.Outcome {
		case Pass:
			doc.Summary.Pass++
		case Fail:
			doc.Summary.Fail++
		default:
			doc.Summary.Unknown++
		}
	}
	slices.SortStableFunc(doc.Gates, func(a, b GateDocument) int { return place(a.Item) - place(b.Item) })
	doc.Window = stage.Window.document(d.At)
	return doc
}

// Brief writes a duration without the zeros at its end: 2h for 2h0m0s.
func Brief(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = strings.TrimSuffix(text, zero[1:])
		}
	}
	return text
}

// place has what is beside the checklist come after it.
func place(item int) int {
	if item == 0 {
		return 100
	}
	return item
}

func (w Window) document(at time.Time) WindowDocument {
	if w.Cron == "" {
		return WindowDocument{Open: true, Rule: "at any time"}
	}
	zone := w.Zone
	if zone == "" {
		zone = "UTC"
	}
	rule := "cron " + w.Cron
	var minute, hour int
	if n, _ := fmt.Sscanf(w.Cron, "%d %d", &minute, &hour); n == 2 && w.Cron == fmt.Sprintf("%d %d * * *", minute, hour) {
		rule = fmt.Sprintf("every day from %02d:%02d", hour, minute)
	}
	open, next, err := w.Open(at)
	return WindowDocument{Open: open && err == nil, Next: next, Rule: fmt.Sprintf("%s %s for %s", rule, zone, Brief(w.For))}
}
