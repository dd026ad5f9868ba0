package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/ringfencehq/ringfence/internal/audit"
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/drift"
	"github.com/ringfencehq/ringfence/internal/fleet"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/report"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// fleetFlags are what every verb of fleet takes.
type fleetFlags struct {
	readFlags
	file     string
	groups   []string
	parallel int
	limit    time.Duration
}

var fleetFormats = []string{"text", "json", "html", "markdown"}

func fleetCmd(w *World) *cobra.Command {
	cmd := command("fleet", "ask the same of many databases at once, one line each, worst first",
		`Asks every database of a file the same question, several at once, and prints one line for each: what was found first, then what
could not be told, then what is clean. A database that cannot be reached is unknown, and unknown is never fine.

  ringfence fleet audit   -f fleet.yaml
  ringfence fleet prove   -f fleet.yaml --group prod --parallel 16
  ringfence fleet drift   -f fleet.yaml --format json
  ringfence fleet rollout -f fleet.yaml --format html -o fleet.html

The file names the variables that hold the DSNs, so that it can be committed:

  databases:
    - {name: eu-1, dsn_env: EU1_DSN, groups: [prod], labels: {region: eu}, lock: eu-1.lock.json}
    - {name: us-1, dsn_env: US1_DSN, groups: [prod], config: us.yaml}

Exit 0: all are clean. 3: something was found in one. 5: nothing was found, and something is unknown. docs/fleet.md has the whole file.`,
		func(cmd *cobra.Command, args []string) error { return cmd.Help() })
	cmd.Args = atMost(0, "a verb: audit, drift, prove or rollout")
	for _, v := range fleet.Verbs() {
		cmd.AddCommand(fleetVerbCmd(w, v))
	}
	return cmd
}

func fleetVerbCmd(w *World, v fleet.Verb) *cobra.Command {
	var f fleetFlags
	short, _, _ := strings.Cut(v.Doc, ":")
	cmd := command(v.Name, short, "Asks each database of the file: "+v.Doc+".\n\n  ringfence fleet "+v.Name+" -f fleet.yaml",
		func(cmd *cobra.Command, args []string) error {
			if err := f.check(fleetFormats, nil); err != nil {
				return err
			}
			return f.run(cmd.Context(), w, v)
		})
	cmd.Args = atMost(0, "no arguments: the databases stand in the file")
	fl := cmd.Flags()
	fl.StringVarP(&f.file, "file", "f", "", "the `FILE` that lists the databases (default: what ringfence.yaml names as its fleet, else fleet.yaml)")
	fl.StringArrayVar(&f.groups, "group", nil, "only the databases of this `GROUP`; may be given again")
	fl.IntVar(&f.parallel, "parallel", 8, "how many are asked at once")
	fl.DurationVar(&f.limit, "limit", 5*time.Minute, "how long one may take before it is unknown")
	fl.StringVar(&f.format, "format", "text", "how to write the document: "+strings.Join(fleetFormats, ", "))
	fl.StringVarP(&f.output, "output", "o", "", "write the document to `FILE` instead of stdout")
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "no progress and no notes on stderr")
	fl.BoolVar(&f.noColor, "no-color", false, "no colour; NO_COLOR does the same")
	f.failOn = "none"
	if v.Name == "audit" {
		fl.StringVar(&f.failOn, "fail-on", "high", "what is found: findings of this severity or above: critical, high, medium, low, info, none")
		completeWords(cmd, "fail-on", failOnWords)
	}
	completeWords(cmd, "format", fleetFormats)
	return cmd
}

func (f *fleetFlags) run(ctx context.Context, w *World, v fleet.Verb) error {
	if f.parallel < 1 || f.parallel > 256 {
		return usage(fmt.Errorf("--parallel %d is not between 1 and 256", f.parallel), "")
	}
	databases, err := f.databases()
	if err != nil {
		return err
	}
	var targets []*fleet.Target
	for _, d := range databases {
		targets = append(targets, f.target(w, d))
	}
	bar := w.progress(f.quiet, "fleet", int64(len(targets)))
	defer bar.done()
	doc, err := fleet.Ask(ctx, v, targets, fleet.Options{Parallel: f.parallel, Limit: f.limit,
		Progress: func(done, total int, name string) { bar.at(int64(done), int64(total), name) }})
	if err != nil {
		return err
	}
	bar.done()
	if err := w.write(&f.readFlags, report.OfFleet(doc)); err != nil {
		return err
	}
	switch {
	case doc.Summary[fleet.Found] > 0:
		return outcome(exitFound)
	case doc.Summary[fleet.Unknown] > 0:
		return outcome(exitUnknown)
	}
	return nil
}

// own are the flags that a database's entry stands for.
func (f *fleetFlags) own(d fleet.Database) *readFlags {
	return &readFlags{config: d.Config, appRoles: d.AppRoles, tenantColumns: d.TenantColumns, context: d.Context, failOn: f.failOn, quiet: f.quiet}
}

// databases are those of the file that --group asks for.
func (f *fleetFlags) databases() ([]fleet.Database, error) {
	if f.file == "" {
		config, err := f.readConfig()
		if err != nil {
			return nil, err
		}
		f.file = cmp.Or(f.fleetOf(config), "fleet.yaml")
	}
	file, err := fleet.Read(f.file)
	if err != nil {
		return nil, usage(err, "see ringfence fleet --help")
	}
	databases, err := file.In(f.groups)
	if err != nil {
		return nil, usage(err, "")
	}
	return databases, nil
}

// fleetOf is the fleet's file that ringfence.yaml names; empty: none.
func (f *readFlags) fleetOf(config *tenancy.Config) string {
	switch {
	case config == nil || config.Fleet == "":
		return ""
	case filepath.IsAbs(config.Fleet):
		return config.Fleet
	}
	return filepath.Join(filepath.Dir(cmp.Or(f.config, defaultConfig)), config.Fleet)
}

// target gives one database the same reading as the verbs for one: what its entry names stands in for their flags.
func (f *fleetFlags) target(w *World, d fleet.Database) *fleet.Target {
	own := f.own(d)
	return &fleet.Target{
		Database: d, Now: time.Now,
		Connect: func(ctx context.Context) (*pgx.Conn, error) {
			dsn, ok := w.Env(d.DSN)
			if !ok || dsn == "" {
				return nil, fmt.Errorf("the environment has no %s", d.DSN)
			}
			return pg.Connect(ctx, dsn, pg.Options{})
		},
		Infer: func(s *catalog.Snapshot) (*tenancy.Model, error) {
			config, err := own.readConfig()
			if err != nil {
				return nil, err
			}
			return own.infer(s, config)
		},
		Accepted: func() (*catalog.Snapshot, error) {
			if d.Lock == "" {
				return nil, errors.New("its entry names no lock file")
			}
			return (&driftFlags{lock: d.Lock}).read()
		},
		Compare: func(accepted, present *catalog.Snapshot) (drift.Result, error) {
			_, r, err := own.compare(accepted, present)
			return r, err
		},
		Grave:   func(s string) bool { return own.reaches(audit.Severity(s)) },
		Rollout: func(ctx context.Context) (fleet.Line, error) { return w.fleetRollout(ctx, own, d) },
	}
}

// fleetRollout tells how far a database's rollout is, by its log.
func (w *World) fleetRollout(ctx context.Context, own *readFlags, d fleet.Database) (fleet.Line, error) {
	if d.Rollout == "" {
		return fleet.Line{}, errors.New("its entry names no rollout")
	}
	s, err := w.openRollout(ctx, &rolloutFlags{readFlags: readFlags{quiet: own.quiet}}, d.Rollout, false)
	if err != nil {
		return fleet.Line{}, err
	}
	defer s.close()
	status := s.state.Status(w.clock().Now(), len(s.log.Entries()))
	l := fleet.Line{Verdict: fleet.Clean, Counts: status.Summary}
	var words []string
	for _, stage := range status.Stages {
		words = append(words, stage.Stage+" "+stage.State)
	}
	l.Why = strings.Join(words, ", ")
	if status.Closed {
		l.Why += ", closed"
	}
	if slices.ContainsFunc(words, func(s string) bool { return strings.HasSuffix(s, " returned") }) {
		l.Verdict = fleet.Found
	}
	return l, nil
}
