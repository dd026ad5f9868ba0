// Package fleet asks the same question of many databases: in parallel with a limit, one line each, worst first. A database that
// cannot be asked is unknown, and unknown is never fine.
//
// To add a question: verb_NAME.go with one Verb and its line in Verbs.
package fleet

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/drift"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// SchemaVersion names the JSON form of a fleet's document.
const SchemaVersion = "ringfence/fleet/v1"

// A Verdict is what a question came to for one database. They are compared by how bad they are.
type Verdict string

// The verdicts, worst first. Unknown comes behind what was found, and before what is clean.
const (
	Found   Verdict = "found"
	Unknown Verdict = "unknown"
	Clean   Verdict = "clean"
)

var verdicts = []Verdict{Found, Unknown, Clean}

// Verdicts returns them, worst first.
func Verdicts() []Verdict { return slices.Clone(verdicts) }

// A Line is one database's answer.
type Line struct {
	Name    string            `json:"name"`
	Groups  []string          `json:"groups"`
	Labels  map[string]string `json:"labels"`
	Verdict Verdict           `json:"verdict"`
	Why     string            `json:"why"`
	Counts  map[string]int    `json:"counts"`
	Seconds float64           `json:"seconds"`
	// Weight orders lines of one verdict: how much was found.
	Weight int `json:"weight"`
}

// A Document is the answers of a fleet.
type Document struct {
	Schema    string          `json:"schema"`
	Verb      string          `json:"verb"`
	Databases []Line          `json:"databases"`
	Summary   map[Verdict]int `json:"summary"`
}

// A Target is one database and how it is read; what is asked of it uses the same functions as the verb for one database.
type Target struct {
	Database Database
	Connect  func(context.Context) (*pgx.Conn, error)
	Infer    func(*catalog.Snapshot) (*tenancy.Model, error)
	// Accepted reads the accepted state, for drift; Compare holds another one against it.
	Accepted func() (*catalog.Snapshot, error)
	Compare  func(accepted, present *catalog.Snapshot) (drift.Result, error)
	// Grave says which severities of findings count.
	Grave func(severity string) bool
	// Rollout says how far the database's rollout is; an error means that it cannot be told.
	Rollout func(context.Context) (Line, error)
	Now     func() time.Time
}

// A Verb is one question. An error of Ask makes the database unknown.
type Verb struct {
	Name string // file name without "verb_" and ".go"
	Doc  string
	Ask  func(ctx context.Context, t *Target) (Line, error)
}

// Verbs returns every verb.
func Verbs() []Verb { return []Verb{auditVerb, driftVerb, proveVerb, rolloutVerb} }

// Options say how many are asked at once, how long one may take, and who is told of progress.
type Options struct {
	Parallel int           // 0: 8
	Limit    time.Duration // of one database; 0: five minutes
	Progress func(done, total int, name string)
}

// Ask asks every target. Its error is the context's: then nothing is told of the databases.
func Ask(ctx context.Context, v Verb, targets []*Target, o Options) (*Document, error) {
	lines := make([]Line, len(targets))
	next := make(chan int)
	var wait sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for range min(cmp.Or(max(o.Parallel, 0), 8), max(len(targets), 1)) {
		wait.Go(func() {
			for i := range next {
				lines[i] = one(ctx, v, targets[i], cmp.Or(o.Limit, 5*time.Minute))
				mu.Lock()
				if done++; o.Progress != nil {
					o.Progress(done, len(targets), lines[i].Name)
				}
				mu.Unlock()
			}
		})
	}
	for i := range targets {
		next <- i
	}
	close(next)
	wait.Wait()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("asking the fleet: %w", ctx.Err())
	}
	slices.SortFunc(lines, Worse)
	d := &Document{Schema: SchemaVersion, Verb: v.Name, Databases: lines, Summary: map[Verdict]int{Found: 0, Unknown: 0, Clean: 0}}
	for _, l := range lines {
		d.Summary[l.Verdict]++
	}
	return d, nil
}

// Worse orders lines, the worst first.
func Worse(a, b Line) int {
	return cmp.Or(cmp.Compare(slices.Index(verdicts, a.Verdict), slices.Index(verdicts, b.Verdict)), -cmp.Compare(a.Weight, b.Weight), cmp.Compare(a.Name, b.Name))
}

// one asks one database. Whatever breaks makes it unknown, and nothing else.
func one(ctx context.Context, v Verb, t *Target, limit time.Duration) (l Line) {
	began := time.Now()
	ctx, stop := context.WithTimeout(ctx, limit)
	defer stop()
	defer func() {
		if p := recover(); p != nil {
			l = Line{Verdict: Unknown, Why: fmt.Sprintf("the question broke off: %T", p)}
		}
		l.Name, l.Groups, l.Labels = t.Database.Name, append([]string{}, t.Database.Groups...), t.Database.Labels
		if l.Labels == nil {
			l.Labels = map[string]string{}
		}
		if l.Counts == nil {
			l.Counts = map[string]int{}
		}
		if !slices.Contains(verdicts, l.Verdict) {
			l.Verdict = Unknown
		}
		l.Seconds = time.Since(began).Seconds()
	}()
	var err error
	if l, err = v.Ask(ctx, t); err != nil {
		l = Untold(err)
	}
	return l
}

// Untold is the line of a question that could not be answered.
func Untold(err error) Line {
	return Line{Verdict: Unknown, Why: strings.Join(strings.Fields(err.Error()), " ")}
}

// Model reads a target's catalogue as a model.
func (t *Target) Model(ctx context.Context) (*tenancy.Model, error) {
	conn, err := t.Connect(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	s, err := catalog.Read(ctx, conn, catalog.Options{})
	if err != nil {
		return nil, err
	}
	return t.Infer(s)
}
