package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringfencehq/ringfence/internal/apply"
	"github.com/ringfencehq/ringfence/internal/notify"
	"github.com/ringfencehq/ringfence/internal/rollout"
	"github.com/ringfencehq/ringfence/internal/rollout/watch"
)

// caller calls the people of the rollout's roster.
func (s *session) caller() *rollout.Caller {
	sender := &notify.Sender{Now: s.w.clock().Now}
	return &rollout.Caller{Log: s.log, Rollout: &s.state.Rollout, Stage: s.stage, Roster: s.def.Roster, Env: s.w.Env, Sender: sender, Clock: s.w.clock()}
}

// watcher watches the stage.
func (s *session) watcher(t *rollout.Target) *watch.Watcher {
	c := s.caller()
	return &watch.Watcher{Target: t, Log: s.log, Clock: s.w.clock(), Rules: s.def.Watch, By: s.w.operator(), Alarm: c.Alarm, Climb: c.Climb,
		Note: func(text string) { s.w.note(s.f.quiet, "%s", text) }}
}

func rolloutAdvanceCmd(w *World) *cobra.Command {
	var f rolloutFlags
	cmd := command("advance [DIR]", "apply the stage, cohort by cohort, if it is green now",
		`Looks at the window, at the bytes of the plan, and anew at every fact that passes quickly, against the live database; decides; and only
then applies the stage: the canary cohort first, each cohort verified and watched before the next. Then the hooks deploy, health and smoke
run, where they are given. Killed in the middle it is started again with the same words.

A step that does not get through is taken back with its cohort, and no code is deployed. A signal that stops takes back what the signed way
back allows. An application that does not come up goes back by the hook revert, and the tables stay.

  ringfence rollout advance --stage production

Exit 4: refused, or stopped and taken back. 6: red only since something has expired. Where the stage is to be observed first, this begins it.`,
		func(cmd *cobra.Command, args []string) error {
			s, err := w.openRollout(cmd.Context(), &f, argument(args, 0), true)
			if err != nil {
				return err
			}
			defer s.close()
			t, err := s.target(cmd.Context(), s.stage)
			if err != nil {
				return err
			}
			eyes := s.watcher(t)
			defer eyes.Close(cmd.Context())
			a := &rollout.Advance{Target: t, Log: s.log, People: s.people, Clock: w.clock(), By: w.operator(), Settle: eyes.Look, Baseline: eyes.Baseline, Alarm: s.caller().Alarm,
				Progress: w.follow(f.quiet)}
			if err := a.Run(cmd.Context()); err != nil {
				return classify(err)
			}
			if err := s.again(); err != nil {
				return err
			}
			return s.tell()
		})
	cmd.Args = atMost(1, "one directory at most")
	f.bindRollout(cmd, "text", "json")
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
			s, err := w.openRollout(cmd.Context(), &f, argument(args, 0), true)
			if err != nil {
				return err
			}
			defer s.close()
			t, err := s.target(cmd.Context(), s.stage)
			if err != nil {
				return err
			}
			eyes := s.watcher(t)
			defer eyes.Close(cmd.Context())
			if before {
				return classify(eyes.Baseline(cmd.Context()))
			}
			if st := s.state.Stages[s.stage.Name]; st == nil || st.Begun.IsZero() {
				return refused(fmt.Errorf("%s was not begun", s.stage.Name), "ringfence rollout advance begins it; --before keeps a sample of the time before")
			}
			if once {
				length = 0
			}
			return s.watched(eyes.Run(cmd.Context(), length))
		})
	cmd.Args = atMost(1, "one directory at most")
	f.bindRollout(cmd, "text", "json")
	fl := cmd.Flags()
	fl.DurationVar(&length, "for", watch.Length, "how long")
	fl.BoolVar(&before, "before", false, "keep a sample of the time before the stage is begun, and end")
	fl.BoolVar(&once, "once", false, "look once, and end")
	return cmd
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
	if len(stopped) > 0 {
		return refused(fmt.Errorf("%s: %s", stopped[0].Name, stopped[0].Why), "ringfence rollout status tells what was taken back and who was called")
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
			s, err := w.openRollout(cmd.Context(), &f, argument(args, 0), true)
			if err != nil {
				return err
			}
			defer s.close()
			t, err := s.target(cmd.Context(), s.stage)
			if err != nil {
				return err
			}
			if _, err := s.byHand(cmd.Context(), t, apply.Rung(rung), tables, reason); err != nil {
				return classify(err)
			}
			return s.tell()
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
	if err != nil {
		return result, err
	}
	signal := rollout.Signal{At: s.w.clock().Now(), Name: "emergency", Severity: 1, Why: reason}
	if err := s.caller().Alarm(ctx, []rollout.Signal{signal}, []rollout.Return{r}); err != nil {
		return result, err
	}
	return result, s.again()
}

func rolloutAnswerCmd(w *World) *cobra.Command {
	var f rolloutFlags
	var alarm string
	cmd := command("answer [DIR]", "say that you have taken a call",
		`Writes down that somebody answered an alarm, so that it does not climb the roster further.

  ringfence rollout answer --alarm rows_collapse`,
		func(cmd *cobra.Command, args []string) error {
			s, err := w.openRollout(cmd.Context(), &f, argument(args, 0), true)
			if err != nil {
				return err
			}
			defer s.close()
			if err := s.caller().Answer(cmd.Context(), alarm, w.operator()); err != nil {
				return refused(err, "ringfence rollout status lists the alarms")
			}
			return nil
		})
	cmd.Args = atMost(1, "one directory at most")
	f.bindRollout(cmd, "text")
	cmd.Flags().StringVar(&alarm, "alarm", "", "which `ALARM`: the signal's name")
	return cmd
}
