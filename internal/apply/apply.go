// Package apply runs a plan on a live database: it keeps a run log in the target, holds a fenced lease, looks before it
// locks, retries within bounds, supervises concurrent index builds, and decides from the catalogue what happened when it
// cannot know. It resumes what was killed, verifies what was done, and takes it back.
//
// Three sources say what happened, and they rank: the catalogue (a step's Done) beats the run log, the run log beats
// memory. Where they contradict each other the run ends with an IndeterminateError and never goes on.
//
// What is here in which file:
//
//	run.go, resume.go      the order of things; what an earlier run left
//	exec_*.go              one file for each way to run a step: in a transaction, outside of one, in batches
//	lock_*.go, blockers.go when to try for a lock, how long, and who stands in the way
//	build_*.go             concurrent index builds: progress, leftovers, orphans
//	runlog*.go, lease.go   what the target remembers
//	preflight*.go          what must hold before the first statement
//	rollback*.go, verify.go
//
// To add a way to run a step: write exec_NAME.go with one method of runner that ends in exactly one of effected, held,
// failed or indeterminate, give it a case in runner.execute, and a test that kills it at each of its statements.
package apply

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/plan"
)

// Options says what to run, where and how. Connect and Plan are required; the zero value of the rest is a default.
type Options struct {
	// Connect opens one direct connection to the target; it is called several times.
	Connect func(context.Context) (*pgx.Conn, error)
	// Plan is what to run. It is not changed.
	Plan *plan.Plan
	// Only limits the run to these tables (as plan.Step.Table names them). Apply keeps the steps that belong to no
	// table, since others rest on them; Rollback leaves those alone.
	Only []string
	// Keep has Rollback leave the steps alone of which it says true; nil: none. An automatic return keeps columns and indexes.
	Keep func(*plan.Step) bool
	// DryRun reads, reports what would be done, and writes nothing: neither a step nor the run log.
	DryRun bool
	// Holder names the operator in the lease; "" is user@host:pid.
	Holder string
	// Progress is told what happens, in order, from one goroutine at a time; it must return soon. Nil for silence.
	Progress func(Event)
	// Fingerprint gives the present fingerprint of each object, as the planner computes it; an absent object is left
	// out. Nil takes a Snapshot and its fingerprints.
	Fingerprint func(ctx context.Context, conn *pgx.Conn, objects []string) (map[string]string, error)
	// Allow holds the names of what an AskError asked for.
	Allow []string
	// Mirror is the path of a local copy of the run log, one JSON object a line, appended and synced; "" for none.
	Mirror string
	// Trace is told what each transaction really locked, and for how long; nil: nobody looks, which costs nothing.
	Trace func(Traced)

	Locks LockPolicy
	Build BuildPolicy
	Lease LeasePolicy
	Batch BatchPolicy
}

// LockPolicy bounds how steps wait for locks. Its defaults are the measured ones: longer than an application's normal
// transaction, shorter than the deadlock timeout.
type LockPolicy struct {
	Min    time.Duration // shortest lock_timeout; 100 ms
	Max    time.Duration // longest lock_timeout; 2 s, and never above 0.8 of the server's deadlock_timeout
	Tries  int           // 40
	Budget time.Duration // for all tries of one step with their pauses; 30 min
	// Statement bounds one statement of a step whose lock blocks writers; 30 s.
	Statement time.Duration
}

// BuildPolicy bounds concurrent index builds and drops.
type BuildPolicy struct {
	Wait  time.Duration // for other transactions, before and during a build; 30 min
	Total time.Duration // for one build; 24 h
	// OldTransaction is the age from which a transaction is waited for before a build begins; 1 min.
	OldTransaction time.Duration
	Poll           time.Duration // between two looks at the progress; 500 ms
	// Clean bounds the drop of what a stopped build left: what stopped the build may stop the drop as well, and the next
	// start drops it anyway; 10 s.
	Clean time.Duration
}

// LeasePolicy sets the lease's times, all by the server's clock.
type LeasePolicy struct {
	Heartbeat time.Duration // 5 s
	Expiry    time.Duration // 30 s
}

// BatchPolicy bounds back-fills.
type BatchPolicy struct {
	Pause time.Duration // between two batches; 20 ms
	Lag   time.Duration // of a replica, above which batches wait; 10 s
}

// withDefaults returns a copy whose zero values are replaced.
func (o Options) withDefaults() Options {
	o.Locks.Min = cmp.Or(o.Locks.Min, 100*time.Millisecond)
	o.Locks.Max = cmp.Or(o.Locks.Max, 2*time.Second)
	o.Locks.Tries = cmp.Or(o.Locks.Tries, 40)
	o.Locks.Budget = cmp.Or(o.Locks.Budget, 30*time.Minute)
	o.Locks.Statement = cmp.Or(o.Locks.Statement, 30*time.Second)
	o.Build.Wait = cmp.Or(o.Build.Wait, 30*time.Minute)
	o.Build.Total = cmp.Or(o.Build.Total, 24*time.Hour)
	o.Build.OldTransaction = cmp.Or(o.Build.OldTransaction, time.Minute)
	o.Build.Poll = cmp.Or(o.Build.Poll, 500*time.Millisecond)
	o.Build.Clean = cmp.Or(o.Build.Clean, 10*time.Second)
	o.Lease.Heartbeat = cmp.Or(o.Lease.Heartbeat, 5*time.Second)
	o.Lease.Expiry = cmp.Or(o.Lease.Expiry, 30*time.Second)
	o.Batch.Pause = cmp.Or(o.Batch.Pause, 20*time.Millisecond)
	o.Batch.Lag = cmp.Or(o.Batch.Lag, 10*time.Second)
	o.Holder = cmp.Or(o.Holder, defaultHolder())
	if o.Fingerprint == nil {
		o.Fingerprint = snapshotFingerprints
	}
	if o.Progress == nil {
		o.Progress = func(Event) {}
	}
	return o
}

// snapshotFingerprints is the planners' own way.
func snapshotFingerprints(ctx context.Context, conn *pgx.Conn, objects []string) (map[string]string, error) {
	snapshot, err := catalog.Read(ctx, conn, catalog.Options{})
	if err != nil {
		return nil, err
	}
	all, out := snapshot.Fingerprints(), map[string]string{}
	for _, o := range objects {
		if print, ok := all[o]; ok {
			out[o] = print
		}
	}
	return out, nil
}

func defaultHolder() string {
	name := strconv.Itoa(os.Getuid())
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s@%s:%d", name, host, os.Getpid())
}

// validate checks what a plan read from a file may have wrong.
func (o *Options) validate() error {
	if o.Connect == nil || o.Plan == nil {
		return fmt.Errorf("checking the options: Connect and Plan are required")
	}
	if o.Plan.Schema != plan.SchemaVersion {
		return fmt.Errorf("checking the plan: its schema is %q, not %q", o.Plan.Schema, plan.SchemaVersion)
	}
	seen := map[string]bool{}
	for i, s := range o.Plan.Steps {
		if err := validateStep(s); err != nil {
			return fmt.Errorf("checking the plan: step %d, %q: %w", i+1, s.ID, err)
		}
		if seen[s.ID] {
			return fmt.Errorf("checking the plan: step %d: the id %q occurs twice", i+1, s.ID)
		}
		seen[s.ID] = true
	}
	for _, name := range o.Only {
		if !slices.ContainsFunc(o.Plan.Steps, func(s plan.Step) bool { return s.Table == name }) {
			return fmt.Errorf("checking the options: the plan has no step on the table %s", name)
		}
	}
	return nil
}

func validateStep(s plan.Step) error {
	switch {
	case s.ID == "":
		return fmt.Errorf("it has no id")
	case len(s.Do) == 0:
		return fmt.Errorf("it does nothing")
	case s.Done == "":
		return fmt.Errorf("nothing says whether it is done")
	case s.Batch < 0:
		return fmt.Errorf("its batch of %d rows is negative", s.Batch)
	case s.Batch > 0 && (len(s.Do) != 1 || s.Transaction != "own"):
		return fmt.Errorf("a back-fill has one statement and its own transactions")
	case s.Transaction == "own" || s.Transaction == "none" || strings.HasPrefix(s.Transaction, "group "):
		return nil
	}
	return fmt.Errorf("%q is not a way to use transactions", s.Transaction)
}

// PlanID identifies a plan by its content, whatever the spacing of its file: SHA-256 of its JSON.
func PlanID(p *plan.Plan) (string, error) {
	b, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("hashing the plan: %w", err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}
