package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/trail"
)

func trailRetireCmd(w *World) *cobra.Command {
	var f trailFlags
	var before, how, reason string
	var ahead int
	cmd := command("retire [DSN]", "take old months out of the table, and make partitions ahead",
		`Detaches the months that ended before --before (their events stay in tables of their own, ringfence.trail_retired_YYYYMM), or drops them
with --by drop. By whom, why, and the hash of every event stay in the trail, so that chains and checkpoints go on verifying. Months that
ended less than a month ago are refused. Without --before nothing is retired. Partitions for --ahead months are made.

  ringfence trail retire "$DSN" --before 9600h --reason "kept for 400 days" --by detach
  ringfence trail retire "$DSN" --ahead 3

The DSN's role is the trail's keeper. Run it from a scheduler, once a day.`,
		func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			at, err := moment(before, "before")
			if err != nil {
				return err
			}
			if at.IsZero() && (cmd.Flags().Changed("by") || reason != "") {
				return usage(errors.New("--by and --reason are of months that --before names"), "such as --before 9600h")
			}
			if !at.IsZero() && reason == "" {
				return usage(errors.New("no --reason was given"), "it stays in the trail")
			}
			if how != string(trail.Detach) && how != string(trail.Drop) {
				return usage(fmt.Errorf("--by %q is neither detach nor drop", how), "")
			}
			if ahead < 0 || ahead > 24 {
				return usage(fmt.Errorf("--ahead %d is not 0 to 24", ahead), "")
			}
			return w.retire(cmd.Context(), &f, argument(args, 0), at, trail.Disposal(how), reason, ahead)
		})
	cmd.Args = atMost(1, "one DSN at most")
	f.bind(cmd, "text", "json")
	f.bindOutput(cmd)
	cmd.Flags().StringVar(&before, "before", "", "retire months that ended before this `TIME` (RFC 3339), date, or so long ago (9600h)")
	cmd.Flags().StringVar(&how, "by", string(trail.Detach), "what becomes of a month: detach, drop")
	cmd.Flags().StringVar(&reason, "reason", "", "why; asked for with --before")
	cmd.Flags().IntVar(&ahead, "ahead", 2, "for how many months to come partitions are made")
	completeWords(cmd, "by", []string{string(trail.Detach), string(trail.Drop)})
	return cmd
}

func (w *World) retire(ctx context.Context, f *trailFlags, dsn string, before time.Time, how trail.Disposal, reason string, ahead int) error {
	conn, err := w.dial(ctx, dsn, pg.Options{})
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	doc := struct {
		Schema  string   `json:"schema"`
		Made    []string `json:"made"`
		By      string   `json:"by,omitempty"`
		Retired []string `json:"retired"`
	}{Schema: "ringfence/trail-retire/v1", Retired: []string{}}
	if doc.Made, err = trail.Ahead(ctx, conn, ahead); err != nil {
		return err
	}
	if !before.IsZero() {
		doc.By = string(how)
		if doc.Retired, err = trail.Retire(ctx, conn, before, how, reason); err != nil {
			return err
		}
	}
	return f.document(w, doc, func(b *bytes.Buffer) {
		for _, p := range doc.Made {
			fmt.Fprintf(b, "made     ringfence.%s\n", p)
		}
		for _, p := range doc.Retired {
			fmt.Fprintf(b, "retired  ringfence.%s (%s)\n", p, how)
		}
		fmt.Fprintf(b, "%d made, %d retired\n", len(doc.Made), len(doc.Retired))
	})
}
