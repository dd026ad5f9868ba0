package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/audit"
	"github.com/ringfencehq/ringfence/internal/bench"
	"github.com/ringfencehq/ringfence/internal/catalog"
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
