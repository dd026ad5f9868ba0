package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ringfencehq/ringfence/internal/apply"
	"github.com/ringfencehq/ringfence/internal/rollout/ledger"
	"github.com/ringfencehq/ringfence/internal/secret"
)

// A returning is a return under way. Each rung is written down before it is done and after, so that one that was killed is gone on with.
type returning struct {
	t     *Target
	l     *ledger.Log
	by    string
	began time.Time
	out   []Return
	errs  []error
}

// begin writes down that a rung is about to be done, and does it.
func (b *returning) begin(ctx context.Context, r Return) {
	r.At, r.By = b.t.Now(), b.by
	b.errs = append(b.errs, b.l.Append(ctx, r.At, ledger.KindReturning, b.t.Stage.Name, r))
	b.do(ctx, r)
}

// do does a rung, and writes down what came of it. Where it does not get through, what it opened until then is an entry of its own.
func (b *returning) do(ctx context.Context, r Return) {
	if r.Rung == codeRung {
		b.revert(ctx, r)
		return
	}
	o := apply.Options{Plan: b.t.Plan, Connect: b.t.Connect, Only: r.Tables, Holder: b.by}
	result, err := apply.RollbackEmergency(ctx, o, apply.Emergency{Rung: apply.Rung(r.Rung), Reason: r.Signal + ": " + r.Reason})
	if err == nil {
		b.write(ctx, r)
		return
	}
	b.errs = append(b.errs, fmt.Errorf("doing the rung %s: %w", r.Rung, err))
	held := r
	if r.Tables = apply.Reached(b.t.Plan, result, apply.Rung(r.Rung)); r.Opened && len(r.Tables) > 0 {
		b.write(ctx, r)
		held.Tables = slices.DeleteFunc(slices.Clone(held.Tables), func(table string) bool { return slices.Contains(r.Tables, table) })
	}
	held.Rung, held.Opened, held.Left = heldRung, false, r.Rung+" did not get through: "+secret.Redact(err.Error())
	b.write(ctx, held)
}

// revertPatience is how long the tables wait for the code: the way back of severity 1 has five minutes for all.
var revertPatience = 2 * time.Minute

// revert takes the code back.
func (b *returning) revert(ctx context.Context, r Return) {
	patient, cancel := context.WithTimeout(ctx, revertPatience)
	defer cancel()
	switch run := b.t.Hook(patient, "revert"); {
	case run == nil:
		r.Left = "no hook revert is given"
	case run.Exit != 0:
		r.Left = fmt.Sprintf("the hook revert ended with %d", run.Exit)
	}
	b.write(ctx, r)
}

// write writes down what was done.
func (b *returning) write(ctx context.Context, r Return) {
	r.At, r.By, r.Took = b.t.Now(), b.by, time.Since(b.began)
	b.out = append(b.out, r)
	b.errs = append(b.errs, b.l.Append(ctx, r.At, ledger.KindReturned, b.t.Stage.Name, r))
}

// Finish does what a run left undone that was killed while it took the stage back: the rung that it had begun, those that were to come
// after it, and the calls that it owed. A signal for which nothing was begun is answered where it is seen again.
func (t *Target) Finish(ctx context.Context, l *ledger.Log, by string, alarm func(context.Context, []Signal, []Return) error) ([]Return, error) {
	s, err := Replay(l.Entries())
	if err != nil {
		return nil, err
	}
	st := s.stage(t.Stage.Name)
	back := &returning{t: t, l: l, by: by, began: time.Now()}
	for _, r := range slices.Clone(st.Returning) {
		back.do(ctx, r)
	}
	owed := slices.DeleteFunc(slices.Clone(st.Signals), func(s Signal) bool {
		begun := slices.ContainsFunc(st.Returning, func(r Return) bool { return r.Signal == s.Name })
		return st.Called(s) || !s.Returns() || !begun && len(st.returns(s)) == 0
	})
	if len(owed) > 0 {
		more, err := t.Return(ctx, l, owed, by)
		back.out, back.errs = append(back.out, more...), append(back.errs, err)
	}
	uncalled := slices.DeleteFunc(slices.Clone(st.Signals), st.Called)
	if alarm != nil && len(uncalled) > 0 {
		back.errs = append(back.errs, alarm(ctx, uncalled, back.out))
	}
	return back.out, errors.Join(back.errs...)
}
