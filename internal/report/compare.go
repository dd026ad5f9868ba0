package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ringfencehq/ringfence/internal/apply"
	"github.com/ringfencehq/ringfence/internal/audit"
	"github.com/ringfencehq/ringfence/internal/bench"
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/prove"
	"github.com/ringfencehq/ringfence/internal/reach"
)

// CompareVersion names the JSON form of a before-and-after report.
const CompareVersion = "ringfence/compare/v1"

// A Compare sets two states of one database beside each other: which holes were open and what closed them, and what that cost.
// Everything in it is read off documents; what no document tells is left out and named in Missing.
type Compare struct {
	Schema   string          `json:"schema"`
	Before   Server          `json:"before"`
	After    Server          `json:"after"`
	Holes    []Hole          `json:"holes"`    // by class, the gravest first
	Findings []FindingChange `json:"findings"` // by rule, the gravest first
	Registry []Registered    `json:"registry"` // every table after
	Indexes  []MadeIndex     `json:"indexes"`  // there after, not before
	Triggers []string        `json:"triggers"` // there after, not before: "trigger on table"
	Queries  []QueryChange   `json:"queries"`
	Missing  []string        `json:"missing"`
	Summary  CompareSummary  `json:"summary"`
}

// A CompareSummary counts a Compare.
type CompareSummary struct {
	OpenBefore   int     `json:"open_before"` // ways to another tenant's row that were not accepted
	OpenAfter    int     `json:"open_after"`
	Closed       int     `json:"closed"`
	Accepted     int     `json:"accepted"`
	WorstBefore  float64 `json:"worst_before"` // CVSS base score
	WorstAfter   float64 `json:"worst_after"`
	IndexBytes   int64   `json:"index_bytes"`
	BuildSeconds float64 `json:"build_seconds"`
	Worse        int     `json:"worse"` // queries slower by more than a fifth
}

// A Hole is a class of ways to other tenants' rows: by what they lead over.
type Hole struct {
	Class    string   `json:"class"`
	Commands []string `json:"commands"` // that were open before
	Tables   []string `json:"tables"`
	CVSS     CVSS     `json:"cvss"`  // of what was open before
	After    CVSS     `json:"after"` // of what is open now
	Before   int      `json:"open_before"`
	Open     int      `json:"open_after"`
	Proved   int      `json:"proved"`   // of those open before, closed now by logic
	Probed   int      `json:"probed"`   // closed now as far as an attack shows
	Gone     int      `json:"gone"`     // the way does not exist any more
	Accepted int      `json:"accepted"` // open on purpose now
	Example  string   `json:"example"`  // one way, and what it gave
}

// A FindingChange is what became of one rule's findings.
type FindingChange struct {
	ID       string         `json:"id"`
	Title    string         `json:"title"`
	Severity audit.Severity `json:"severity"` // the gravest of them
	Before   int            `json:"before"`
	After    int            `json:"after"`
	New      []string       `json:"new"` // objects that were none before
	Still    []string       `json:"still"`
}

// A Registered is a table's line in the registry.
type Registered struct {
	Table  string   `json:"table"`
	Class  string   `json:"class"`
	Key    []string `json:"key"`
	Why    string   `json:"why"`
	Policy []string `json:"policy"`
	Forced bool     `json:"forced"`
	Index  string   `json:"index"` // one that is led by the key
	Since  string   `json:"since"` // when row security came: a time, "before", or "" where it has none
}

// A MadeIndex is an index that was not there before.
type MadeIndex struct {
	Index   string  `json:"index"`
	Table   string  `json:"table"`
	Bytes   int64   `json:"bytes"`
	Seconds float64 `json:"build_seconds"` // 0: no run tells
}

// A QueryChange is one timed query, as the application ran it before and after.
type QueryChange struct {
	Table        string  `json:"table"`
	Query        string  `json:"query"`
	Before       float64 `json:"before_ms"`
	After        float64 `json:"after_ms"`
	BlocksBefore float64 `json:"blocks_before"`
	BlocksAfter  float64 `json:"blocks_after"`
	IndexAfter   string  `json:"index_after"`
	Ratio        float64 `json:"ratio"`
	Worse        bool    `json:"worse"`
}

// A State is what documents tell of a database at one time. Each part may be nil.
type State struct {
	Audit    *Audit
	Prove    *Prove
	Bench    *bench.Document
	Snapshot *catalog.Snapshot
}

// Add takes a document in. The error is for one that tells nothing of a state.
func (s *State) Add(r *Report) error {
	switch {
	case r.Audit != nil:
		s.Audit = r.Audit
	case r.Prove != nil:
		s.Prove = r.Prove
	case r.Bench != nil:
		s.Bench = r.Bench
	default:
		return fmt.Errorf("comparing: a document of ringfence audit, prove, bench or snapshot is wanted")
	}
	return nil
}

// OfCompare makes the report of two states, and of the runs between them. The error is for states of two databases.
func OfCompare(before, after State, runs []*Run) (*Report, error) {
	d := &Compare{Schema: CompareVersion, Before: before.server(), After: after.server(), Holes: []Hole{}, Findings: []FindingChange{},
		Registry: []Registered{}, Indexes: []MadeIndex{}, Triggers: []string{}, Queries: []QueryChange{}, Missing: []string{}}
	if b, a := d.Before, d.After; b.SystemIdentifier != "" && a.SystemIdentifier != "" && (b.SystemIdentifier != a.SystemIdentifier || b.Database != a.Database) {
		return nil, fmt.Errorf("comparing: before is of database %q of system %s, after of %q of system %s", b.Database, b.SystemIdentifier, a.Database, a.SystemIdentifier)
	}
	missing := func(there bool, what, verb string) bool {
		if !there {
			d.Missing = append(d.Missing, what+": documents of ringfence "+verb+" from before and after would tell")
		}
		return there
	}
	if missing(before.Prove != nil && after.Prove != nil, "which ways were open and what closes them", "prove") {
		d.holes(before.Prove, after.Prove)
	}
	if missing(before.Audit != nil && after.Audit != nil, "what became of the findings", "audit") {
		d.findings(before.Audit, after.Audit)
	}
	if missing(before.Snapshot != nil && after.Snapshot != nil, "indexes, triggers and the registry's policies", "snapshot") {
		d.made(before.Snapshot, after.Snapshot, runs)
	}
	d.registry(before, after, runs)
	if missing(before.Bench != nil && after.Bench != nil, "times and blocks", "bench") {
		d.queries(before.Bench, after.Bench)
	}
	return &Report{Compare: d}, nil
}

// server is where a state's documents come from.
func (s State) server() Server {
	switch {
	case s.Audit != nil:
		return s.Audit.Server
	case s.Prove != nil:
		return s.Prove.Server
	case s.Snapshot != nil:
		v := s.Snapshot.Server
		return Server{VersionNum: v.VersionNum, Database: v.Database, SystemIdentifier: v.SystemIdentifier}
	}
	return Server{}
}

// holeOf names the class of a way, by what it leads over.
func holeOf(c *prove.Cell) string {
	if c.Kind == reach.Inference {
		return "guessing what others hold"
	}
	for _, h := range c.Path {
		if words := holeWords[h.Via]; words != "" {
			return words
		}
	}
	return "directly, by the table itself"
}

var holeWords = map[string]string{
	"view": "over a view", "matview": "over a materialized view", "function": "over a function", "trigger": "over a trigger", "rule": "over a rule",
	"default": "over a column's default", "partition": "past the parent, by a partition", "parent": "by a parent table", "foreign_table": "over a foreign table",
	"publication": "by replication", "constraint": "over a constraint", "set_role": "as another role", "owner": "as the owner",
}

// cellKey tells one way from another in two documents. The application's role may have changed between them, which closes what the
// old one could do; roles are left out so that the ways of the new one stand in their place.
func cellKey(c *prove.Cell) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\x00%s\x00%s\x00%s", c.Relation, c.Command, c.Variant, c.Kind)
	for _, h := range c.Path {
		fmt.Fprintf(&b, "\x00%s %s", h.Via, h.Name)
	}
	return b.String()
}

func (d *Compare) holes(before, after *Prove) {
	now := map[string]*prove.Cell{}
	for i := range after.Cells {
		c := &after.Cells[i]
		if old := now[cellKey(c)]; old == nil || prove.Worse(c.Verdict, old.Verdict) {
			now[cellKey(c)] = c
		}
	}
	by := map[string]*Hole{}
	hole := func(c *prove.Cell) *Hole {
		class := holeOf(c)
		if by[class] == nil {
			by[class] = &Hole{Class: class, Commands: []string{}, Tables: []string{}}
		}
		return by[class]
	}
	was, is := map[string][]*prove.Cell{}, map[string][]*prove.Cell{}
	for i := range before.Cells {
		c := &before.Cells[i]
		if c.Accepted != nil || !isOpen(*c) {
			continue
		}
		h := hole(c)
		h.Before++
		h.Commands, h.Tables = append(h.Commands, c.Command), append(h.Tables, c.Relation)
		h.Example = cmp.Or(h.Example, cellText(*c))
		was[h.Class] = append(was[h.Class], c)
		switch n := now[cellKey(c)]; {
		case n == nil:
			h.Gone++
		case n.Verdict == prove.Proved:
			h.Proved++
		case n.Verdict == prove.Probed:
			h.Probed++
		}
	}
	for i := range after.Cells {
		c := &after.Cells[i]
		if !isOpen(*c) && c.Accepted == nil {
			continue
		}
		h := hole(c)
		if c.Accepted != nil {
			h.Accepted++
			continue
		}
		h.Open++
		is[h.Class] = append(is[h.Class], c)
	}
	for class, h := range by {
		h.Commands, h.Tables = unique(h.Commands), unique(h.Tables)
		h.CVSS, h.After = worst(was[class]), worst(is[class])
		d.Holes = append(d.Holes, *h)
		s := &d.Summary
		s.OpenBefore, s.OpenAfter, s.Accepted = s.OpenBefore+h.Before, s.OpenAfter+h.Open, s.Accepted+h.Accepted
		s.Closed += h.Proved + h.Probed + h.Gone
		s.WorstBefore, s.WorstAfter = max(s.WorstBefore, h.CVSS.Score), max(s.WorstAfter, h.After.Score)
	}
	slices.SortFunc(d.Holes, func(a, b Hole) int {
		return cmp.Or(-cmp.Compare(a.CVSS.Score, b.CVSS.Score), -cmp.Compare(a.Before, b.Before), cmp.Compare(a.Class, b.Class))
	})
}

// worst computes the vector of what all of the ways together give.
func worst(cells []*prove.Cell) CVSS {
	c, i, a, guessed := impactNone, impactNone, impactNone, true
	for _, cell := range cells {
		if cell.Kind == reach.Inference {
			if c == impactNone {
				c = impactLow
			}
			continue
		}
		guessed = false
		switch cell.Command {
		case "SELECT", "REFERENCES", "TRIGGER":
			c = impactHigh
		case "INSERT", "UPDATE", "MERGE":
			i = impactHigh
		case "DELETE", "TRUNCATE":
			i, a = impactHigh, impactHigh
		default:
			a = max(a, impactLow)
		}
	}
	return cvss(guessed, c, i, a)
}

func (d *Compare) findings(before, after *Audit) {
	by := map[string]*FindingChange{}
	was := map[string]bool{}
	note := func(f *audit.Finding) *FindingChange {
		c := by[f.ID]
		if c == nil {
			c = &FindingChange{ID: f.ID, Title: f.Title, Severity: f.Severity, New: []string{}, Still: []string{}}
			by[f.ID] = c
		}
		return c
	}
	for i := range before.Findings {
		if f := &before.Findings[i]; f.Accepted == nil {
			note(f).Before++
			was[f.ID+"\x00"+f.Object] = true
		}
	}
	for i := range after.Findings {
		f := &after.Findings[i]
		if f.Accepted != nil {
			continue
		}
		c := note(f)
		c.After++
		if was[f.ID+"\x00"+f.Object] {
			c.Still = append(c.Still, f.Object)
		} else {
			c.New = append(c.New, f.Object)
		}
	}
	for _, c := range by {
		c.New, c.Still = some(unique(c.New)), some(unique(c.Still))
		d.Findings = append(d.Findings, *c)
	}
	order := []audit.Severity{audit.Critical, audit.High, audit.Medium, audit.Low, audit.Info}
	slices.SortFunc(d.Findings, func(a, b FindingChange) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Severity), slices.Index(order, b.Severity)), cmp.Compare(a.ID, b.ID))
	})
}

// made lists what is there after and was not before.
func (d *Compare) made(before, after *catalog.Snapshot, runs []*Run) {
	took := map[string]float64{}
	for _, run := range runs {
		for _, s := range run.Steps {
			if s.Outcome == apply.Did {
				took[s.Object] += s.Seconds
			}
		}
	}
	for i := range after.Relations {
		r := &after.Relations[i]
		old := before.Relation(r.Identity())
		for k := range r.Indexes {
			x := &r.Indexes[k]
			if r.System || old != nil && slices.ContainsFunc(old.Indexes, func(o catalog.Index) bool { return o.Name == x.Name }) {
				continue
			}
			made := MadeIndex{Index: x.Identity(r), Table: r.Identity(), Bytes: x.Bytes, Seconds: took[x.Identity(r)]}
			d.Indexes = append(d.Indexes, made)
			d.Summary.IndexBytes += made.Bytes
			d.Summary.BuildSeconds += made.Seconds
		}
		for k := range r.Triggers {
			name := r.Triggers[k].Name
			if r.System || old != nil && slices.ContainsFunc(old.Triggers, func(o catalog.Trigger) bool { return o.Name == name }) {
				continue
			}
			d.Triggers = append(d.Triggers, catalog.QuoteIdent(name)+" on "+r.Identity())
		}
	}
	slices.SortFunc(d.Indexes, func(a, b MadeIndex) int { return cmp.Or(-cmp.Compare(a.Bytes, b.Bytes), cmp.Compare(a.Index, b.Index)) })
	slices.Sort(d.Triggers)
}

// registry lists every table as it was read after, with what protects it and since when.
func (d *Compare) registry(before, after State, runs []*Run) {
	var m *Model
	switch {
	case after.Audit != nil:
		m = &after.Audit.Model
	case after.Prove != nil:
		m = &after.Prove.Model
	default:
		d.Missing = append(d.Missing, "the registry of tables: a document of ringfence audit from after would tell")
		return
	}
	since := map[string]string{}
	for _, run := range runs {
		for _, s := range run.Steps {
			if s.Outcome == apply.Did && s.Kind == "enable_rls" && run.Ended != nil {
				since[s.Table] = run.Ended.UTC().Format(time.RFC3339)
			}
		}
	}
	for _, t := range m.Tables {
		line := Registered{Table: t.Name, Class: string(t.Class), Key: some(t.Key), Why: t.Why, Policy: []string{}}
		if after.Snapshot != nil {
			line.of(after.Snapshot.Relation(t.Name), t.Key)
			if r := after.Snapshot.Relation(t.Name); r != nil && r.RowSecurity {
				line.Since = cmp.Or(since[t.Name], "unknown")
				if before.Snapshot != nil {
					if old := before.Snapshot.Relation(t.Name); old != nil && old.RowSecurity {
						line.Since = "before"
					}
				}
			}
		}
		d.Registry = append(d.Registry, line)
	}
	slices.SortFunc(d.Registry, func(a, b Registered) int { return cmp.Compare(a.Table, b.Table) })
}

// of fills in what the catalogue says of a table.
func (line *Registered) of(r *catalog.Relation, key []string) {
	if r == nil {
		return
	}
	line.Forced = r.ForceRLS
	for _, p := range r.Policies {
		if r.RowSecurity {
			line.Policy = append(line.Policy, p.Name)
		}
	}
	for i := range r.Indexes {
		x := &r.Indexes[i]
		if len(key) > 0 && x.Valid && len(x.Keys) > 0 && x.Keys[0].Column == key[0] {
			line.Index = x.Name
			return
		}
	}
}

func (d *Compare) queries(before, after *bench.Document) {
	for _, c := range after.Bench {
		i := slices.IndexFunc(before.Bench, func(b bench.Case) bool { return b.Table == c.Table && b.Query == c.Query })
		if i < 0 || c.With == nil || before.Bench[i].With == nil {
			continue
		}
		b := before.Bench[i]
		q := QueryChange{Table: c.Table, Query: c.Query, Before: b.With.Median, After: c.With.Median}
		if b.Plan != nil {
			q.BlocksBefore = b.Plan.Blocks
		}
		if c.Plan != nil {
			q.BlocksAfter, q.IndexAfter = c.Plan.Blocks, strings.Join(c.Plan.Indexes, ", ")
		}
		if q.Before > 0 {
			q.Ratio = q.After / q.Before
		}
		q.Worse = c.With.WorseThan(b.With)
		if q.Worse {
			d.Summary.Worse++
		}
		d.Queries = append(d.Queries, q)
	}
	slices.SortFunc(d.Queries, func(a, b QueryChange) int {
		if a.Worse != b.Worse {
			return map[bool]int{true: -1, false: 1}[a.Worse]
		}
		return cmp.Or(-cmp.Compare(a.Before, b.Before), cmp.Compare(a.Table, b.Table), cmp.Compare(a.Query, b.Query))
	})
}
