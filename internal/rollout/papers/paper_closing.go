package papers

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/rollout"
)

var closing = Paper{File: "REPORT.md", Title: "Closing report", Write: func(b *strings.Builder, in *Input) {
	d := in.Final.Document(&in.Bundle.State.Rollout)
	open := in.points(d)
	in.short(b, d, open)
	fmt.Fprintf(b, "## Requirement and evidence\n\nAs %s stood %s.\n\n", in.goal(), in.decided(d))
	waivers(b, d)
	var rows [][]string
	for _, g := range d.Gates {
		var facts []string
		for _, f := range g.Facts {
			facts = append(facts, f.Name+" "+f.Stands+", "+measured(f.Fact)+in.since(f))
		}
		text := strings.Join(facts, "; ")
		if g.Why != "" {
			text = strings.TrimSuffix(g.Why+"; "+text, "; ")
		}
		rows = append(rows, []string{g.Title, g.Outcome.String(), text})
	}
	table(b, []string{"Requirement at " + in.goal(), "Stands", "Evidence"}, rows)
	in.stages(b)
	b.WriteString("## Windows of success\n\n")
	in.windows(b)
	in.figures(b)
	b.WriteString("## Open points\n\nWhat the plan withholds on purpose, what was waived, and what is not known or not so by now.\n\n")
	table(b, []string{"Kind", "What", "Why"}, open)
	in.lessons(b)
}}

// short says in a few lines how it ended, for who reads no further.
func (in *Input) short(b *strings.Builder, d *rollout.Document, open [][]string) {
	st := in.Bundle.State.Status(in.Now, 0)
	words := map[string]string{"planned": "was not begun", "observing": "is under observation", "applying": "is under way, and not whole",
		"soaking": "is applied, and stands", "soaked": "is applied, stands, and has soaked", "returned": "**was taken back**"}
	var stands []string
	signals, returns := 0, 0
	for _, one := range st.Stages {
		if stage := (&rollout.Stage{Name: one.Stage}); stage.Group() == in.goal() {
			stands = append(stands, fmt.Sprintf("At %s the change %s.", one.Stage, words[one.State]))
			signals, returns = signals+len(one.Signals), returns+len(one.Returns)
		}
	}
	kinds := map[string]int{}
	for _, row := range open {
		kinds[row[0]]++
	}
	var counted []string
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		counted = append(counted, fmt.Sprintf("%d %s", kinds[kind], kind))
	}
	points := "None is open."
	if len(counted) > 0 {
		points = counting(len(open), "point is", "points are") + " open: " + strings.Join(counted, ", ") + "."
	}
	closed := "The rollout is not closed."
	if st.Closed {
		closed = "The rollout is closed."
	}
	fmt.Fprintf(b, "Written %s. %s It was %s, on %d conditions, when it was begun; %s and %s were seen since. %s %s\n\n", stamp(in.Now), strings.Join(stands, " "), d.Answer, len(d.Gates),
		counting(signals, "signal", "signals"), counting(returns, "return", "returns"), points, closed)
}

// decided says as of when the last stage's decision is.
func (in *Input) decided(d *rollout.Document) string {
	if in.begun() {
		return "when it was begun, " + stamp(d.At)
	}
	return "now, " + stamp(d.At)
}

// since tells of a fact that was waived, or not known, what was found out later; nothing for others.
func (in *Input) since(f rollout.FactDocument) string {
	now, ok := in.Bundle.State.Fact(f.Stage, f.Name)
	if !ok || f.Stands == "pass" || !now.At.After(f.At) {
		return ""
	}
	return "; found out since: " + now.Outcome.String() + ", " + measured(now) + ", " + stamp(now.At)
}

// stages tells how each stage went.
func (in *Input) stages(b *strings.Builder) {
	b.WriteString("## Stages\n\n")
	var rows [][]string
	for _, s := range in.Bundle.State.Status(in.Now, 0).Stages {
		rows = append(rows, []string{s.Stage, s.State, stamp(s.Begun), stamp(s.Applied), s.Soaked + " of " + s.Soak, fmt.Sprint(s.Samples), fmt.Sprint(len(s.Signals)), fmt.Sprint(len(s.Returns))})
	}
	table(b, []string{"Stage", "State", "Begun", "Applied", "Soaked", "Samples", "Signals", "Returns"}, rows)
}

// points are what is withheld, waived, not known, or stands open: a kind, what, and why. Steps that are withheld for one reason stand together.
func (in *Input) points(d *rollout.Document) [][]string {
	var rows [][]string
	at := map[[2]string]int{}
	for _, w := range in.Plan.Withheld {
		key := [2]string{w.Kind, w.Why}
		if i, ok := at[key]; ok {
			rows[i][1] += ", " + w.Object
			continue
		}
		at[key] = len(rows)
		rows = append(rows, []string{"withheld", w.Kind + " on " + w.Object, w.Why})
	}
	for _, g := range d.Gates {
		for _, f := range g.Facts {
			if f.Stands != "waived" {
				continue
			}
			i := slices.IndexFunc(d.Waived, func(w rollout.WaivedFact) bool { return w.Fact == f.Name })
			rows = append(rows, []string{"waived", f.Name, d.Waived[i].Reason + in.since(f)})
		}
	}
	for _, s := range in.Bundle.State.Status(in.Now, 0).Stages {
		for _, table := range s.Open {
			rows = append(rows, []string{"open", table, "stands open to every tenant at " + s.Stage + " for " + s.Exposed})
		}
		if s.Unanswered > 0 {
			rows = append(rows, []string{"unanswered", s.Stage, fmt.Sprintf("%d alarms that nobody has answered", s.Unanswered)})
		}
	}
	if in.begun() {
		for _, w := range Windows() {
			if o, value, _ := in.judge(w); o != rollout.Pass {
				rows = append(rows, []string{o.String(), w.Text, value})
			}
		}
	}
	return rows
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
