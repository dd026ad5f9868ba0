package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/english"
	"github.com/ringfencehq/ringfence/internal/visible"
)

// lockEffects says in words what a lock does to others.
var lockEffects = map[Lock]string{
	NoLock:               "no table is locked",
	AccessShare:          "nobody waits",
	RowShare:             "nobody waits",
	RowExclusive:         "the rows that are changed are locked until the batch ends",
	ShareUpdateExclusive: "reads and writes go on; VACUUM, ANALYZE and other index builds on the table wait",
	Share:                "reads go on, writes to the table wait for a moment",
	ShareRowExclusive:    "reads go on, writes to the table wait for a moment",
	AccessExclusive:      "reads and writes of the table wait for a moment",
}

// waveTitles says what happens in each wave.
var waveTitles = map[int]string{
	1: "Indexes", 2: "Columns and the functions that fill them", 3: "The application's role", 4: "Foreign keys",
	5: "Back-fill", 6: "Constraints and triggers", 7: "Views, functions, privileges, roles", 8: "Policies and row security, one transaction a table",
	9: "FORCE, with an approval of its own",
}

// runbookMD is the plan for people.
func runbookMD(p *Plan) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Runbook\n\n%s, %d withheld. The plan is bound to the state `%s`.\n\n", english.Count(len(p.Steps), "step"), len(p.Withheld), p.Fingerprint)
	b.WriteString("## Commands\n\nThe connection comes from `RINGFENCE_DSN`, `DATABASE_URL` or the PG* variables, directly to the server and not through a pooler.\n\n```\n" +
		"ringfence apply .  --dry-run   # what would be done, and what is in the way\nringfence apply .              # goes on by itself where it was interrupted\n" +
		"ringfence verify .             # every step is in place, and attacks as the application's role fail\nringfence rollback .           # all of it, or one table with --table\n```\n\n" +
		"By hand: `psql -X -v ON_ERROR_STOP=1 -f forward.sql`, then `verify.sql`; back with `rollback.sql`.\n\n")
	writeDangers(&b, p)
	for _, wave := range waves(p.Steps) {
		writeWave(&b, p, wave)
	}
	writeWatch(&b)
	writeWithheld(&b, p)
	return b.String()
}

func writeDangers(b *strings.Builder, p *Plan) {
	forward, back := map[string]int{}, map[string]int{}
	for _, s := range p.Steps {
		for _, d := range s.Danger {
			forward[d]++
		}
		for _, d := range s.UndoDanger {
			back[d]++
		}
	}
	b.WriteString("## Danger\n\n")
	if len(forward)+len(back) == 0 {
		b.WriteString("None of the steps needed to be allowed by name.\n\n")
		return
	}
	for _, d := range sortedKeys(forward) {
		fmt.Fprintf(b, "* `%s`: %s, allowed by name when the plan was made.\n", d, english.Count(forward[d], "step"))
	}
	for _, d := range sortedKeys(back) {
		fmt.Fprintf(b, "* `%s`: going back over %s must be allowed by name (`psql -v %s=1`).\n", d, english.Count(back[d], "step"), d)
	}
	b.WriteString("\n")
}

func waves(steps []Step) []int {
	var out []int
	for _, s := range steps {
		if !slices.Contains(out, s.Wave) {
			out = append(out, s.Wave)
		}
	}
	return out
}

func writeWave(b *strings.Builder, p *Plan, wave int) {
	fmt.Fprintf(b, "## Wave %d: %s\n\n| step | what | on | while it runs | undo |\n|---|---|---|---|---|\n", wave, waveTitles[wave])
	kinds := map[string]bool{}
	var notes []string
	for _, s := range p.Steps {
		if s.Wave != wave {
			continue
		}
		kinds[s.Kind] = true
		undo := lockEffects[s.UndoLock]
		if len(s.Undo) == 0 {
			undo = "none: " + s.NoUndo
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s |\n", s.ID, cell(s.Kind), cell(s.Object), cell(lockEffects[s.Lock]), cell(undo))
		if s.Note != "" {
			notes = append(notes, fmt.Sprintf("* %s: %s\n", cell(s.Object), cell(s.Note)))
		}
	}
	b.WriteString("\n")
	for _, name := range sortedKeys(kinds) {
		if k := KindByName(name); k != nil {
			fmt.Fprintf(b, "**%s**: %s\n\n", name, k.Doc)
		}
	}
	for _, n := range notes {
		b.WriteString(n)
	}
	if len(notes) > 0 {
		b.WriteString("\n")
	}
}

func writeWatch(b *strings.Builder) {
	b.WriteString("## What to look at\n\n" +
		"* Before: no transaction older than a minute (`pg_stat_activity.xact_start`), no autovacuum against wraparound on the tables, replicas in step, room on disk for the new indexes.\n" +
		"* During: sessions that wait for a lock (`pg_locks` with `granted = false`), the phase of index builds (`pg_stat_progress_create_index`).\n" +
		"* After wave 8: the number of rows the application gets, errors 42501, and its slowest statements, table by table; hold the next wave while they differ from before.\n" +
		"* Back: NO FORCE first, then DISABLE for one table, which opens its isolation; an index or column may stay.\n\n")
}

func writeWithheld(b *strings.Builder, p *Plan) {
	if len(p.Withheld) == 0 {
		return
	}
	b.WriteString("## Withheld\n\n| what | on | why | allowed by |\n|---|---|---|---|\n")
	for _, w := range p.Withheld {
		allow := ""
		if w.Allow != "" {
			allow = "`--allow " + w.Allow + "`"
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", cell(w.Kind), cell(w.Object), cell(w.Why), cell(allow))
	}
}

// cell keeps a name from being read as Markdown or HTML.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", ">", "&gt;", "&", "&amp;", "*", `\*`, "[", `\[`, "]", `\]`).Replace(visible.Line(s))
}
