// Package bench times tenant-scoped queries with and without row security, and says which index is really used. It only reads.
//
// A case is one query over one table, run in turns in two ways: as the role of the connection, which row security does not bind, and
// as the application's role in a tenant's context. The difference is what the policy costs. Turns alternate, so that what the machine
// does beside falls on both; what is kept is the median, the least, the 95th percentile and the median absolute deviation.
//
// To add a query: one entry of queries in query.go.
package bench

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// SchemaVersion names the JSON form of a Document.
const SchemaVersion = "ringfence/bench/v1"

// WorseAt is the ratio above which a case is worse.
const WorseAt = 1.2

// LeastEffect is how many milliseconds a case has to be slower than in an earlier document to be worse: the two were not measured in
// turns, and what the machine does beside is most of a smaller difference.
const LeastEffect = 0.5

// WorseThan reports whether now is slower than an earlier timing of the same case by more than a fifth, the noise of both and
// LeastEffect.
func (now *Timing) WorseThan(then *Timing) bool {
	more := now.Median - then.Median
	return now.Median > WorseAt*then.Median && more > 2*(now.MAD+then.MAD) && more > LeastEffect
}

// A Document is the timings of one database.
type Document struct {
	Schema  string         `json:"schema"`
	Server  map[string]any `json:"server"`
	Bench   []Case         `json:"bench"` // sorted by table, query and role
	Summary Summary        `json:"summary"`
}

// A Summary counts a Document's cases.
type Summary struct {
	Cases    int `json:"cases"`
	Worse    int `json:"worse"`
	NoIndex  int `json:"no_index"` // cases in which the application's role reads without an index
	Unknown  int `json:"unknown"`
	Compared int `json:"compared"` // with an earlier document
}

// A Case is one query over one table.
type Case struct {
	Table   string  `json:"table"`
	Query   string  `json:"query"` // key_lookup, tenant_list, recent, count
	SQL     string  `json:"sql"`
	Role    string  `json:"role"`
	Policy  bool    `json:"policy"` // row security binds the role on the table
	Without *Timing `json:"without"`
	With    *Timing `json:"with"`
	Plan    *Plan   `json:"plan"`           // under the application's role
	Cost    float64 `json:"policy_cost_ms"` // difference of the medians
	Ratio   float64 `json:"ratio"`          // of the medians, with to without; 0: unknown
	Worse   bool    `json:"worse"`
	Unknown string  `json:"unknown,omitempty"` // why it could not be timed
	Before  *Before `json:"before,omitempty"`  // the same case in an earlier document
}

// A Before compares a case with the same one of an earlier document, both as the application.
type Before struct {
	Median float64 `json:"median_ms"`
	Index  string  `json:"index"`
	Ratio  float64 `json:"ratio"` // now to then
	Worse  bool    `json:"worse"`
}

// A Timing sums up the runs of one way, in milliseconds.
type Timing struct {
	Runs   int     `json:"runs"`
	Median float64 `json:"median_ms"`
	Min    float64 `json:"min_ms"`
	P95    float64 `json:"p95_ms"`
	MAD    float64 `json:"mad_ms"` // median absolute deviation from the median
}

// A Plan is what the server did.
type Plan struct {
	Node    string   `json:"node"`    // the topmost node that reads the table
	Indexes []string `json:"indexes"` // used, in the order of the plan
	Rows    float64  `json:"rows"`    // that the query returned
	Removed float64  `json:"removed"` // rows read and dropped by a filter
	Blocks  float64  `json:"blocks"`  // of tables and indexes, found in memory or read
}

// Sum sums up samples; nil for none. It does not change them.
func Sum(samples []time.Duration) *Timing {
	if len(samples) == 0 {
		return nil
	}
	ms := make([]float64, len(samples))
	for i, d := range samples {
		ms[i] = float64(d.Nanoseconds()) / 1e6
	}
	slices.Sort(ms)
	median := middle(ms)
	off := make([]float64, len(ms))
	for i, v := range ms {
		off[i] = math.Abs(v - median)
	}
	slices.Sort(off)
	return &Timing{Runs: len(ms), Median: round(median), Min: round(ms[0]), P95: round(ms[int(math.Ceil(0.95*float64(len(ms))))-1]), MAD: round(middle(off))}
}

// middle is the median of sorted values.
func middle(sorted []float64) float64 {
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

// round keeps microseconds.
func round(ms float64) float64 { return math.Round(ms*1000) / 1000 }

// judge fills in what follows from a case's timings. A difference within the noise of both is none.
func (c *Case) judge() {
	if c.With == nil || c.Without == nil {
		return
	}
	c.Cost = round(c.With.Median - c.Without.Median)
	if c.Without.Median > 0 {
		c.Ratio = math.Round(c.With.Median/c.Without.Median*100) / 100
	}
	c.Worse = c.Policy && c.Ratio > WorseAt && c.Cost > 2*(c.With.MAD+c.Without.MAD)
}

// Against compares a document with an earlier one, as the application saw both.
func (d *Document) Against(earlier *Document) {
	for i := range d.Bench {
		c := &d.Bench[i]
		for _, e := range earlier.Bench {
			if e.Table != c.Table || e.Query != c.Query || e.With == nil || c.With == nil {
				continue
			}
			b := &Before{Median: e.With.Median, Index: e.Plan.index()}
			if e.With.Median > 0 {
				b.Ratio = math.Round(c.With.Median/e.With.Median*100) / 100
			}
			c.Before = b
			b.Worse = c.With.WorseThan(e.With)
			c.Worse = c.Worse || b.Worse
		}
	}
	d.summarize()
}

func (p *Plan) index() string {
	if p == nil || len(p.Indexes) == 0 {
		return ""
	}
	return p.Indexes[0]
}

func (d *Document) summarize() {
	slices.SortFunc(d.Bench, func(a, b Case) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.Query, b.Query), cmp.Compare(a.Role, b.Role))
	})
	d.Summary = Summary{Cases: len(d.Bench)}
	for _, c := range d.Bench {
		if c.Worse {
			d.Summary.Worse++
		}
		if c.Unknown != "" {
			d.Summary.Unknown++
		} else if c.Plan != nil && len(c.Plan.Indexes) == 0 {
			d.Summary.NoIndex++
		}
		if c.Before != nil {
			d.Summary.Compared++
		}
	}
}
