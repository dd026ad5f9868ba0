package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/ringfencehq/ringfence/internal/apply"
	"github.com/ringfencehq/ringfence/internal/catalog"
)

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
