package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/apply"
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/report"
)

// runOptions are what apply, verify and rollback share: a plan directory, a target, and how to talk to a person.
func (w *World) runOptions(f *readFlags, dir, dsn string) (apply.Options, error) {
	p, err := plan.Read(dir)
	if err != nil {
		return apply.Options{}, fmt.Errorf("reading the plan in %s: %w", dir, err)
	}
	target, _, err := pg.Resolve(dsn, w.Env)
	if err != nil {
		return apply.Options{}, usage(err, pg.Hint(err))
	}
	return apply.Options{
		Plan: p,
		Connect: func(ctx context.Context) (*pgx.Conn, error) {
			return pg.Connect(ctx, target, pg.Options{SimpleProtocol: true})
		},
		Fingerprint: catalog.FingerprintsOf,
		Progress:    w.follow(f.quiet),
	}, nil
}

// follow returns a listener that tells a person how a run goes: one line for each step, a bar for what takes long.
func (w *World) follow(quiet bool) func(apply.Event) {
	var bar *progress
	return func(e apply.Event) {
		if quiet {
			return
		}
		at := fmt.Sprintf("[%d/%d]", e.Step, e.Of)
		switch e.Kind {
		case apply.EventNote:
			w.note(false, "%s", e.Message)
		case apply.EventProgress:
			if bar == nil {
				bar = w.progress(false, strings.TrimSpace(e.What+" "+e.Object), e.Total)
			}
			bar.at(e.Done, e.Total, strings.TrimSpace(e.Object+" "+e.Phase))
		case apply.EventWaiting, apply.EventRetry:
			var who []string
			for _, b := range e.Blockers {
				who = append(who, b.String())
			}
			w.note(false, "%s %s %s: %s, attempt %d %s %s", at, e.What, e.Object, e.Kind, e.Attempt, e.Message, strings.Join(who, "; "))
		case apply.EventEnd:
			bar.done()
			bar = nil
			w.note(false, "%s %-9s %s %s", at, e.Outcome, e.What, e.Object)
		}
	}
}

// exitOf gives an error of package apply its exit code: what declines to act is refused, the rest could not run.
func exitOf(err error) error {
	if errors.Is(err, apply.ErrRefused) {
		return &exitError{code: exitRefused, err: err, hint: hintOf(err)}
	}
	return err
}

// ran ends a run: the document of what was done where it came to its end, else the error with its exit code.
func (w *World) ran(f *readFlags, r *report.Report, err error) error {
	if err != nil {
		return exitOf(err)
	}
	if r != nil && r.Run != nil {
		now := time.Now().UTC().Truncate(time.Second)
		r.Run.Ended = &now
	}
	return w.write(f, r)
}
