package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringfencehq/ringfence/internal/bench"
	"github.com/ringfencehq/ringfence/internal/english"
	"github.com/ringfencehq/ringfence/internal/harden"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/report"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

func benchCmd(w *World) *cobra.Command {
	var f readFlags
	var runs, warmUp int
	var limit time.Duration
	var only []string
	var against string
	cmd := command("bench [DSN]", "tenant-scoped queries: plans and times, with and without row security",
		`Times, for each tenant table, what applications ask most: one row by its key, a page of a tenant's rows, the newest of them, and
how many there are. Each query is run in turns as the role of the connection, which row security must not bind, and as the
application's role in the tenant's context; the difference is what the policy costs. It tells the median, the 95th percentile and
the median absolute deviation, and the index that is really used under the application's role. Worse by more than a fifth is named.

  ringfence bench "$DSN" --format json -o before.json
  ringfence apply out "$DSN"
  ringfence bench "$DSN" --against before.json

With --against, the times of an earlier document stand beside those of now: what a plan did to the application. Nothing is written;
each statement is bounded by --statement-timeout. Run it where load is like production's, or on a copy: times of an idle server
flatter. The application's role is taken by SET ROLE: its own settings do not count.

Exit 0: nothing is worse. 3: something is worse by more than a fifth. 5: nothing could be timed.`,
		func(cmd *cobra.Command, args []string) error {
			if err := f.check([]string{"text", "json", "markdown", "html"}, args); err != nil {
				return err
			}
			if f.snapshot != "" {
				return usage(fmt.Errorf("--snapshot holds no rows to time"), "give a DSN")
			}
			if runs < 1 || warmUp < 0 || limit < time.Millisecond {
				return usage(fmt.Errorf("--runs, --warm-up and --statement-timeout must be 1, 0 and 1ms at least"), "")
			}
			earlier, err := readBench(against)
			if err != nil {
				return err
			}
			m, err := f.readModel(cmd.Context(), w, argument(args, 0))
			if err != nil {
				return err
			}
			d, err := w.bench(cmd.Context(), &f, m, argument(args, 0), only, bench.Options{Runs: runs, WarmUp: warmUp, Statement: limit})
			if err != nil {
				return err
			}
			if earlier != nil {
				d.Against(earlier)
			}
			if err := w.write(&f, report.OfBench(d)); err != nil {
				return err
			}
			switch s := d.Summary; {
			case s.Worse > 0 && f.failOn != "none":
				return outcome(exitFound)
			case s.Unknown == s.Cases:
				return &exitError{code: exitUnknown, err: fmt.Errorf("none of %s could be timed", english.Count(s.Cases, "case"))}
			}
			return nil
		})
	cmd.Args = atMost(1, "one DSN at most")
	f.bind(cmd, "text", "json", "markdown", "html")
	fl := cmd.Flags()
	fl.IntVar(&runs, "runs", 15, "runs of each query in each way that are kept")
	fl.IntVar(&warmUp, "warm-up", 3, "runs before these that are not")
	fl.DurationVar(&limit, "statement-timeout", 10*time.Second, "limit of one statement")
	fl.StringArrayVar(&only, "table", nil, "time this `TABLE` only; may be given again")
	fl.StringVar(&against, "against", "", "compare with an earlier bench's JSON `FILE`")
	return cmd
}

// readBench reads an earlier document; nil where none was named.
func readBench(name string) (*bench.Document, error) {
	if name == "" {
		return nil, nil
	}
	in, err := os.Open(name)
	if err != nil {
		return nil, usage(fmt.Errorf("reading the earlier bench: %w", err), "ringfence bench --format json -o FILE writes one")
	}
	defer in.Close()
	r, err := report.ReadJSON(in)
	if err == nil && r.Bench == nil {
		err = errors.New("it is another document than a bench")
	}
	if err != nil {
		return nil, usage(fmt.Errorf("reading the earlier bench: %w", err), "ringfence bench --format json -o FILE writes one")
	}
	return r.Bench, nil
}

// bench times the model's tables, or those that were named.
func (w *World) bench(ctx context.Context, f *readFlags, m *tenancy.Model, dsn string, only []string, o bench.Options) (*bench.Document, error) {
	o.Targets = harden.BenchTargets(m)
	if len(only) > 0 {
		var chosen []bench.Target
		for _, name := range only {
			at := len(chosen)
			for _, t := range o.Targets {
				if t.Table == name {
					chosen = append(chosen, t)
				}
			}
			if at == len(chosen) {
				return nil, usage(fmt.Errorf("no tenant table %s that an application role may read", name), "ringfence audit --format json lists the tables")
			}
		}
		o.Targets = chosen
	}
	conn, err := w.dial(ctx, dsn, pg.Options{})
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	bar := w.progress(f.quiet || !w.Terminal, "bench", 0)
	defer bar.done()
	o.Conn, o.Enter, o.Child = conn, harden.EnterContext(m, f.context), harden.ChildTenant(m)
	o.Step = func(done, total int, what string) { bar.at(int64(done), int64(total), what) }
	d, err := bench.Run(ctx, o)
	if d != nil {
		s := m.Snapshot.Server
		d.Server = map[string]any{"version_num": s.VersionNum, "database": s.Database, "system_identifier": s.SystemIdentifier, "offline": s.Offline}
	}
	return d, err
}
