package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ringfencehq/ringfence/internal/apply"
	"github.com/ringfencehq/ringfence/internal/plan"
)

// codeRung names the hook revert in a Return: the code goes back, and the tables stay.
const codeRung = "code"

// heldRung says in a Return that nothing was opened: the tables stay closed, and people were called.
const heldRung = "held"

// Return answers stop signals by the rehearsed and signed ladder: the code goes back where a hook for it is given, and each signal's
// rungs are done on the tables that were applied. A rung that opens a table is done only where the signed definition allows it by
// name; where none may be, the tables stay closed and that is what the entry says. Whatever happens is in the log.
//
// The error says what could not be done; what was done stands in the log all the same.
func (t *Target) Return(ctx context.Context, l *Log, signals []Signal, by string) ([]Return, error) {
	began := time.Now()
	s, err := Replay(l.Entries())
	if err != nil {
		return nil, err
	}
	rungs, err := s.Ladder(ctx, l.Store(), t.Stage)
	if err != nil {
		return nil, err
	}
	var out []Return
	write := func(r Return) error {
		r.At, r.By, r.Took = t.Now(), by, time.Since(began)
		out = append(out, r)
		return l.Append(ctx, t.Now(), KindReturned, t.Stage.Name, r)
	}
	errs := []error{}
	if r, ok := t.revert(ctx, signals); ok {
		errs = append(errs, write(r))
	}
	done := map[apply.Rung][]string{}
	for _, signal := range signals {
		moves, held := rungs.Choose(signal, s.stage(t.Stage.Name).Tables, s.Rollout.OpenAllowed)
		for _, m := range moves {
			m.Tables = slices.DeleteFunc(m.Tables, func(table string) bool { return slices.Contains(done[m.Rung], table) })
			if len(m.Tables) == 0 {
				continue
			}
			done[m.Rung] = append(done[m.Rung], m.Tables...)
			errs = append(errs, t.move(ctx, m, signal, write))
		}
		if len(moves) == 0 {
			left := "no rung of the way back answers it without opening tables that the signers did not name"
			errs = append(errs, write(Return{Rung: heldRung, Tables: some(held), Reason: signal.Why, Signal: signal.Name, Left: left}))
		}
	}
	return out, errors.Join(errs...)
}

// move does one rung.
func (t *Target) move(ctx context.Context, m Move, signal Signal, write func(Return) error) error {
	o := apply.Options{Plan: t.Plan, Connect: t.Connect, Only: m.Tables, Holder: "ringfence rollout"}
	reason := signal.Name + ": " + signal.Why
	if _, err := apply.RollbackEmergency(ctx, o, apply.Emergency{Rung: m.Rung, Reason: reason}); err != nil {
		return errors.Join(fmt.Errorf("doing the rung %s: %w", m.Rung, err),
			write(Return{Rung: heldRung, Tables: m.Tables, Reason: signal.Why, Signal: signal.Name, Left: string(m.Rung) + " did not get through: " + err.Error()}))
	}
	return write(Return{Rung: string(m.Rung), Tables: m.Tables, Reason: signal.Why, Signal: signal.Name, Opened: m.Opens})
}

// revert takes the code back by the hook revert, where there is one.
func (t *Target) revert(ctx context.Context, signals []Signal) (Return, bool) {
	run := t.Hook(ctx, "revert")
	if run == nil || len(signals) == 0 {
		return Return{}, false
	}
	r := Return{Rung: codeRung, Tables: []string{}, Reason: signals[0].Why, Signal: signals[0].Name}
	if run.Exit != 0 {
		r.Left = fmt.Sprintf("the hook revert ended with %d", run.Exit)
	}
	return r, true
}

// ReturnCode takes back the code and leaves the tables: where the application does not start.
func (t *Target) ReturnCode(ctx context.Context, l *Log, signal Signal, by string) (Return, error) {
	began := time.Now()
	r, ok := t.revert(ctx, []Signal{signal})
	if !ok {
		r = Return{Rung: heldRung, Tables: []string{}, Reason: signal.Why, Signal: signal.Name, Left: "no hook revert is given"}
	}
	r.At, r.By, r.Took = t.Now(), by, time.Since(began)
	return r, l.Append(ctx, t.Now(), KindReturned, t.Stage.Name, r)
}

// ReturnByHand does one rung because a person says so: recorded with the reason, in an emergency without a signature. Only the first
// rungs can be asked for, on tables (none: all that the plan closed).
func (t *Target) ReturnByHand(ctx context.Context, l *Log, rung apply.Rung, tables []string, reason, by string) (Return, *apply.Result, error) {
	began := time.Now()
	o := apply.Options{Plan: t.Plan, Connect: t.Connect, Only: tables}
	result, err := apply.RollbackEmergency(ctx, o, apply.Emergency{Rung: rung, Reason: reason})
	if err != nil {
		return Return{}, result, err
	}
	r := ByHand(t.Plan, rung, tables, reason, by, t.Now(), time.Since(began))
	return r, result, l.Append(ctx, t.Now(), KindReturned, t.Stage.Name, r)
}

// ByHand is the entry of a rung that a person did, on tables (none: all that the rung acts on).
func ByHand(p *plan.Plan, rung apply.Rung, tables []string, reason, by string, at time.Time, took time.Duration) Return {
	if len(tables) == 0 {
		tables = tablesOf(p, rung)
	}
	return Return{At: at, Rung: string(rung), Tables: tables, Reason: reason, Opened: rung == apply.RungInsecureDisable, By: by, Emergency: true, Took: took}
}

// some returns s, or an empty slice for none: JSON shows a list, never null.
func some(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// stops are the signals that take a stage back, or halt it.
func stops(signals []Signal, severity int) []Signal {
	return slices.DeleteFunc(slices.Clone(signals), func(s Signal) bool { return s.Severity > severity })
}

// Words says what returns come to, for a person.
func Words(returns []Return) string {
	var out []string
	for _, r := range returns {
		what := fmt.Sprintf("%s on %d tables in %s", r.Rung, len(r.Tables), r.Took.Round(time.Millisecond))
		if r.Opened {
			what += ", which are open to every tenant since"
		}
		if r.Left != "" {
			what += " (" + r.Left + ")"
		}
		out = append(out, what)
	}
	return strings.Join(out, "; ")
}
