// Package monitor looks at a database's posture on a clock: what audit, prove and drift say, tables that came without isolation,
// statements that give no rows any more, errors that tenants' work meets where their context is wrong, what a canary tenant sees,
// and whether the trail holds together. What is not fine is told to people at each run until it is, and is a metric all the time.
// What cannot be found out is unknown, and unknown is told like bad news.
//
// To add a check: check_NAME.go with one Check, its line in Checks, its name in metrics.MonitorChecks, and a case of the test.
package monitor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/drift"
	"github.com/ringfencehq/ringfence/internal/live"
	"github.com/ringfencehq/ringfence/internal/metrics"
	"github.com/ringfencehq/ringfence/internal/notify"
	"github.com/ringfencehq/ringfence/internal/prove"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// An Outcome is what a check came to. The zero value is unknown.
type Outcome int

// The outcomes.
const (
	Unknown Outcome = iota
	Bad
	Fine
)

// String gives the outcome's word, as metrics have it.
func (o Outcome) String() string {
	switch o {
	case Fine:
		return "fine"
	case Bad:
		return "bad"
	}
	return "unknown"
}

// A Result is what a check found: names and counts, never a row.
type Result struct {
	Outcome Outcome
	Why     string
	Details map[string]string
	// Quiet says that people are not told: a check that compares runs has nothing to compare yet.
	Quiet bool
}

func fine(why string, args ...any) Result {
	return Result{Outcome: Fine, Why: fmt.Sprintf(why, args...)}
}
func bad(why string, args ...any) Result { return Result{Outcome: Bad, Why: fmt.Sprintf(why, args...)} }
func unknown(why string, args ...any) Result {
	return Result{Outcome: Unknown, Why: fmt.Sprintf(why, args...)}
}

// A Check is one thing that is looked at in each run.
type Check struct {
	Name string // file name without "check_" and ".go"
	Doc  string
	Run  func(ctx context.Context, e *eye) Result
}

// Checks returns all checks, by name.
func Checks() []Check {
	return []Check{auditCheck, canaryCheck, driftCheck, errorsCheck, proveCheck, statementsCheck, tablesCheck, trailCheck}
}

// Options say what is watched, by which clock, and who is told.
type Options struct {
	// Connect opens the operator's connection, and AppConnect the application's own; the latter is needed for canaries only.
	Connect, AppConnect func(context.Context) (*pgx.Conn, error)
	// Infer reads a catalogue as a model; Compare holds one against the accepted state. Accepted is that state; nil: there is none.
	Infer    func(*catalog.Snapshot) (*tenancy.Model, error)
	Compare  func(accepted, present *catalog.Snapshot) (drift.Result, error)
	Accepted *catalog.Snapshot
	Canaries []string // tenants that exist to be looked at
	Checks   []Check
	Database string // for messages: host and name, without secrets
	Links    []notify.Link

	Stats  *metrics.MonitorStats
	To     []notify.Endpoint
	Sender *notify.Sender
	Log    *slog.Logger
	Now    func() time.Time
	// Wait waits until the next run; nil: by the clock. An error ends the monitor.
	Wait  func(context.Context, time.Duration) error
	Limit time.Duration // of one check, and of reading the catalogue for them; 0: two minutes
}

// Every is how long after the beginning the next run comes: every five minutes in the first hour, every fifteen to the end of the
// fourth, then hourly.
func Every(since time.Duration) time.Duration {
	switch {
	case since < time.Hour:
		return 5 * time.Minute
	case since < 4*time.Hour:
		return 15 * time.Minute
	}
	return time.Hour
}

// A Monitor watches one database. It is not for concurrent use.
type Monitor struct {
	o       Options
	told    map[string]bool // checks that people were told of as not fine
	kept    memory
	started time.Time
}

// New returns a monitor; each of its checks is unknown until it has run.
func New(o Options) *Monitor {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Wait == nil {
		o.Wait = wait
	}
	if o.Sender == nil {
		o.Sender = &notify.Sender{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Limit = cmp.Or(o.Limit, 2*time.Minute)
	for _, c := range o.Checks {
		o.Stats.Set(metrics.MonitorState, 1, c.Name, Unknown.String())
	}
	return &Monitor{o: o, told: map[string]bool{}}
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Run looks now, and again as Every says, until the context ends.
func (m *Monitor) Run(ctx context.Context) error {
	m.started = m.o.Now()
	for {
		m.Once(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err := m.o.Wait(ctx, Every(m.o.Now().Sub(m.started))); err != nil {
			return nil
		}
	}
}

// Once runs every check once, tells the metrics, and people of what is not fine. The results are in the order of the checks.
func (m *Monitor) Once(ctx context.Context) []Result {
	e := &eye{o: &m.o, kept: &m.kept}
	m.open(ctx, e)
	defer e.close(ctx)
	var out []Result
	for _, c := range m.o.Checks {
		began := m.o.Now()
		r := m.run(ctx, c, e)
		if ctx.Err() != nil {
			return out
		}
		m.o.Stats.Ran(c.Name, r.Outcome.String(), m.o.Now(), m.o.Now().Sub(began))
		m.o.Log.Info("checked", "check", c.Name, "outcome", r.Outcome.String(), "why", r.Why)
		m.tell(ctx, c, r)
		out = append(out, r)
	}
	return out
}

// open opens the eye within the limit of a check. A catalogue that nothing can be made of, by a panic, is an error like others.
func (m *Monitor) open(ctx context.Context, e *eye) {
	ctx, stop := context.WithTimeout(ctx, m.o.Limit)
	defer stop()
	defer func() {
		if p := recover(); p != nil {
			e.err = fmt.Errorf("reading it broke off: %T", p)
		}
	}()
	e.err = e.open(ctx)
}

// run runs one check within its limit, on a connection that lives. One that panics has found nothing out.
func (m *Monitor) run(ctx context.Context, c Check, e *eye) (r Result) {
	ctx, stop := context.WithTimeout(ctx, m.o.Limit)
	defer stop()
	defer func() {
		if p := recover(); p != nil {
			r = unknown("the check broke off: %T", p)
		}
	}()
	if e.err == nil && e.conn.IsClosed() { // the check before this one has said why
		e.err = e.connect(ctx)
	}
	if e.err != nil {
		return unknown("the database could not be asked: %v", e.err)
	}
	if r = c.Run(ctx, e); r.Outcome == Unknown && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return unknown("it took longer than %s", m.o.Limit)
	}
	return r
}

// tell sends what is not fine, each time, under one key for each check; and once that it is over.
func (m *Monitor) tell(ctx context.Context, c Check, r Result) {
	over := r.Outcome == Fine
	if len(m.o.To) == 0 || r.Quiet || over && !m.told[c.Name] {
		return
	}
	msg := notify.Message{Key: "ringfence/monitor/" + m.o.Database + "/" + c.Name, Action: notify.Trigger, Severity: notify.Critical, Source: m.o.Database,
		Component: "monitor", At: m.o.Now(), Summary: fmt.Sprintf("%s: %s: %s", m.o.Database, c.Name, r.Why), Details: r.Details, Links: m.o.Links}
	switch {
	case over:
		msg.Action, msg.Severity = notify.Resolve, notify.Info
	case r.Outcome == Unknown:
		msg.Severity = notify.Error
	}
	taken := true
	for _, receipt := range m.o.Sender.SendAll(ctx, m.o.To, msg) {
		outcome := "taken"
		if receipt.Err != nil {
			outcome, taken = "failed", false
			m.o.Log.Error("nobody was told", "check", c.Name, "error", receipt.Err)
		}
		m.o.Stats.Add(metrics.MonitorNotices, 1, outcome)
	}
	m.told[c.Name] = !over || !taken // what did not arrive is said again
}

// memory is what a run leaves for the next one.
type memory struct {
	tables     map[string]bool // of the first run, where there is no accepted state
	statements map[int64]statement
	log        live.Log
}

// An eye is one run's look at the database: the connection, and what several checks need, read once.
type eye struct {
	o     *Options
	kept  *memory
	conn  *pgx.Conn
	model *tenancy.Model
	cells []prove.Cell
	err   error // why nothing can be looked at
}

func (e *eye) open(ctx context.Context) error {
	if err := e.connect(ctx); err != nil {
		return err
	}
	s, err := catalog.Read(ctx, e.conn, catalog.Options{})
	if err != nil {
		return err
	}
	if e.model, err = e.o.Infer(s); err != nil {
		return err
	}
	e.cells = prove.Logic(e.model, e.o.Now())
	return nil
}

func (e *eye) connect(ctx context.Context) error {
	conn, err := e.o.Connect(ctx)
	if err == nil {
		e.conn = conn
	}
	return err
}

func (e *eye) close(ctx context.Context) {
	if e.conn != nil {
		_ = e.conn.Close(context.WithoutCancel(ctx))
	}
}
