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
	"github.com/ringfencehq/ringfence/internal/rollout/ledger"
	"github.com/ringfencehq/ringfence/internal/secret"
)

// codeRung names the hook revert in a Return: the code goes back, and the tables stay.
const codeRung = "code"

// heldRung says in a Return that nothing was opened: the tables stay closed, and people were called.
const heldRung = "held"

// Return answers stop signals by the rehearsed and signed ladder: the code goes back where a hook for it is given, and each signal's
// rungs are done on the tables that were applied. A rung that opens a table is done only where the signed definition allows it by
// name; where none may be, the tables stay closed and that is what the entry says. Whatever happens is in the log.
//
// The error says what could not be done; what was done stands in the log all the same. What cannot be written down is done all the
// same, too: tenants do not wait for a disk.
func (t *Target) Return(ctx context.Context, l *ledger.Log, signals []Signal, by string) ([]Return, error) {
	s, err := Replay(l.Entries())
	if err != nil {
		return nil, err
	}
	rungs, err := s.Ladder(ctx, l.Store(), t.Stage)
	if err != nil {
		return nil, err
	}
	st := s.stage(t.Stage.Name)
	back := &returning{t: t, l: l, by: by, began: time.Now()}
	done := map[string][]string{} // by a run that was killed, too
	code := false
	for _, signal := range signals {
		for _, r := range st.returns(signal) {
			done[r.Rung] = append(done[r.Rung], r.Tables...)
			code = code || r.Rung == codeRung
		}
	}
	if len(signals) > 0 && t.hasHook("revert") && !code {
		back.begin(ctx, Return{Rung: codeRung, Tables: []string{}, Reason: signals[0].Why, Signal: signals[0].Name})
	}
	for _, signal := range signals {
		moves, held := rungs.Choose(signal, st.Tables, s.Rollout.OpenAllowed)
		for _, m := range moves {
			rung := string(m.Rung)
			m.Tables = slices.DeleteFunc(m.Tables, func(table string) bool { return slices.Contains(done[rung], table) })
			if len(m.Tables) == 0 {
				continue
			}
			done[rung] = append(done[rung], m.Tables...)
			back.begin(ctx, Return{Rung: rung, Tables: m.Tables, Reason: signal.Why, Signal: signal.Name, Opened: m.Opens})
		}
		if len(moves) == 0 && !slices.ContainsFunc(st.returns(signal), func(r Return) bool { return r.Rung == heldRung }) {
			left := "no rung of the way back answers it without opening tables that the signers did not name"
			back.write(ctx, Return{Rung: heldRung, Tables: some(held), Reason: signal.Why, Signal: signal.Name, Left: left})
		}
	}
	return back.out, errors.Join(back.errs...)
}

// ReturnCode takes back the code and leaves the tables: where the application does not start.
func (t *Target) ReturnCode(ctx context.Context, l *ledger.Log, signal Signal, by string) ([]Return, error) {
	back := &returning{t: t, l: l, by: by, began: time.Now()}
	r := Return{Rung: codeRung, Tables: []string{}, Reason: signal.Why, Signal: signal.Name}
	if t.hasHook("revert") {
		back.begin(ctx, r)
	} else {
		r.Rung, r.Left = heldRung, "no hook revert is given"
		back.write(ctx, r)
	}
	return back.out, errors.Join(back.errs...)
}

// ReturnByHand does one rung because a person says so: recorded with the reason, in an emergency without a signature. Only the first
// rungs can be asked for, on tables (none: all that the plan closed). Where it does not get through, what it did until then is recorded, and
// the error says why.
func (t *Target) ReturnByHand(ctx context.Context, l *ledger.Log, rung apply.Rung, tables []string, reason, by string) (Return, *apply.Result, error) {
	began := time.Now()
	o := apply.Options{Plan: t.Plan, Connect: t.Connect, Only: tables, Holder: by}
	result, err := apply.RollbackEmergency(ctx, o, apply.Emergency{Rung: rung, Reason: reason})
	if err != nil {
		if tables = apply.Reached(t.Plan, result, rung); len(tables) == 0 {
			return Return{}, result, err
		}
	}
	r := ByHand(t.Plan, rung, tables, reason, by, t.Now(), time.Since(began), err)
	return r, result, errors.Join(err, l.Append(ctx, t.Now(), ledger.KindReturned, t.Stage.Name, r))
}

// ByHand is the entry of a rung that a person did, on tables (none: all that the rung acts on). trouble is why it did not get through.
func ByHand(p *plan.Plan, rung apply.Rung, tables []string, reason, by string, at time.Time, took time.Duration, trouble error) Return {
	if len(tables) == 0 {
		tables = tablesOf(p, rung)
	}
	r := Return{At: at, Rung: string(rung), Tables: tables, Reason: reason, Opened: rung == apply.RungInsecureDisable, By: by, Emergency: true, Took: took}
	if trouble != nil {
		r.Left = "it did not get through: " + secret.Redact(trouble.Error())
	}
	return r
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
