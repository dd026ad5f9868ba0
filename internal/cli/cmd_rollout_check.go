package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ringfencehq/ringfence/internal/attest"
	"github.com/ringfencehq/ringfence/internal/report"
	"github.com/ringfencehq/ringfence/internal/rollout"
	"github.com/ringfencehq/ringfence/internal/rollout/ledger"
)

// decisionFormats are the forms of a decision.
var decisionFormats = []string{"text", "json", "html", "markdown"}

func rolloutRehearseCmd(w *World) *cobra.Command {
	var f rolloutFlags
	var only []string
	var key string
	cmd := command("rehearse [DIR]", "find out every fact of a stage",
		`Copies the stage's schema to an embedded server, applies the plan there, verifies, does every rung of the way back and proves the copy
after it, takes all of it back and compares the catalogues, applies again, and attacks. Then it asks the target and the hooks for the
other facts: backup, drift, capacity, load, the application's own way in, alerts, secrets, documents. Each fact is written to the log with
its evidence; what cannot be found out is an unknown one, with the reason. Nothing in the target changes but the log. With --key a machine of
approvers.yaml signs the log as it then stands, evidence and all; what machines sign is never an approval.

  ringfence rollout rehearse
  ringfence rollout rehearse --key ci_ed25519
  ringfence rollout rehearse --stage production --fact backup_age --fact load`,
		func(cmd *cobra.Command, args []string) error {
			return w.onStage(cmd, &f, args, func(ctx context.Context, s *session, all []*rollout.Target) error {
				if err := knownFacts(only); err != nil {
					return err
				}
				for _, t := range all {
					if _, err := t.Collect(ctx, s.log, only...); err != nil {
						return classify(err)
					}
				}
				if err := s.again(); err != nil {
					return err
				}
				if err := s.witness(ctx, key); err != nil {
					return err
				}
				_, err := s.show(&f)
				return err
			})
		})
	cmd.Args = atMost(1, "one directory at most")
	f.bindRollout(cmd, decisionFormats...)
	cmd.Flags().StringArrayVar(&only, "fact", nil, "only the fact of this `NAME`; may be given again")
	cmd.Flags().StringVar(&key, "key", "", "the `KEY` of a machine that signs what was found out")
	return cmd
}

// knownFacts refuses the name of a fact that no collector finds out.
func knownFacts(names []string) error {
	var known []string
	for _, c := range rollout.Collectors() {
		if c.Collect != nil {
			known = append(known, c.Name)
		}
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return usage(fmt.Errorf("no collector finds out a fact %q", name), "there are "+strings.Join(known, ", "))
		}
	}
	return nil
}

// witness has a machine sign the log, where its key was given.
func (s *session) witness(ctx context.Context, key string) error {
	if key == "" {
		return nil
	}
	signer, err := signerOf(key)
	if err != nil {
		return err
	}
	w, err := s.state.Witness(ctx, s.log, s.people, signer, s.w.clock().Now())
	if errors.Is(err, rollout.ErrNotAMachine) {
		return refused(err, "people approve by ringfence rollout sign; name the machine in approvers.yaml")
	}
	if err != nil {
		return classify(err)
	}
	s.w.note(s.f.quiet, "%s signed the log's %d entries", w.By[0], w.Entries)
	return nil
}

func rolloutCheckCmd(w *World) *cobra.Command {
	var f rolloutFlags
	cmd := command("check [DIR]", "GREEN or RED, with the list",
		`Decides from the log alone whether the stage may begin now: every fact that is asked for passes and is fresh, and everybody asked for
has signed these bytes. One thing that is missing, unknown or stale is RED. There is no score.

  ringfence rollout check
  ringfence rollout check --stage production --format html -o decision.html

The page prints on one sheet, for a reader who has never seen the project. Exit 0: green. 4: red. 7: a signature does not hold.`,
		func(cmd *cobra.Command, args []string) error {
			return w.onRollout(cmd, &f, args, false, func(ctx context.Context, s *session) error {
				d, err := s.show(&f)
				if err != nil {
					return err
				}
				if !d.Green {
					return outcome(exitRefused)
				}
				return nil
			})
		})
	cmd.Args = atMost(1, "one directory at most")
	f.bindRollout(cmd, decisionFormats...)
	return cmd
}

// show decides on the stage and writes the decision.
func (s *session) show(f *rolloutFlags) (*rollout.Decision, error) {
	if err := f.check(decisionFormats, nil); err != nil {
		return nil, err
	}
	d, err := s.decide()
	if err != nil {
		return nil, classify(err)
	}
	return d, s.w.write(&f.readFlags, report.OfDecision(d.Document(&s.state.Rollout)))
}

// decide answers for the stage, or for the one of its databases that was named.
func (s *session) decide() (*rollout.Decision, error) {
	if len(s.stages) == 1 {
		return s.state.Decide(s.stages[0], s.people, s.w.clock().Now())
	}
	return s.state.DecideGroup(s.group(), s.people, s.w.clock().Now())
}

func rolloutVerifyCmd(w *World) *cobra.Command {
	var f rolloutFlags
	var root, head string
	cmd := command("verify BUNDLE", "check a rollout offline, as an auditor does",
		`Reads the directory of a rollout and nothing else: no database, no network. It checks the chain of the log, every piece of evidence
against its digest, the approvers against the root key, and every signature; then it decides anew for each stage that was begun, as of
that moment. --root gives the key that you trust; without it the rollout's own word for it is taken, which is said. --head gives a head that
you saw before, as status prints it: a log that was cut off since, or written anew, does not hold it.

  ringfence rollout verify ringfence-rollout --root "$(cat root.pub)"
  ringfence rollout verify ringfence-rollout --stage production --format html -o decision.html

Exit 0: what was begun was green. 4: red. 5: something asked for was not known. 6: something had expired. 7: a signature, the chain
or a piece of evidence does not hold.`,
		func(cmd *cobra.Command, args []string) error {
			if err := f.check(decisionFormats, nil); err != nil {
				return err
			}
			return w.verifyBundle(cmd.Context(), &f, args[0], root, head)
		})
	cmd.Args = between(1, 1, "the directory of a rollout")
	f.bindRollout(cmd, decisionFormats...)
	cmd.Flags().StringVar(&root, "root", "", "the `KEY` that you trust to name the approvers, as in authorized_keys")
	cmd.Flags().StringVar(&head, "head", "", "the `HASH` of an entry that the log has to hold")
	return cmd
}

func (w *World) verifyBundle(ctx context.Context, f *rolloutFlags, dir, root, head string) error {
	var trusted *attest.Key
	if root != "" {
		k, err := attest.ParseKey(root)
		if err != nil {
			return usage(err, "")
		}
		trusted = &k
	} else {
		w.note(f.quiet, "no --root was given: that these approvers are the right ones is the rollout's own word")
	}
	b, err := rollout.OpenBundle(ctx, ledger.Directory(dir), trusted)
	if err != nil {
		return classify(err)
	}
	if err := w.attested(f, b, head); err != nil {
		return err
	}
	r := &b.State.Rollout
	var stages []*rollout.Stage
	for i := range r.Stages {
		st := b.State.Stages[r.Stages[i].Name]
		if f.stage == r.Stages[i].Name || f.stage == r.Stages[i].Group() || f.stage == "" && st != nil && !st.Begun.IsZero() {
			stages = append(stages, &r.Stages[i])
		}
	}
	if len(stages) == 0 && f.stage != "" {
		return usage(fmt.Errorf("there is no stage %q", f.stage), "")
	}
	if len(stages) == 0 {
		stages = append(stages, &r.Stages[0])
	}
	worst, last := exitClean, (*rollout.Document)(nil)
	for _, stage := range stages {
		d, err := b.DecideAsOf(stage, w.clock().Now())
		if err != nil {
			return classify(err)
		}
		last = d.Document(r)
		code := verdict(d)
		w.note(f.quiet, "%s: %s as of %s, %d entries, their chain, evidence and signatures hold", stage.Name, last.Answer, last.At.Format("2006-01-02 15:04:05Z"), len(b.Log.Entries()))
		if graver(code, worst) {
			worst = code
		}
	}
	if err := w.write(&f.readFlags, report.OfDecision(last)); err != nil {
		return err
	}
	return outcome(worst)
}

// attested says how much of the log is vouched for by others than itself: by a head that was seen before, and by machines.
func (w *World) attested(f *rolloutFlags, b *rollout.Bundle, head string) error {
	if head != "" {
		since, err := b.Holds(attest.Digest(head))
		if err != nil {
			return classify(err)
		}
		w.note(f.quiet, "the log holds the head that was given, and %d entries since", since)
	}
	if n := len(b.Witnesses); n > 0 {
		last := b.Witnesses[n-1]
		w.note(f.quiet, "%s signed the log's first %d entries of %d", strings.Join(last.By, ", "), last.Entries, len(b.Log.Entries()))
	}
	return nil
}

// verdict gives a decision its exit code.
func verdict(d *rollout.Decision) int {
	switch {
	case d.Green:
		return exitClean
	case d.Stale:
		return exitExpired
	}
	for _, c := range d.Checks {
		if c.Outcome == rollout.Fail {
			return exitRefused
		}
	}
	return exitUnknown
}

// graver orders exits: red before unknown before expired before green.
func graver(a, b int) bool {
	rank := map[int]int{exitClean: 0, exitExpired: 1, exitUnknown: 2, exitRefused: 3}
	return rank[a] > rank[b]
}
