package papers

import (
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/rollout"
)

var closing = Paper{File: "REPORT.md", Title: "Closing report", Write: func(b *strings.Builder, in *Input) {
	fmt.Fprintf(b, "Written %s.\n\n## Requirement and evidence\n\n", stamp(in.Now))
	d := in.Decisions[in.last().Name].Document(&in.Bundle.State.Rollout)
	var rows [][]string
	for _, g := range d.Gates {
		var facts []string
		for _, f := range g.Facts {
			facts = append(facts, strings.TrimSuffix(f.Name+" "+f.Stands+", "+f.Value, ", "))
		}
		text := strings.Join(facts, "; ")
		if g.Why != "" {
			text = strings.TrimSuffix(g.Why+"; "+text, "; ")
		}
		rows = append(rows, []string{g.Title, g.Outcome.String(), text})
	}
	table(b, []string{"Requirement at " + in.last().Name, "Stands", "Evidence"}, rows)
	in.stages(b)
	b.WriteString("## Windows of success\n\n")
	in.windows(b)
	in.figures(b)
	in.openPoints(b)
	in.lessons(b)
}}

// stages tells how each stage went.
func (in *Input) stages(b *strings.Builder) {
	b.WriteString("## Stages\n\n")
	var rows [][]string
	for _, s := range in.Bundle.State.Status(in.Now, 0).Stages {
		rows = append(rows, []string{s.Stage, s.State, stamp(s.Begun), stamp(s.Applied), s.Soaked + " of " + s.Soak, fmt.Sprint(s.Samples), fmt.Sprint(len(s.Signals)), fmt.Sprint(len(s.Returns))})
	}
	table(b, []string{"Stage", "State", "Begun", "Applied", "Soaked", "Samples", "Signals", "Returns"}, rows)
}

// openPoints are what is withheld, waived, not known, or stands open.
func (in *Input) openPoints(b *strings.Builder) {
	b.WriteString("## Open points\n\n")
	var rows [][]string
	for _, w := range in.Plan.Withheld {
		rows = append(rows, []string{"withheld", w.Kind + " on " + w.Object, w.Why})
	}
	d := in.Decisions[in.last().Name].Document(&in.Bundle.State.Rollout)
	for _, w := range d.Waived {
		rows = append(rows, []string{"waived", w.Fact, w.Reason})
	}
	for _, s := range in.Bundle.State.Status(in.Now, 0).Stages {
		for _, table := range s.Open {
			rows = append(rows, []string{"open", table, "stands open to every tenant at " + s.Stage + " for " + s.Exposed})
		}
		if s.Unanswered > 0 {
			rows = append(rows, []string{"unanswered", s.Stage, fmt.Sprintf("%d alarms that nobody has answered", s.Unanswered)})
		}
	}
	if st := in.Bundle.State.Stages[in.last().Name]; st != nil && !st.Begun.IsZero() {
		for _, w := range Windows() {
			if o, value, _ := w.Judge(in, st); o != rollout.Pass {
				rows = append(rows, []string{o.String(), w.Text, value})
			}
		}
	}
	table(b, []string{"Kind", "What", "Why"}, rows)
}

// lessons are what did not go as it should have: each with what happened, for people to write what follows from it.
func (in *Input) lessons(b *strings.Builder) {
	b.WriteString("## Lessons\n\nWhat did not go as it should have; what follows from it is for the people who were there.\n\n")
	var rows [][]string
	for _, stage := range in.Bundle.State.Rollout.Stages {
		st := in.Bundle.State.Stages[stage.Name]
		if st == nil {
			continue
		}
		for _, s := range st.Signals {
			rows = append(rows, []string{stamp(s.At), stage.Name, s.Name + ": " + s.Why})
		}
		for _, r := range st.Returns {
			rows = append(rows, []string{stamp(r.At), stage.Name, rollout.Words([]rollout.Return{r})})
		}
		for _, p := range st.Pages {
			if p.Step > 1 && p.Answered == "" {
				rows = append(rows, []string{stamp(p.At), stage.Name, fmt.Sprintf("nobody had answered %s: %s was called", p.Alarm, p.To)})
			}
		}
	}
	table(b, []string{"When", "Stage", "What"}, rows)
}
