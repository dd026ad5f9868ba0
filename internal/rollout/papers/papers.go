// Package papers writes what people read of a rollout: the runbook, what to do in an incident, the sign-off document, what auditors ask,
// and the closing report. Each is made from the log and its evidence alone, so that anybody can make them again; every figure stands
// beside its source. No paper holds a DSN.
//
// To add a paper: write paper_NAME.go with one Paper value and list it in Papers.
package papers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/rollout"
	"github.com/ringfencehq/ringfence/internal/rollout/ledger"
	"github.com/ringfencehq/ringfence/internal/secret"
	"github.com/ringfencehq/ringfence/internal/visible"
)

// A Paper is one document.
type Paper struct {
	File  string
	Title string
	Write func(b *strings.Builder, in *Input)
}

// Papers returns every paper, in the order in which they are read.
func Papers() []*Paper {
	return []*Paper{&runbook, &incident, &signOff, &compliance, &closing}
}

// An Input is all that papers are made from.
type Input struct {
	Bundle     *rollout.Bundle
	Plan       *plan.Plan
	Definition *rollout.Definition
	Now        time.Time
	Rehearsed  map[string]*rollout.Rehearsed // by stage
	Ladders    map[string]*rollout.Ladder
	Decisions  map[string]*rollout.Decision // as the stage was begun, or as it stands
	Final      *rollout.Decision            // of the stage that all goes to, with all of its databases
}

// Read makes the input from a bundle, as of now; a rollout that is closed is told as of its closing, so that its papers come out the same
// whenever they are made again.
func Read(ctx context.Context, b *rollout.Bundle, now time.Time) (*Input, error) {
	if entries := b.Log.Entries(); b.State.Closed {
		now = entries[slices.IndexFunc(entries, func(e ledger.Entry) bool { return e.Kind == ledger.KindClosed })].At
	}
	in := &Input{Bundle: b, Now: now.UTC(), Rehearsed: map[string]*rollout.Rehearsed{}, Ladders: map[string]*rollout.Ladder{}, Decisions: map[string]*rollout.Decision{}}
	store := b.Log.Store()
	var err error
	if in.Plan, err = b.State.Plan(ctx, store); err != nil {
		return nil, err
	}
	if in.Definition, err = b.State.Definition(ctx, store); err != nil {
		return nil, err
	}
	for i := range b.State.Rollout.Stages {
		stage := &b.State.Rollout.Stages[i]
		if in.Rehearsed[stage.Name], err = b.State.Rehearsed(ctx, store, stage); err != nil {
			return nil, err
		}
		if l, err := b.State.Ladder(ctx, store, stage); err == nil {
			in.Ladders[stage.Name] = l
		}
		if in.Decisions[stage.Name], err = b.DecideAsOf(stage, now); err != nil {
			return nil, err
		}
	}
	in.Final, err = b.DecideGroupAsOf(in.goal(), now)
	return in, err
}

// Write gives the text of every paper, by file. Whatever has the form of a secret is blackened, though none should be there.
func Write(in *Input) map[string]string {
	out := map[string]string{}
	for _, p := range Papers() {
		var b strings.Builder
		fmt.Fprintf(&b, "# %s\n\n%s\n\n", p.Title, in.head())
		p.Write(&b, in)
		out[p.File] = strings.TrimRight(secret.Redact(b.String()), "\n") + "\n"
	}
	return out
}

// head says which bytes a paper is about; a document that names another plan is superseded.
func (in *Input) head() string {
	r := &in.Bundle.State.Rollout
	return fmt.Sprintf("Rollout `%s`, plan `%s`, way back `%s`. Made from the log's first %d entries, head `%s`.", r.ID, r.Plan, r.Rollback, len(in.Bundle.Log.Entries()), in.Bundle.State.Head)
}

// goal is the name of the stage that all goes to.
func (in *Input) goal() string {
	stages := in.Bundle.State.Rollout.Stages
	return stages[len(stages)-1].Group()
}

// last are the databases of the stage that all goes to: one, where it is not split.
func (in *Input) last() []*rollout.Stage { return in.Bundle.State.Rollout.Group(in.goal()) }

// states are how far the databases of the last stage are; of one that was not begun, the zero state.
func (in *Input) states() (out []*rollout.StageState) {
	for _, stage := range in.last() {
		st := in.Bundle.State.Stages[stage.Name]
		if st == nil {
			st = &rollout.StageState{}
		}
		out = append(out, st)
	}
	return out
}

// begun reports whether any database of the last stage was begun.
func (in *Input) begun() bool {
	return slices.ContainsFunc(in.states(), func(st *rollout.StageState) bool { return !st.Begun.IsZero() })
}

// each says something of every database of the last stage: of one alone without its name.
func (in *Input) each(say func(i int, stage *rollout.Stage) string) string {
	var out []string
	for i, stage := range in.last() {
		text := say(i, stage)
		if len(in.last()) > 1 {
			text = stage.Name + ": " + text
		}
		out = append(out, text)
	}
	return strings.Join(out, "; ")
}

// measured is the rehearsal of the stage that is nearest to the last one.
func (in *Input) measured() (*rollout.Rehearsed, string) {
	stages := in.Bundle.State.Rollout.Stages
	for i := len(stages) - 1; i >= 0; i-- {
		if r := in.Rehearsed[stages[i].Name]; r != nil {
			return r, stages[i].Name
		}
	}
	return nil, ""
}

func table(b *strings.Builder, head []string, rows [][]string) {
	if len(rows) == 0 {
		b.WriteString("None.\n\n")
		return
	}
	line := func(cells []string) {
		for _, c := range cells {
			fmt.Fprintf(b, "| %s ", cell(c))
		}
		b.WriteString("|\n")
	}
	line(head)
	b.WriteString("|" + strings.Repeat(" --- |", len(head)) + "\n")
	for _, r := range rows {
		line(r)
	}
	b.WriteString("\n")
}

// cell keeps a name from being read as Markdown or HTML.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", ">", "&gt;", "&", "&amp;", "*", `\*`, "[", `\[`, "]", `\]`).Replace(visible.Line(s))
}

// measured is what a fact says: its value, and what that means.
func measured(f rollout.Fact) string {
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(f.Value)+": "+f.Why, ": "), ": ")
}

// counting says how many there are of a thing.
func counting(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// waivers are those of a decision, which a reader is told first.
func waivers(b *strings.Builder, d *rollout.Document) {
	for _, w := range d.Waived {
		fmt.Fprintf(b, "**Waived:** %s, since %s.\n\n", cell(w.Fact), cell(strings.TrimSuffix(w.Reason, ".")))
	}
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

func seconds(s float64) string {
	switch {
	case s < 1:
		return fmt.Sprintf("%.0f ms", s*1000)
	case s < 120:
		return fmt.Sprintf("%.1f s", s)
	}
	return time.Duration(s * float64(time.Second)).Round(time.Second).String()
}

// source names where a fact comes from: the collector, when, and its evidence.
func source(f rollout.FactDocument) string {
	text := f.How + ", " + stamp(f.At)
	if f.Attested != "" {
		text = "the word of " + f.Attested + ", " + stamp(f.At)
	}
	if f.Evidence != "" {
		text += ", evidence " + string(f.Evidence)[:12]
	}
	return text
}
