package papers

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/apply"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/rollout"
)

var runbook = Paper{File: "RUNBOOK.md", Title: "Runbook", Write: func(b *strings.Builder, in *Input) {
	all := in.last()
	stage, window := all[0], "at any time"
	if stage.Window.Cron != "" {
		window = fmt.Sprintf("`%s` %s, for %s; outside of it `advance` refuses", stage.Window.Cron, stage.Window.Zone, rollout.Brief(stage.Window.For))
	}
	var names []string
	for _, s := range all {
		names = append(names, "`"+s.Database+"`")
	}
	what := "the database " + names[0]
	if len(all) > 1 {
		what = fmt.Sprintf("the databases %s, which go together, cohort by cohort over all of them,", strings.Join(names, ", "))
	}
	fmt.Fprintf(b, "For %s at the stage `%s`. Window: %s. The connection comes from the variable that rollout.yaml names, directly to the server and not through a pooler.\n\n", what, in.goal(), window)
	fmt.Fprintf(b, "Stop at once where a condition under *Stop* is met: nothing that was done before needs to be undone in a hurry, and each step goes on where it was interrupted.\n\n")
	in.eight(b)
	in.waysBack(b)
	in.troubles(b)
}}

// eight are the steps, each with its commands and when to stop.
func (in *Input) eight(b *strings.Builder) {
	step := func(n int, title, stop string, lines ...string) {
		fmt.Fprintf(b, "## %d. %s\n\n```\n%s\n```\n\n*Stop* where %s.\n\n", n, title, strings.Join(lines, "\n"), stop)
	}
	at := " --stage " + in.goal()
	dsns := in.dsns()
	var verify, rotate []string
	for _, dsn := range dsns {
		verify, rotate = append(verify, "ringfence verify "+in.Definition.Plan+" "+dsn), append(rotate, "psql "+dsn+" -c 'SELECT pg_rotate_logfile()'")
	}
	step(1, "Back up", "the last backup is older than an hour, or the one that was restored lacks rows", "ringfence rollout rehearse"+at+" --fact backup_age --fact backup_restore")
	step(2, "Migrate", "it refuses (it says why), a step is held by another session for longer than its budget, or a cohort's signals stop it: what was begun is then taken back by itself",
		"ringfence rollout check"+at+"     # GREEN, or what is missing", "ringfence rollout advance"+at+"   # the canary cohort first")
	in.migration(b)
	step(3, "Verify", "a step is not in place, or any attack gets through", verify...)
	step(4, "Integration test", "a test fails", "ringfence rollout rehearse"+at+" --fact integration")
	step(5, "Deploy", "the application does not answer: `advance` runs the hooks deploy, health and smoke by itself, and takes the code back", "ringfence rollout rehearse"+at+" --fact health")
	step(6, "Check", "a key workflow fails, or tenants see fewer rows than before", "ringfence rollout rehearse"+at+" --fact workflows", "ringfence rollout watch"+at+" --once")
	step(7, "Turn on monitoring", "a rule is not loaded, or the test alert does not come back", "ringfence rollout rehearse"+at+" --fact alert_rules --fact alert_arrival", "ringfence rollout watch"+at+"          # a day: every 5, 15, 60 minutes; stop signals every minute")
	step(8, "Rotate logs", "the disk has less room than the indexes took", append(rotate, "ringfence rollout rehearse"+at+" --fact disk", "ringfence rollout close               # the closing report")...)
}

// dsns are those of the last stage's databases.
func (in *Input) dsns() (out []string) {
	for _, stage := range in.last() {
		out = append(out, in.dsn(stage.Name))
	}
	return out
}

// dsn is the variable that holds the operator's DSN of a stage, as a shell reads it.
func (in *Input) dsn(stage string) string {
	for _, s := range in.Definition.Stages {
		if s.Name == stage {
			return `"$` + s.DSN + `"`
		}
	}
	return `"$DSN"`
}

// migration lists the plan's own tables, with locks and the seconds that the rehearsal took.
func (in *Input) migration(b *strings.Builder) {
	r, from := in.measured()
	took := map[string]float64{}
	if r != nil {
		for _, s := range r.Steps {
			took[s.ID] = s.Seconds
		}
	}
	var order []string
	type line struct {
		steps   int
		seconds float64
		locks   []string
	}
	lines := map[string]*line{}
	total := 0.0
	for _, s := range in.Plan.Steps {
		name := s.Table
		if name == "" {
			name = "roles, functions and schemas"
		}
		if lines[name] == nil {
			lines[name] = &line{}
			order = append(order, name)
		}
		l := lines[name]
		l.steps, l.seconds, total = l.steps+1, l.seconds+took[s.ID], total+took[s.ID]
		if s.Lock != plan.NoLock && !slices.Contains(l.locks, string(s.Lock)) {
			l.locks = append(l.locks, string(s.Lock))
		}
	}
	var rows [][]string
	for _, name := range order {
		l := lines[name]
		expected := "not rehearsed"
		if r != nil {
			expected = seconds(l.seconds)
		}
		locks := strings.Join(l.locks, ", ")
		if locks == "" {
			locks = "none"
		}
		rows = append(rows, []string{name, fmt.Sprint(l.steps), locks, expected})
	}
	if r != nil {
		fmt.Fprintf(b, "%d steps, %s in the rehearsal for `%s`, on a copy without rows: indexes take longer by the size of their tables. The locks are the strongest that each step takes. Each lock is tried for at most two seconds at a time, so that nobody queues behind it.\n\n", len(in.Plan.Steps), seconds(total), from)
	}
	table(b, []string{"Table", "Steps", "Locks", "Rehearsed"}, rows)
}

// waysBack are the three ways back.
func (in *Input) waysBack(b *strings.Builder) {
	stage, back := in.last()[0], ""
	if r, _ := in.measured(); r != nil {
		back = fmt.Sprintf(" (all of it took %s in the rehearsal)", seconds(r.Back))
	}
	fmt.Fprintf(b, "## Three ways back\n\n**Schema only**%s:\n\n```\n", back)
	for _, dsn := range in.dsns() {
		fmt.Fprintf(b, "ringfence rollback %[1]s %[2]s --emergency --reason \"…\"   # the first rung: no signature, recorded, people are called\nringfence rollback %[1]s %[2]s   # all of it, in reverse order\n", in.Definition.Plan, dsn)
	}
	b.WriteString("```\n\n")
	hook := "no hook revert is given in rollout.yaml: deploy the version before by hand"
	if len(in.Definition.Hooks["revert"].Argv) > 0 {
		hook = "the hook revert does it, as the watch does by itself where the application is worse"
	}
	fmt.Fprintf(b, "**Code only**: %s. The tables stay.\n\n**Both**: the code first, then the schema.\n\nWhat a return may do by itself, by the rehearsed and signed way back of `%s`:\n\n", hook, stage.Name)
	var rows [][]string
	if l := in.Ladders[stage.Name]; l != nil {
		r := in.Rehearsed[stage.Name]
		for _, rung := range l.Rungs {
			opens := "nothing"
			if len(rung.Opens) > 0 {
				opens = fmt.Sprintf("%s; by itself only where the definition names them: %s", counting(len(rung.Opens), "table", "tables"), allowed(rung.Opens, in.Bundle.State.Rollout.OpenAllowed))
			}
			took := ""
			if r != nil {
				took = seconds(r.Rungs[string(rung.Rung)])
			}
			rows = append(rows, []string{string(rung.Rung), rungWords[rung.Rung], fmt.Sprint(len(rung.Tables)), took, opens})
		}
	}
	table(b, []string{"Rung", "What it does", "Tables, partitions counted", "Rehearsed", "Opens"}, rows)
}

// rungWords say what a rung does.
var rungWords = map[apply.Rung]string{
	apply.RungNoForce: "owners pass again; the application stays isolated", apply.RungInsecureDisable: "row security off; policies stay, and bind nobody",
	apply.RungPolicyForm: "the policies that were replaced come back", apply.RungFunction: "the functions of triggers do nothing", apply.RungTrigger: "triggers are disabled",
	apply.RungUnique: "unique constraints are swapped back, where no value is double by now",
}

func allowed(tables, named []string) string {
	var out []string
	for _, t := range tables {
		if slices.Contains(named, t) {
			out = append(out, t)
		}
	}
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, ", ")
}

// troubles are four, with their cures.
func (in *Input) troubles(b *strings.Builder) {
	b.WriteString("## Four troubles\n\n")
	table(b, []string{"Trouble", "Why", "Cure"}, [][]string{
		{"A relation exists already (42P07)", "an earlier attempt left it, or somebody else made it", "start again: what a killed run left is adopted or repaired, and what is not ours is named and left alone"},
		{"The application cannot insert (42501)", "its session names no tenant, or another one than the row's", "look for the statement in the server's log; set the tenant for the transaction; where it must not wait: `ringfence rollout return --rung policy-form`"},
		{"The journal is not written", "its disk is full, or its directory belongs to another user", "free it; events that were refused are counted; `ringfence trail verify` names what is missing"},
		{"Alerts are silent", "the rules are not loaded, or nothing scrapes the metrics", "`ringfence rollout rehearse --fact alert_rules --fact alert_arrival` says which; TrailMetricAbsent fires where the metrics are gone"},
	})
}
