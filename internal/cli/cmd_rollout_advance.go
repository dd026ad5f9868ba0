package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringfencehq/ringfence/internal/apply"
	"github.com/ringfencehq/ringfence/internal/notify"
	"github.com/ringfencehq/ringfence/internal/rollout"
	"github.com/ringfencehq/ringfence/internal/rollout/watch"
)

// caller calls the people of the rollout's roster about one database.
func (s *session) caller(stage *rollout.Stage) *rollout.Caller {
	sender := &notify.Sender{Now: s.w.clock().Now}
	return &rollout.Caller{Log: s.log, Rollout: &s.state.Rollout, Stage: stage, Roster: s.def.Roster, Env: s.w.Env, Sender: sender, Clock: s.w.clock(), Hooks: s.def.Hooks}
}

// watcher watches one database of the stage.
func (s *session) watcher(t *rollout.Target) *watch.Watcher {
	c := s.caller(t.Stage)
	return &watch.Watcher{Target: t, Log: s.log, Clock: s.w.clock(), Rules: s.def.Watch, By: s.w.operator(), Alarm: c.Alarm, Climb: c.Climb,
		Note: func(text string) { s.w.note(s.f.quiet, "%s", text) }}
}

func rolloutAdvanceCmd(w *World) *cobra.Command {
	var f rolloutFlags
	var observe time.Duration
	cmd := command("advance [DIR]", "apply the stage, cohort by cohort, if it is green now",
		`Looks at the window, at the bytes of the plan, and anew at every fact that passes quickly, against the live database; decides; and only
then applies the stage: the canary cohort first, each cohort verified and watched before the next. Then the hooks deploy, health and smoke
run, where they are given. Killed in the middle it is started again with the same words.

A step that does not get through is taken back with its cohort, and no code is deployed. A signal that stops takes back what the signed way
back allows. An application that does not come up goes back by the hook revert, and the tables stay.

  ringfence rollout advance --stage production
  ringfence rollout advance --stage production --observe 24h   first the mode that refuses nothing, for a day; then advance again

Where the stage is to be observed first, by rollout.yaml or by --observe, this begins it and ends; once the time is over the next advance takes
it away and applies, unless a statement was counted that would be refused. --observe while it is under way begins the count anew.

A stage of several databases goes cohort by cohort over all of them: the canary cohort on each, one after the other, then the next cohort.
Nothing is changed unless each may go; the first fault stops all, and it says where each database stands.

Exit 4: refused, or stopped and taken back. 6: red only since something has expired.`,
		func(cmd *cobra.Command, args []string) error {
			return w.onStage(cmd, &f, args, func(ctx context.Context, s *session, all []*rollout.Target) error {
				if err := s.whole("advance"); err != nil {
					return err
				}
				var front rollout.Front
				for _, t := range all {
					eyes := s.watcher(t)
					defer eyes.Close(ctx)
					front.Databases = append(front.Databases, &rollout.Advance{Target: t, Log: s.log, People: s.people, Clock: w.clock(), By: w.operator(), Observe: observe, Settle: eyes.Look,
						Baseline: eyes.Baseline, Alarm: s.caller(t.Stage).Alarm, Progress: w.follow(f.quiet)})
				}
				if err := front.Run(ctx); err != nil {
					return classify(err)
				}
				if err := s.again(); err != nil {
					return err
				}
				return s.tell()
			})
		})
	cmd.Args = atMost(1, "one directory at most")
	f.bindRollout(cmd, "text", "json")
	cmd.Flags().DurationVar(&observe, "observe", 0, "begin with the mode that refuses nothing, for that long, or begin it anew (default: as the stage asks)")
	return cmd
}

func rolloutWatchCmd(w *World) *cobra.Command {
	var f rolloutFlags
	var length time.Duration
	var before, once bool
	cmd := command("watch [DIR]", "measure the stage, and take it back where it has to be",
		`Looks every minute for what stops a stage, and keeps a sample every 5 minutes in the first hour, every 15 until the fourth, hourly to the
twenty-fourth: rows a call of each statement, what two tenants see, errors, latency and blocks by statement, scans, writes, replicas, backups,
the trail; and the application's 95th percentile and alerts, where Prometheus is given. Where nothing ran the clock of the soak stands.

Severity 1 returns by itself, by the signed way back, and calls people; 2 halts and asks; 3 posts a ticket. Nobody's answer climbs the roster.

  ringfence rollout watch --before                 keep a sample of the time before, to compare with; several make the rank test
  ringfence rollout watch --stage production       for a day
  ringfence rollout watch --once                   one look, for a scheduler of yours

It needs pg_stat_statements in the target. Exit 0: the time is over and nothing stopped. 4: it was stopped.`,
		func(cmd *cobra.Command, args []string) error {
			return w.onStage(cmd, &f, args, func(ctx context.Context, s *session, all []*rollout.Target) error {
				if once {
					length = 0
				}
				signals, err := s.watchAll(ctx, all, before, length)
				if before {
					return classify(err)
				}
				return s.watched(signals, err)
			})
		})
	cmd.Args = atMost(1, "one directory at most")
	f.bindRollout(cmd, "text", "json")
	fl := cmd.Flags()
	fl.DurationVar(&length, "for", watch.Length, "how long")
	fl.BoolVar(&before, "before", false, "keep a sample of the time before the stage is begun, and end")
	fl.BoolVar(&once, "once", false, "look once, and end")
	return cmd
}

// watchAll watches every database of the stage at once. It ends when each watch has ended; the signals are those of all.
func (s *session) watchAll(ctx context.Context, all []*rollout.Target, before bool, length time.Duration) ([]rollout.Signal, error) {
	for _, t := range all {
		if st := s.state.Stages[t.Stage.Name]; !before && (st == nil || st.Begun.IsZero()) {
			return nil, refused(fmt.Errorf("%s was not begun", t.Stage.Name), "ringfence rollout advance begins it; --before keeps a sample of the time before")
		}
	}
	signals, errs := make([][]rollout.Signal, len(all)), make([]error, len(all))
	var group sync.WaitGroup
	for i, t := range all {
		eyes := s.watcher(t)
		defer eyes.Close(ctx)
		group.Go(func() {
			if before {
				errs[i] = eyes.Baseline(ctx)
				return
			}
			signals[i], errs[i] = eyes.Run(ctx, length)
		})
	}
	group.Wait()
	return slices.Concat(signals...), errors.Join(errs...)
}

// watched ends a watch.
func (s *session) watched(stopped []rollout.Signal, err error) error {
	if err != nil && !errors.Is(err, watch.ErrReturned) {
		return classify(err)
	}
	if again := s.again(); again != nil {
		return again
	}
	if told := s.tell(); told != nil {
		return told
	}
	if len(stopped) == 0 && err != nil {
		return refused(err, "ringfence rollout status tells what was taken back, and by whom")
	}
	if len(stopped) > 0 {
		return refused(errors.Join(fmt.Errorf("%s: %s", stopped[0].Name, stopped[0].Why), err), "ringfence rollout status tells what was taken back and who was called")
	}
	return nil
}

func rolloutReturnCmd(w *World) *cobra.Command {
	var f rolloutFlags
	var tables []string
	var rung, reason string
	cmd := command("return [DIR]", "do one rung of the way back because a person says so",
		`Does one rung at once, without a signature, records who did it and why, and calls people. no-force gives owners their way back and keeps
the application isolated; policy-form brings back the policies that the plan replaced; insecure-disable opens isolation and has to be
asked for by that name: the time for which tables stand open is counted until they are closed again by ringfence rollout advance.

  ringfence rollout return --stage production --rung no-force --reason "reports fail since 14:02"`,
		func(cmd *cobra.Command, args []string) error {
			if reason == "" {
				return usage(errors.New("--reason is missing"), "the reason is kept in the log")
			}
			return w.onStage(cmd, &f, args, func(ctx context.Context, s *session, all []*rollout.Target) error {
				var errs []error
				for _, t := range all { // one that cannot go back keeps no other from it
					if _, err := s.byHand(ctx, t, apply.Rung(rung), tables, reason); err != nil {
						errs = append(errs, fmt.Errorf("%s: %w", t.Stage.Name, err))
					}
				}
				if err := errors.Join(errs...); err != nil {
					return classify(err)
				}
				return s.tell()
			})
		})
	cmd.Args = atMost(1, "one directory at most")
	f.bindRollout(cmd, "text", "json")
	fl := cmd.Flags()
	fl.StringArrayVar(&tables, "table", nil, "only this `TABLE`; may be given again")
	fl.StringVar(&reason, "reason", "", "why, for the record")
	bindRung(cmd, &rung)
	return cmd
}

// byHand does a rung, and calls people.
func (s *session) byHand(ctx context.Context, t *rollout.Target, rung apply.Rung, tables []string, reason string) (*apply.Result, error) {
	r, result, err := t.ReturnByHand(ctx, s.log, rung, tables, reason, s.w.operator())
	if err != nil && len(r.Tables) == 0 {
		return result, err
	}
	signal := rollout.Signal{At: s.w.clock().Now(), Name: "emergency", Severity: 1, Why: reason}
	return result, errors.Join(err, s.caller(t.Stage).Alarm(ctx, []rollout.Signal{signal}, []rollout.Return{r}), s.again())
}

func rolloutAnswerCmd(w *World) *cobra.Command {
	var f rolloutFlags
	var alarm string
	cmd := command("answer [DIR]", "say that you have taken a call",
		`Writes down that somebody answered an alarm, so that it does not climb the roster further.

  ringfence rollout answer --alarm rows_collapse`,
		func(cmd *cobra.Command, args []string) error {
			return w.onRollout(cmd, &f, args, true, func(ctx context.Context, s *session) error {
				var errs []error
				for _, stage := range s.stages { // it was raised by one of them, or by several
					if err := s.caller(stage).Answer(ctx, alarm, w.operator()); err != nil {
						errs = append(errs, err)
					}
				}
				if len(errs) == len(s.stages) {
					return refused(errs[0], "ringfence rollout status lists the alarms")
				}
				return nil
			})
		})
	cmd.Args = atMost(1, "one directory at most")
	f.bindRollout(cmd, "text")
	cmd.Flags().StringVar(&alarm, "alarm", "", "which `ALARM`: the signal's name")
	return cmd
}
