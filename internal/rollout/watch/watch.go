// Package watch measures a stage after it was applied, by what the database itself shows: the rows that each statement of the
// application returns, what two tenants see, errors, latency, scans, writes, replicas. It says what is not as it was, writes every
// measurement down, and has the stage taken back where it has to be.
//
// Time is a parameter. Where nothing ran there is nothing to judge, and the clock of the soak does not advance.
//
//	watch.go      the schedule, and what happens at each round
//	reading.go    what one look at the database gives; read_*.go ask for it
//	span.go       two readings compared
//	signal_*.go   one thing each that can be wrong
//
// To add a signal: write signal_NAME.go with one Kind value, list it in Kinds, and give it a case in judge_test.go that fires and one
// that does not.
package watch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/attest"
	"github.com/ringfencehq/ringfence/internal/rollout"
	"github.com/ringfencehq/ringfence/internal/rollout/ledger"
	"github.com/ringfencehq/ringfence/internal/secret"
)

// Length is how long a stage is watched closely.
const Length = 24 * time.Hour

// Minute is how often stop signals are looked for.
const Minute = time.Minute

// A Watcher watches one stage. Not safe for concurrent use.
type Watcher struct {
	Target *rollout.Target
	Log    *ledger.Log
	Clock  rollout.Clock
	Rules  rollout.WatchDefinition
	By     string
	// Alarm is told of signals, and what was done about them; nil: nobody is called.
	Alarm func(ctx context.Context, signals []rollout.Signal, returned []rollout.Return) error
	// Climb is asked every minute whether somebody has not answered for too long; nil: nobody is called.
	Climb func(ctx context.Context) error
	Note  func(string)

	eyes   *eyes
	base   *Reading // before the stage was begun
	oldest *Reading // the first one of the time before whose counters can be compared with base's
	first  *Reading // since when this watch judges: the last restart, or the beginning
	last   *Reading // of the last kept sample
	recent []*Reading
	before map[Key][]float64 // mean milliseconds of each statement, a round each
	after  map[Key][]float64
	told   map[string]bool // signals that are in the log already, and were answered, by name and tables
	lost   error           // why the last sample could not be written down
	checks int
}

// ErrReturned says that the stage was taken back.
var ErrReturned = errors.New("the stage was taken back")

// Baseline keeps a sample of the time before the stage is begun: later ones are compared with it.
func (w *Watcher) Baseline(ctx context.Context) error {
	if err := w.open(ctx); err != nil {
		return err
	}
	r, err := w.eyes.read(ctx, full)
	if err != nil {
		return err
	}
	return w.keep(ctx, rollout.Sample{At: w.Clock.Now(), Before: true, Enough: len(r.Statements) > 0, Checks: 1, Values: r.values(nil)}, r)
}

// Run watches for d: stop signals every minute, samples by the schedule. What stops is taken back at once by the signed way back, and
// then the error is ErrReturned; what halts ends the watch with its signals.
func (w *Watcher) Run(ctx context.Context, d time.Duration) ([]rollout.Signal, error) {
	return w.rounds(ctx, d, true)
}

// Look is Run for a caller who answers the signals: nothing is taken back.
func (w *Watcher) Look(ctx context.Context, d time.Duration) ([]rollout.Signal, error) {
	return w.rounds(ctx, d, false)
}

// rounds looks every minute for d, until a signal or an error ends it.
func (w *Watcher) rounds(ctx context.Context, d time.Duration, answer bool) ([]rollout.Signal, error) {
	if err := w.open(ctx); err != nil {
		return nil, err
	}
	if answer { // what a watch that was killed owed
		returned, err := w.Target.Finish(ctx, w.Log, w.By, w.Alarm)
		if err == nil && len(returned) > 0 {
			err = fmt.Errorf("%w, which an earlier run had begun: %s", ErrReturned, rollout.Words(returned))
		}
		if err != nil {
			return nil, err
		}
	}
	for end := w.Clock.Now().Add(d); ; {
		signals, err := w.round(ctx, answer)
		if err != nil || len(signals) > 0 {
			return signals, err
		}
		left := end.Sub(w.Clock.Now())
		if left <= 0 {
			return nil, w.lost
		}
		if err := w.Clock.Wait(ctx, min(Minute, left)); err != nil {
			return nil, err
		}
	}
}

// Close closes what the watch holds open.
func (w *Watcher) Close(ctx context.Context) {
	if w.eyes != nil {
		w.eyes.close(ctx)
	}
}

// open reads from the log what an earlier watch left, so that a watch that was killed goes on.
func (w *Watcher) open(ctx context.Context) error {
	s, err := rollout.Replay(w.Log.Entries())
	if err != nil {
		return err
	}
	w.Target.State = s
	st := s.Stages[w.Target.Stage.Name]
	if w.eyes == nil {
		if w.eyes, err = newEyes(ctx, w.Target, w.Rules); err != nil {
			return err
		}
		w.told, w.before, w.after = map[string]bool{}, map[Key][]float64{}, map[Key][]float64{}
	}
	if st == nil {
		return nil
	}
	if !slices.Equal(w.eyes.tables, st.Tables) { // what was applied since gave roles rights, too
		w.eyes.close(ctx)
		w.eyes.tables = slices.Clone(st.Tables)
		if err := w.eyes.look(ctx); err != nil {
			return err
		}
	}
	if w.base == nil {
		if err := w.recall(ctx, st); err != nil {
			return err
		}
	}
	return nil
}

// recall reads the samples that are kept.
func (w *Watcher) recall(ctx context.Context, st *rollout.StageState) error {
	var previous *Reading
	for _, sample := range st.Baseline {
		r, err := w.evidence(ctx, sample.Evidence)
		if err != nil {
			return err
		}
		if previous != nil && !r.anew(previous) {
			(&Span{previous, r}).means(w.before)
		} else {
			w.oldest = r
		}
		previous, w.base = r, r
	}
	if w.base != nil {
		w.first, w.last = w.base, w.base
	}
	for _, sample := range st.Samples {
		r, err := w.evidence(ctx, sample.Evidence)
		if err != nil {
			return err
		}
		if w.first == nil || r.anew(w.last) {
			w.first = r
		} else {
			(&Span{w.last, r}).means(w.after)
		}
		w.last = r
	}
	for _, signal := range st.Signals { // one that is owed an answer is looked for again
		w.told[signal.Name+fmt.Sprint(signal.Tables)] = st.Answered(signal)
	}
	return nil
}

func (w *Watcher) evidence(ctx context.Context, d attest.Digest) (*Reading, error) {
	raw, err := w.Log.Store().Evidence(ctx, d)
	if err != nil {
		return nil, fmt.Errorf("reading a sample: %w", err)
	}
	var kept readingJSON
	if err := json.Unmarshal(raw, &kept); err != nil {
		return nil, fmt.Errorf("reading a sample: %w", err)
	}
	return kept.reading(), nil
}

// keep writes a sample and its reading.
func (w *Watcher) keep(ctx context.Context, s rollout.Sample, r *Reading) error {
	raw, err := json.Marshal(r.json())
	if err != nil {
		return fmt.Errorf("keeping a sample: %w", err)
	}
	if s.Evidence, err = w.Log.Keep(ctx, raw); err != nil {
		return err
	}
	if err := w.Log.Append(ctx, w.Clock.Now(), ledger.KindSample, w.Target.Stage.Name, s); err != nil {
		return err
	}
	w.lost = nil
	return nil
}

// round looks once, keeps a sample where it is time for one, and answers what it sees.
func (w *Watcher) round(ctx context.Context, answer bool) ([]rollout.Signal, error) {
	if err := w.meanwhile(ctx); err != nil {
		return nil, err
	}
	now := w.Clock.Now()
	since := now.Sub(w.begun())
	due := w.last == nil || w.last == w.base || now.Sub(w.last.At) >= rollout.Every(since)
	depth := quick
	if due {
		depth = full
	}
	r, err := w.eyes.read(ctx, depth)
	if err != nil {
		return nil, w.blind(ctx, now, err)
	}
	w.checks++
	restarted := w.last != nil && r.anew(w.last) || len(w.recent) > 0 && r.anew(w.recent[len(w.recent)-1])
	if restarted { // counters began anew: what was before cannot be subtracted
		w.first, w.recent = r, nil
		w.note("the server, or its statistics, began anew: so does the soak")
	}
	if w.first == nil {
		w.first = r
	}
	signals, unknown := judge(w.view(r))
	signals = w.unheard(signals)
	if due || restarted || len(signals) > 0 {
		if err := w.unwritten(ctx, w.sample(ctx, now, r, restarted, unknown)); err != nil {
			return nil, err
		}
	}
	w.recent = append(w.recent, r)
	w.recent = w.recent[max(0, len(w.recent)-3):]
	if w.Climb != nil {
		if err := w.Climb(ctx); err != nil {
			w.note("calling people: " + err.Error())
		}
	}
	return w.answer(ctx, signals, answer)
}

// meanwhile takes in what others wrote. A stage that others have taken back is not watched on.
func (w *Watcher) meanwhile(ctx context.Context) error {
	if err := w.unwritten(ctx, w.Log.Refresh(ctx)); err != nil {
		return err
	}
	s, err := rollout.Replay(w.Log.Entries())
	if err != nil {
		return err
	}
	before := w.Target.State.Stages[w.Target.Stage.Name]
	w.Target.State = s
	if st := s.Stages[w.Target.Stage.Name]; before != nil && st != nil && before.Returned.IsZero() && !st.Returned.IsZero() {
		return fmt.Errorf("%w by others: %s", ErrReturned, rollout.Words(st.Returns[len(st.Returns)-1:]))
	}
	return nil
}

func (w *Watcher) begun() time.Time {
	if st := w.Target.State.Stages[w.Target.Stage.Name]; st != nil && !st.Begun.IsZero() {
		return st.Begun
	}
	return w.Clock.Now()
}

// blind keeps that nothing could be read: the clock of the soak stands, and the watch goes on.
func (w *Watcher) blind(ctx context.Context, now time.Time, cause error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	w.eyes.close(ctx)
	why := secret.Redact(cause.Error())
	w.note("the target could not be read: " + why)
	r := &Reading{At: now}
	if w.last != nil {
		*r = *w.last
	}
	return w.unwritten(ctx, w.keep(ctx, rollout.Sample{At: now, Checks: w.checks, Why: why, Values: map[string]float64{}}, r))
}

// sample keeps what was measured since the last one.
func (w *Watcher) sample(ctx context.Context, now time.Time, r *Reading, restarted bool, unknown []string) error {
	s := rollout.Sample{At: now, Checks: w.checks, Restart: restarted, Values: r.values(nil)}
	if w.last != nil && !restarted {
		span := &Span{w.last, r}
		span.means(w.after)
		s.Values = r.values(span)
		s.Enough, s.Why = span.enough(w.base, w.Rules.Calls)
	} else {
		s.Why = "there is nothing yet to subtract from"
	}
	if len(unknown) > 0 {
		s.Enough, s.Why = false, unknown[0]
	}
	w.last, w.checks = r, 0
	return w.keep(ctx, s, r)
}

// unwritten lets the watch go on where a sample could not be written down, as on a full disk: what stops a stage is looked for all the
// same, and the clock of the soak stands. What says that the log is not whole is returned.
func (w *Watcher) unwritten(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil || errors.Is(err, ledger.ErrDisagree) || errors.Is(err, ledger.ErrChain) {
		return err
	}
	if w.lost == nil {
		w.note("the log cannot be written, and the watch goes on: " + secret.Redact(err.Error()))
	}
	w.lost = err
	return nil
}

// view is what signals are judged by.
func (w *Watcher) view(r *Reading) *View {
	v := &View{Base: w.base, Now: r, Before: w.before, After: w.after, Tables: w.eyes.tables, Owners: w.eyes.owners}
	if w.oldest != w.base {
		v.Prior = &Span{w.oldest, w.base}
	}
	add := func(from *Reading) {
		if from != nil && from != r && !r.anew(from) {
			v.Spans = append(v.Spans, &Span{from, r})
		}
	}
	for i := len(w.recent) - 1; i >= 0; i -= 2 {
		add(w.recent[i])
	}
	if w.last != nil && w.last != w.base {
		add(w.last)
	}
	add(w.first)
	return v
}

// unheard leaves out signals that are in the log already.
func (w *Watcher) unheard(signals []rollout.Signal) []rollout.Signal {
	var out []rollout.Signal
	for _, s := range signals {
		if key := s.Name + fmt.Sprint(s.Tables); !w.told[key] {
			w.told[key] = true
			s.At = w.Clock.Now()
			out = append(out, s)
		}
	}
	return out
}

// answer writes signals down and does what their severity asks for.
func (w *Watcher) answer(ctx context.Context, signals []rollout.Signal, act bool) ([]rollout.Signal, error) {
	var err error
	for _, s := range signals {
		err = errors.Join(err, w.Log.Append(ctx, s.At, ledger.KindSignal, w.Target.Stage.Name, s))
		w.note(fmt.Sprintf("%s, severity %d: %s", s.Name, s.Severity, s.Why))
	}
	stop := slices.DeleteFunc(slices.Clone(signals), func(s rollout.Signal) bool { return s.Severity > 2 })
	if !act {
		return stop, err
	}
	var returned []rollout.Return
	if back := slices.DeleteFunc(slices.Clone(stop), func(s rollout.Signal) bool { return !s.Returns() }); len(back) > 0 {
		var trouble error
		returned, trouble = w.Target.Return(ctx, w.Log, back, w.By)
		err = errors.Join(err, trouble)
	}
	if w.Alarm != nil && len(signals) > 0 {
		err = errors.Join(err, w.Alarm(ctx, signals, returned))
	}
	if len(returned) > 0 {
		err = errors.Join(ErrReturned, err)
	}
	return stop, err
}

func (w *Watcher) note(text string) {
	if w.Note != nil {
		w.Note(text)
	}
}

// connect opens the operator's session for reading.
func connect(ctx context.Context, t *rollout.Target) (*pgx.Conn, error) {
	conn, err := t.Connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("connecting to watch: %w", err)
	}
	return conn, nil
}
