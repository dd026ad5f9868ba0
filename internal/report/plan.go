package report

import (
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/english"
	"github.com/ringfencehq/ringfence/internal/plan"
)

// OfPlan makes the report of a plan; its document is plan.json itself.
func OfPlan(p *plan.Plan) *Report { return &Report{Plan: p} }

// plan writes the steps in their order, wave by wave, those of one kind in one block, and what is withheld.
func (p *printer) plan(d *plan.Plan) {
	if len(d.Steps) == 0 {
		p.line("%s", p.paint("good", "Nothing to do: everything that is planned for is in place."))
	}
	for _, b := range blocks(d.Steps) {
		p.line("wave %d  %s  %s", b.first.Wave, p.paint("bold", fmt.Sprintf("%-22s", safe(b.first.Kind))), p.paint("dim", lockWords(b.first)))
		p.wrapped("        ", fmt.Sprintf("%d: %s", len(b.objects), strings.Join(shorten(b.objects, mostObjects, "plan.json lists all"), ", ")))
	}
	if len(d.Withheld) > 0 {
		p.line("\nWithheld:")
	}
	for _, same := range withheld(d.Withheld) {
		allow := ""
		if same[0].Allow != "" {
			allow = " (--allow " + same[0].Allow + ")"
		}
		var objects []string
		for _, w := range same {
			objects = append(objects, safe(w.Object))
		}
		p.wrapped("  ", fmt.Sprintf("%s on %s: %s%s", same[0].Kind, strings.Join(shorten(objects, mostObjects, "plan.json lists all"), ", "), safe(same[0].Why), allow))
	}
	p.line("\n%s, %d withheld", english.Count(len(d.Steps), "step"), len(d.Withheld))
}

// A block is the steps of one kind in one wave.
type block struct {
	first   plan.Step
	objects []string
}

// blocks gathers steps by wave and kind, in the order in which each is met first.
func blocks(steps []plan.Step) []block {
	var out []block
	at := map[string]int{}
	for _, s := range steps {
		key := fmt.Sprint(s.Wave, s.Kind)
		i, ok := at[key]
		if !ok {
			i, at[key] = len(out), len(out)
			out = append(out, block{first: s})
		}
		out[i].objects = append(out[i].objects, safe(s.Object))
	}
	return out
}

// lockWords say what a step's lock means for the application.
func lockWords(s plan.Step) string {
	words := "blocks nothing"
	switch s.Lock {
	case plan.AccessExclusive:
		words = "blocks reads and writes for an instant"
	case plan.ShareRowExclusive, plan.Share:
		words = "blocks writes for an instant"
	case plan.ShareUpdateExclusive:
		words = "blocks neither reads nor writes"
	}
	if s.Transaction == "none" {
		words += ", runs outside a transaction"
	}
	if s.Batch > 0 {
		words += fmt.Sprintf(", %s at a time", english.Count(s.Batch, "row"))
	}
	return words
}

// withheld gathers what is withheld for one reason, in the order in which each is met first.
func withheld(all []plan.Withheld) [][]plan.Withheld {
	var out [][]plan.Withheld
	at := map[string]int{}
	for _, w := range all {
		key := w.Kind + "\x00" + w.Why + "\x00" + w.Allow
		i, ok := at[key]
		if !ok {
			i, at[key] = len(out), len(out)
			out = append(out, nil)
		}
		out[i] = append(out[i], w)
	}
	return out
}
