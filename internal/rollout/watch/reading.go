package watch

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Key names one statement of one role, as pg_stat_statements does.
type Key struct {
	Role string `json:"role"`
	ID   int64  `json:"id"`
}

// A Statement is a statement's counters, and what it reads like.
type Statement struct {
	Key
	Text   string  `json:"text"`
	Calls  int64   `json:"calls"`
	Rows   int64   `json:"rows"`
	Millis float64 `json:"ms"`
	Blocks int64   `json:"blocks"`
}

// A Table is a table's counters.
type Table struct {
	Name    string `json:"name"`
	Seq     int64  `json:"seq"`
	SeqRows int64  `json:"seq_rows"`
	Writes  int64  `json:"writes"`
	Live    int64  `json:"live"`
}

// A Canary is what one tenant sees of one table, against what is there.
type Canary struct {
	Tenant  string `json:"tenant"`
	Table   string `json:"table"`
	Role    string `json:"role"`
	There   int64  `json:"there"`   // rows of the tenant, as a role that sees all has them; counted to a bound
	Seen    int64  `json:"seen"`    // rows that the application sees in the tenant's context
	Foreign int64  `json:"foreign"` // of the rows that were looked at, others'
}

// A Reading is one look at a database. What could not be read is in Unknown, by what it is.
type Reading struct {
	At         time.Time
	Epoch      string // start of the server and of its statistics: counters are compared within one only
	Statements map[Key]Statement
	Tables     map[string]Table
	Commits    int64 // of the application, as its statements tell: the database's own count has everybody's
	Rollbacks  int64
	Deadlocks  int64
	Lag        float64          // seconds of the last replica
	States     map[string]int64 // errors by SQLSTATE since the log began to be read; nil: not known
	Canaries   []Canary
	Undone     []string // steps of the plan on the tables applied that are not in place any more, by object
	UndoneOn   []string // their tables
	P95        *float64 // of the application, in seconds
	Alerts     []string // firing
	BackupAge  *float64 // seconds
	Trail      int64    // rows written to the trail
	Unknown    map[string]string

	alike map[string][]Key // statements by their text, once asked for
}

// same gives every role's key of a statement, by role: the same number, or the same text where the tables that it reads were made anew and
// the server numbers it otherwise.
func (r *Reading) same(s Statement) []Key {
	if r.alike == nil {
		r.alike = map[string][]Key{}
		for k, one := range r.Statements {
			for _, name := range names(one) {
				r.alike[name] = append(r.alike[name], k)
			}
		}
	}
	var out []Key
	for _, name := range names(s) {
		out = append(out, r.alike[name]...)
	}
	slices.SortFunc(out, func(a, b Key) int { return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.ID, b.ID)) })
	return slices.Compact(out)
}

// names are what a statement is known by.
func names(s Statement) []string {
	out := []string{fmt.Sprint(s.ID)}
	if text := squeeze(s.Text); text != "" {
		out = append(out, text)
	}
	return out
}

// readingJSON is how a reading is kept.
type readingJSON struct {
	At         time.Time         `json:"at"`
	Epoch      string            `json:"epoch"`
	Statements []Statement       `json:"statements"`
	Tables     []Table           `json:"tables"`
	Commits    int64             `json:"commits"`
	Rollbacks  int64             `json:"rollbacks"`
	Deadlocks  int64             `json:"deadlocks"`
	Lag        float64           `json:"lag_seconds"`
	States     map[string]int64  `json:"sqlstates"`
	Canaries   []Canary          `json:"canaries"`
	Undone     []string          `json:"undone"`
	P95        *float64          `json:"p95_seconds"`
	Alerts     []string          `json:"alerts"`
	BackupAge  *float64          `json:"backup_age_seconds"`
	Trail      int64             `json:"trail"`
	Unknown    map[string]string `json:"unknown"`
}

// json makes the form that is kept, sorted.
func (r *Reading) json() readingJSON {
	out := readingJSON{At: r.At, Epoch: r.Epoch, Commits: r.Commits, Rollbacks: r.Rollbacks, Deadlocks: r.Deadlocks, Lag: r.Lag, States: r.States, Canaries: r.Canaries,
		Undone: r.Undone, P95: r.P95, Alerts: r.Alerts, BackupAge: r.BackupAge, Trail: r.Trail, Unknown: r.Unknown}
	for _, s := range r.Statements {
		out.Statements = append(out.Statements, s)
	}
	slices.SortFunc(out.Statements, func(a, b Statement) int { return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.ID, b.ID)) })
	for _, t := range r.Tables {
		out.Tables = append(out.Tables, t)
	}
	slices.SortFunc(out.Tables, func(a, b Table) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// reading makes a reading of what was kept.
func (k *readingJSON) reading() *Reading {
	r := &Reading{At: k.At, Epoch: k.Epoch, Statements: map[Key]Statement{}, Tables: map[string]Table{}, Commits: k.Commits, Rollbacks: k.Rollbacks, Deadlocks: k.Deadlocks,
		Lag: k.Lag, States: k.States, Canaries: k.Canaries, Undone: k.Undone, P95: k.P95, Alerts: k.Alerts, BackupAge: k.BackupAge, Trail: k.Trail, Unknown: k.Unknown}
	for _, s := range k.Statements {
		r.Statements[s.Key] = s
	}
	for _, t := range k.Tables {
		r.Tables[t.Name] = t
	}
	return r
}

// anew reports whether counters began anew since the other reading: the server was started, or its statistics were reset.
func (r *Reading) anew(since *Reading) bool { return r.Epoch != since.Epoch }

// values are the figures of a sample that people read.
func (r *Reading) values(span *Span) map[string]float64 {
	out := map[string]float64{"statements": float64(len(r.Statements)), "lag_seconds": r.Lag}
	if r.P95 != nil {
		out["p95_seconds"] = *r.P95
	}
	if r.BackupAge != nil {
		out["backup_age_seconds"] = *r.BackupAge
	}
	if span != nil {
		calls, rows, ms := span.sum()
		out["calls"], out["rows"] = float64(calls), float64(rows)
		if calls > 0 {
			out["mean_ms"] = ms / float64(calls)
		}
		out["rollbacks"], out["commits"] = float64(r.Rollbacks-span.From.Rollbacks), float64(r.Commits-span.From.Commits)
	}
	if r.States != nil {
		out["sqlstates_known"] = 1
	}
	for state, n := range r.States {
		out["sqlstate_"+state] = float64(n)
	}
	return out
}

// unknown notes what could not be read.
func (r *Reading) unknown(what string, format string, args ...any) {
	if r.Unknown == nil {
		r.Unknown = map[string]string{}
	}
	r.Unknown[what] = fmt.Sprintf(format, args...)
}
