package cli

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/ringfencehq/ringfence/internal/english"
	"github.com/ringfencehq/ringfence/internal/rollout"
	"github.com/ringfencehq/ringfence/internal/rollout/ledger"
	"github.com/ringfencehq/ringfence/internal/rollout/papers"
)

// papersDir is where papers are written, below the rollout's directory.
const papersDir = "papers"

func rolloutPapersCmd(w *World) *cobra.Command {
	var f rolloutFlags
	var dir string
	cmd := command("papers BUNDLE", "write the runbook, the sign-offs and what auditors ask, from the evidence",
		`Writes what people read of a rollout, from its log and evidence alone, as they stand: RUNBOOK.md with this database's own tables, locks and
rehearsed seconds; INCIDENT.md; SIGNOFF.md, each item a fact or a named person's word; compliance.md (SOC 2, PCI DSS); and REPORT.md. Every
figure has its source, and no paper holds a DSN.

  ringfence rollout papers ringfence-rollout
  ringfence rollout papers ringfence-rollout --dir docs/rollout`,
		func(cmd *cobra.Command, args []string) error {
			b, err := rollout.OpenBundle(cmd.Context(), ledger.Directory(args[0]), nil)
			if err != nil {
				return classify(err)
			}
			if dir == "" {
				dir = filepath.Join(args[0], papersDir)
			}
			return w.writePapers(cmd.Context(), &f, b, dir)
		})
	cmd.Args = between(1, 1, "the directory of a rollout")
	f.bindRollout(cmd, "text")
	cmd.Flags().StringVar(&dir, "dir", "", "write them to `DIR` (default: papers, below the rollout's directory)")
	return cmd
}

func (w *World) writePapers(ctx context.Context, f *rolloutFlags, b *rollout.Bundle, dir string) error {
	in, err := papers.Read(ctx, b, w.clock().Now())
	if err != nil {
		return classify(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("writing the papers: %w", err)
	}
	all := papers.Write(in)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if err := w.deliver(filepath.Join(dir, name), func(out *bytes.Buffer) error { _, err := out.WriteString(all[name]); return err }); err != nil {
			return err
		}
	}
	w.note(f.quiet, "wrote %s to %s", english.Count(len(all), "paper"), dir)
	return nil
}

func rolloutCloseCmd(w *World) *cobra.Command {
	var f rolloutFlags
	cmd := command("close [DIR]", "end the rollout, and write the closing report",
		`Ends the rollout in its log, and writes all papers below its directory: REPORT.md holds each requirement with its evidence, how the stages
and the four windows of success went, change-failure rate, lead time, time to restore and minutes of exposure, what is open, and what did
not go as it should have. A rollout that has tables standing open, or a stage that is begun and neither applied nor taken back, is not closed.

  ringfence rollout close`,
		func(cmd *cobra.Command, args []string) error {
			return w.onRollout(cmd, &f, args, true, func(ctx context.Context, s *session) error {
				for _, st := range s.state.Status(w.clock().Now(), 0).Stages {
					if len(st.Returning) > 0 {
						return refused(fmt.Errorf("closing: the return of %s was begun and is not finished", st.Stage), "ringfence rollout watch goes on with it")
					}
					if len(st.Open) > 0 || st.State == "applying" || st.State == "observing" {
						return refused(fmt.Errorf("closing: %s is %s, and %d tables stand open", st.Stage, st.State, len(st.Open)), "close the tables again first: ringfence rollout advance, or fix what is under way")
					}
				}
				if s.state.Closed {
					return refused(fmt.Errorf("closing: the rollout is closed already"), "ringfence rollout papers writes its papers again")
				}
				if err := s.log.Append(ctx, w.clock().Now(), ledger.KindClosed, "", struct{}{}); err != nil {
					return classify(err)
				}
				b, err := rollout.OpenBundle(ctx, ledger.Directory(s.dir), nil)
				if err != nil {
					return classify(err)
				}
				return w.writePapers(ctx, &f, b, filepath.Join(s.dir, papersDir))
			})
		})
	cmd.Args = atMost(1, "one directory at most")
	f.bindRollout(cmd, "text")
	return cmd
}
