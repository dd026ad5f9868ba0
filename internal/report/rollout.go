package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ringfencehq/ringfence/internal/rollout"
)

// OfDecision makes the report of whether a stage of a rollout may begin.
func OfDecision(d *rollout.Document) *Report { return &Report{Decision: d} }

// question is what a decision answers, in words of somebody who has never seen the project.
func question(d *rollout.Document) string {
	return fmt.Sprintf("May this change to the database %v go out at the stage %s?", d.Server["database"], d.Stage)
}

// answer says it in a sentence.
func answer(d *rollout.Document) string {
	s := d.Summary
	if d.Answer == "GREEN" {
		const by = "by a fact that was measured or that a named person signed for"
		if n := len(let(d)); n > 0 {
			return fmt.Sprintf("Yes: %d of %d conditions hold, each %s; %d more only since a named person let pass what is missing there: see what is waived.", s.Pass-n, s.Pass, by, n)
		}
		return fmt.Sprintf("Yes: all of %d conditions hold, each %s.", s.Pass, by)
	}
	are := func(n int, one, many string) string {
		return fmt.Sprintf("%d %s", n, map[bool]string{true: one, false: many}[n == 1])
	}
	return fmt.Sprintf("No: of %d conditions %s and %s; what is not known counts as missing.", s.Pass+s.Fail+s.Unknown,
		are(s.Fail, "does not hold", "do not hold"), are(s.Unknown, "is not known", "are not known"))
}

// next are the commands that go on from here.
func next(d *rollout.Document) (out []string) {
	at := " --stage " + d.Stage
	if !d.Applied.IsZero() {
		return []string{"nothing: it is applied already; ringfence rollout status tells how it stands"}
	}
	if d.Answer == "GREEN" {
		if d.Window.Open {
			return []string{"ringfence rollout advance" + at}
		}
		return []string{"ringfence rollout advance" + at + ", from " + when(d.Window.Next) + " on"}
	}
	for _, g := range shut(d) {
		if len(g.Facts) == 0 && g.Gate == "sign_offs" {
			out = append(out, "ringfence rollout sign"+at+" --role ROLE --key KEY, by each person who is asked for")
		}
		for _, f := range g.Facts {
			step := "ringfence rollout rehearse" + at + ", which finds out again what is measured"
			if f.Name == "on_call_answer" {
				step = "ringfence rollout attest" + at + " --fact on_call_answer --text \"…\" --key KEY, by whoever saw it"
			}
			if f.Stands != "pass" && f.Stands != "waived" && !slices.Contains(out, step) {
				out = append(out, step)
			}
		}
	}
	return out
}

// let are the gates that pass since a person let a fact pass.
func let(d *rollout.Document) (out []rollout.GateDocument) {
	for _, g := range d.Gates {
		if stands(g) == "waived" {
			out = append(out, g)
		}
	}
	return out
}

// stands is how a gate stands, in a word.
func stands(g rollout.GateDocument) string {
	if g.Outcome == rollout.Pass && slices.ContainsFunc(g.Facts, func(f rollout.FactDocument) bool { return f.Stands == "waived" }) {
		return "waived"
	}
	return g.Outcome.String()
}

// background says in a paragraph what the change is and how the answer came about.
const background = "The change makes the database itself keep each customer's rows from every other customer. It goes out when every condition below holds " +
	"at this moment. Each is computed from facts; none can be ticked by hand. People sign exactly these bytes, and whoever made the change cannot approve it."

// when writes a time for people.
func when(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

// decidedOn are the lines that say what is decided on.
func decidedOn(d *rollout.Document) [][]string {
	window := d.Window.Rule
	switch {
	case !d.Window.Open:
		window += "; shut now, opens " + when(d.Window.Next)
	case !d.Window.Next.IsZero() || strings.Contains(window, " for "):
		window += "; open now"
	}
	rows := [][]string{
		{"Decided", when(d.At)},
		{"Target", fmt.Sprintf("database %v on system %v", d.Server["database"], d.Server["system_identifier"])},
		{"Rollout", d.Rollout + ", made by " + d.Author},
		{"Stage", d.Standing},
		{"Plan", "SHA-256 " + short(d.Plan) + ", way back " + short(d.Rollback)},
		{"Window", window},
	}
	return slices.DeleteFunc(rows, func(row []string) bool { return row[1] == "" })
}

func short(digest string) string { return digest[:min(16, len(digest))] }

// stood is one fact in a line: how it stands, what was measured, by what, and until when it counts.
func stood(f rollout.FactDocument) string {
	text := f.Stands
	if f.Value != "" {
		text += ", " + f.Value
	}
	if f.Why != "" {
		text += ": " + f.Why
	}
	if f.Attested != "" {
		text += "; the word of " + f.Attested
	}
	if f.Stands == "pass" || f.Stands == "fail" {
		text += "; until " + when(f.Until)
	}
	return text
}

// item numbers a gate as the checklist does.
func item(g rollout.GateDocument) string {
	if g.Item == 0 {
		return "+"
	}
	return fmt.Sprint(g.Item)
}

// shut are the gates that are not passed.
func shut(d *rollout.Document) []rollout.GateDocument {
	var out []rollout.GateDocument
	for _, g := range d.Gates {
		if g.Outcome != rollout.Pass {
			out = append(out, g)
		}
	}
	return out
}

// counts says whether a signature counts, and why not.
func countsWord(s rollout.Signature) string {
	if s.Void == "" {
		return "counts until " + when(s.Expires)
	}
	return "does not count: " + s.Void
}

func (p *printer) decision(d *rollout.Document) {
	colour := map[string]string{"GREEN": "good", "RED": "critical"}[d.Answer]
	p.line("%s  %s", p.paint(colour, d.Answer), safe(question(d)))
	p.wrapped("  ", safe(answer(d)))
	p.line("")
	p.wrapped("  ", background)
	p.line("")
	for _, row := range decidedOn(d) {
		p.line("  %-8s %s", row[0], safe(row[1]))
	}
	for _, w := range d.Waived {
		p.wrapped("  "+p.paint("medium", "WAIVED")+"   ", safe(w.Fact+": "+w.Reason))
	}
	if closed := shut(d); len(closed) > 0 {
		p.line("\nWhat is missing")
		for _, g := range closed {
			p.gate(g)
		}
	}
	p.line("\nConditions")
	for _, g := range d.Gates {
		p.line("  %2s  %-7s  %s", item(g), p.paint(colourOf(g.Outcome), stands(g)), safe(g.Title))
	}
	if len(d.Signed) > 0 {
		p.line("\nSignatures")
		for _, s := range d.Signed {
			p.wrapped("  ", safe(s.Role+": "+s.Person+", "+countsWord(s)))
		}
	}
	p.line("\nWhat to do next")
	for _, step := range next(d) {
		p.line("  %s", safe(step))
	}
}

func colourOf(o rollout.Outcome) string {
	return map[rollout.Outcome]string{rollout.Pass: "good", rollout.Fail: "high", rollout.Unknown: "medium"}[o]
}

// gate writes one gate that is shut, with the facts that keep it so.
func (p *printer) gate(g rollout.GateDocument) {
	p.line("  %2s  %-7s  %s", item(g), p.paint(colourOf(g.Outcome), g.Outcome.String()), safe(g.Title))
	if g.Why != "" {
		p.wrapped("      ", safe(g.Why))
	}
	for _, f := range g.Facts {
		if f.Stands != "pass" && f.Stands != "waived" {
			p.wrapped("      ", safe(f.Name+": "+stood(f)))
		}
	}
}

func (m marker) decision(d *rollout.Document) {
	m.title(1, d.Answer+": "+question(d))
	m.line(answer(d))
	m.line(background)
	m.table("", []string{"What", ""}, decidedOn(d))
	var waived, closed, signed, all [][]string
	for _, w := range d.Waived {
		waived = append(waived, []string{w.Fact, w.Reason})
	}
	for _, g := range d.Gates {
		var facts []string
		for _, f := range g.Facts {
			facts = append(facts, f.Name+": "+stood(f))
		}
		if g.Why != "" {
			facts = append([]string{g.Why}, facts...)
		}
		row := []string{item(g), stands(g), g.Title, strings.Join(facts, "\n")}
		if all = append(all, row); g.Outcome != rollout.Pass {
			closed = append(closed, row)
		}
	}
	for _, s := range d.Signed {
		signed = append(signed, []string{s.Role, s.Person, countsWord(s)})
	}
	m.table("Waived", []string{"Fact", "Reason"}, waived)
	m.table("What is missing", []string{"Item", "Stands", "Condition", "Facts"}, closed)
	m.table("Signatures", []string{"Role", "Person", "Counts"}, signed)
	var steps [][]string
	for _, step := range next(d) {
		steps = append(steps, []string{step})
	}
	m.table("What to do next", []string{"Command"}, steps)
	m.table("Every condition and its facts", []string{"Item", "Stands", "Condition", "Facts"}, all)
}

// htmlDecision is the page of a decision: one sheet of paper.
const htmlDecision = `{{define "decision"}}{{template "head" "decision"}}<style>.pass,.GREEN{color:var(--good)}.fail,.RED{color:var(--bad)}.unknown{color:var(--warn)}
@media print{@page{size:A4;margin:12mm}body{font-size:9.5px;margin:0;max-width:none;padding:0}h1{font-size:15px;margin:0}h2{font-size:11px;margin:.6rem 0 .2rem}th,td{padding:.1rem .3rem}p{margin:.3rem 0}}</style>
<h1><span class="{{.Answer}}">{{.Answer}}</span> {{question .}}</h1>
<p><b>{{answer .}}</b></p><p>{{background}}</p>
<table><tbody>{{range decidedOn .}}<tr><th scope="row">{{index . 0}}</th><td>{{index . 1}}</td></tr>{{end}}</tbody></table>
{{if .Waived}}<h2>Waived by a person</h2><table><tbody>{{range .Waived}}<tr><th scope="row">{{.Fact}}</th><td>{{.Reason}}</td></tr>{{end}}</tbody></table>{{end}}
<h2>Conditions</h2><table><thead><tr><th></th><th>stands</th><th>condition</th><th>by these facts</th></tr></thead><tbody>
{{range .Gates}}<tr><td>{{item .}}</td><td class="{{.Outcome}}"><b>{{stands .}}</b></td><td>{{.Title}}</td><td>{{with .Why}}{{.}} {{end}}{{range .Facts}}<div>{{.Name}}: {{stood .}}</div>{{end}}</td></tr>
{{end}}</tbody></table>
{{if .Signed}}<h2>Signatures</h2><table><tbody>{{range .Signed}}<tr><th scope="row">{{.Role}}</th><td>{{.Person}}</td><td>{{counts .}}</td></tr>{{end}}</tbody></table>{{end}}
<h2>What to do next</h2>{{range next .}}<div>{{.}}</div>{{end}}
</body></html>
{{end}}`
