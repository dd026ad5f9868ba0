package console

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/ringfencehq/ringfence/internal/fleet"
	"github.com/ringfencehq/ringfence/internal/prove"
	"github.com/ringfencehq/ringfence/internal/report"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// A Posture is how a database stands at one moment.
type Posture struct {
	At    time.Time
	Audit *report.Audit
	Prove *report.Prove
	// Drift is against the lock file; nil: there is none, and NoDrift says what is missing.
	Drift   *report.Drift
	NoDrift string
	// Lines say what each of the fleet's questions comes to, by the verb's name. One that was not asked is not there.
	Lines map[string]fleet.Line

	parents map[string]parent // by child table
	rows    []report.MatrixRow
	cells   map[string][]*prove.Cell // by relation
}

// A parent is the table through which a child reaches its tenant, and the columns that lead there.
type parent struct{ Table, Columns, Source string }

// NewPosture makes a Posture of the documents about m.
func NewPosture(m *tenancy.Model, a *report.Audit, p *report.Prove, at time.Time) *Posture {
	out := &Posture{At: at, Audit: a, Prove: p, parents: map[string]parent{}, rows: report.Matrix(p.Cells), cells: map[string][]*prove.Cell{}}
	for _, t := range m.Tables {
		if l := t.Parent; l != nil && l.Table != nil {
			out.parents[t.Relation.Identity()] = parent{l.Table.Relation.Identity(), strings.Join(l.Columns, ", "), strings.ReplaceAll(l.Source, "_", " ")}
		}
	}
	for i := range p.Cells {
		c := &p.Cells[i]
		out.cells[c.Relation] = append(out.cells[c.Relation], c)
	}
	return out
}

// A keeper holds the latest Posture and why there is no later one.
type keeper struct {
	look func(context.Context) (*Posture, error)
	now  func() time.Time

	reading sync.Mutex // one look at a time
	mu      sync.RWMutex
	latest  *Posture
	failed  string // why the last look gave nothing; empty: it did
	tried   time.Time
}

// refresh looks again. What was seen before stays where nothing new can be seen.
func (k *keeper) refresh(ctx context.Context) {
	k.reading.Lock()
	defer k.reading.Unlock()
	p, err := k.once(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tried, k.failed = k.now(), ""
	if err != nil {
		k.failed = err.Error()
		return
	}
	k.latest = p
}

// once looks. A look that breaks off is one that gave nothing.
func (k *keeper) once(ctx context.Context) (p *Posture, err error) {
	defer func() {
		if broke := recover(); broke != nil {
			p, err = nil, fmt.Errorf("the reading broke off: %T", broke)
		}
	}()
	return k.look(ctx)
}

// seen returns the latest Posture, nil where there was never one, and why there is no later one.
func (k *keeper) seen() (p *Posture, failed string, tried time.Time) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.latest, k.failed, k.tried
}
