package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/ringfencehq/ringfence/internal/bounded"
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/drift"
	"github.com/ringfencehq/ringfence/internal/metrics"
	"github.com/ringfencehq/ringfence/internal/metrics/alerts"
	"github.com/ringfencehq/ringfence/internal/monitor"
	"github.com/ringfencehq/ringfence/internal/notify"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// monitorFlags are what monitor run takes beside how a schema is read.
type monitorFlags struct {
	readFlags
	lock, listen, contacts, runbook string
	canaries, skip                  []string
	once                            bool
}

func monitorRunCmd(w *World) *cobra.Command {
	var f monitorFlags
	var about strings.Builder
	for _, c := range monitor.Checks() {
		fmt.Fprintf(&about, "\n  %-11s %s", c.Name, strings.ReplaceAll(c.Doc, "\n", "\n              "))
	}
	cmd := command("run [DSN]", "look at a database on a clock, and be told what is not fine",
		`Looks at a database at once, every five minutes in the first hour, every fifteen to the end of the fourth, then hourly. What it sees is on
/metrics; what is not fine is sent to each contact at each run until it is, and once more when it is over. What cannot be found out is
unknown, and unknown is told like bad news.

  ringfence monitor run "$DSN" --lock ringfence.lock.json --contacts contacts.yaml --listen 127.0.0.1:9090
  ringfence monitor run "$DSN" --once --skip statements --skip errors

It looks at:
`+about.String()+`

contacts.yaml is a list; each entry names the variables of the environment that hold what is secret:

  - {name: on-call, routing_env: PAGERDUTY_ROUTING_KEY}
  - {name: ops, url_env: OPS_WEBHOOK_URL, secret_env: OPS_WEBHOOK_SECRET}

With --once: exit 0 where all is fine, 3 where something is bad, 5 where something is unknown. Without it runs until it is interrupted.`,
		func(cmd *cobra.Command, args []string) error { return f.run(cmd.Context(), w, argument(args, 0)) })
	cmd.Args = atMost(1, "one DSN at most")
	f.bindCommon(cmd)
	f.bindModel(cmd)
	f.failOn = "none"
	fl := cmd.Flags()
	fl.StringVar(&f.lock, "lock", drift.LockFile, "the accepted state's `FILE`; without it drift is unknown")
	fl.StringVar(&f.listen, "listen", "127.0.0.1:9090", "the `ADDRESS` that /metrics and /healthz answer on")
	fl.StringVar(&f.contacts, "contacts", "", "a `FILE` of who is told")
	fl.StringVar(&f.runbook, "runbook-url", alerts.DefaultRunbook, "the `URL` that messages link to")
	fl.StringArrayVar(&f.canaries, "canary", nil, "a `TENANT` that exists to be looked at; needs --app-dsn; may be given again")
	fl.StringArrayVar(&f.skip, "skip", nil, "leave this `CHECK` out; may be given again")
	fl.BoolVar(&f.once, "once", false, "look once, print what was found, and end")
	return cmd
}

func (f *monitorFlags) run(ctx context.Context, w *World, dsn string) error {
	o, err := f.options(w, dsn)
	if err != nil {
		return err
	}
	registry := metrics.New(time.Now())
	o.Stats = registry.Monitor()
	if f.once {
		return f.runOnce(ctx, w, o)
	}
	l, err := net.Listen("tcp", f.listen)
	if err != nil {
		return fmt.Errorf("listening for scrapes: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", registry.Handler())
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second}
	failed := make(chan error, 1)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() { failed <- server.Serve(l); stop() }()
	w.note(f.quiet, "metrics on http://%s/metrics", l.Addr())
	err = monitor.New(o).Run(ctx)
	_ = server.Close()
	if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
		return fmt.Errorf("serving scrapes: %w", served)
	}
	return err
}

// runOnce prints one look, a line for each check.
func (f *monitorFlags) runOnce(ctx context.Context, w *World, o monitor.Options) error {
	results := monitor.New(o).Once(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	code := exitClean
	err := w.deliver("", func(b *bytes.Buffer) error {
		for i, r := range results {
			fmt.Fprintf(b, "%-8s %-11s %s\n", r.Outcome, o.Checks[i].Name, r.Why)
			switch {
			case r.Outcome == monitor.Bad:
				code = exitFound
			case r.Outcome == monitor.Unknown && code == exitClean:
				code = exitUnknown
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return outcome(code)
}

func (f *monitorFlags) options(w *World, dsn string) (monitor.Options, error) {
	target, _, err := pg.Resolve(dsn, w.Env)
	if err != nil {
		return monitor.Options{}, usage(err, pg.Hint(err))
	}
	config, err := f.readConfig()
	if err != nil {
		return monitor.Options{}, err
	}
	o := monitor.Options{
		Connect: func(ctx context.Context) (*pgx.Conn, error) { return pg.Connect(ctx, target, pg.Options{}) },
		Infer:   func(s *catalog.Snapshot) (*tenancy.Model, error) { return f.infer(s, config) },
		Compare: func(was, is *catalog.Snapshot) (drift.Result, error) {
			_, r, err := f.compare(was, is)
			return r, err
		},
		Canaries: f.canaries, Checks: f.checks(), Database: nameOf(target), Links: []notify.Link{{Text: "runbook", URL: f.runbook}},
	}
	if f.appDSN != "" {
		o.AppConnect = func(ctx context.Context) (*pgx.Conn, error) { return w.dial(ctx, f.appDSN, pg.Options{}) }
	}
	if !f.quiet && !f.once {
		o.Log = slog.New(slog.NewTextHandler(w.Stderr, nil))
	}
	for _, name := range f.skip {
		if !slices.ContainsFunc(monitor.Checks(), func(c monitor.Check) bool { return c.Name == name }) {
			return o, usage(fmt.Errorf("--skip %q is no check", name), "one of "+strings.Join(metrics.MonitorChecks, ", "))
		}
	}
	lock := driftFlags{lock: f.lock, accept: true} // that there is none is no error here
	if o.Accepted, err = lock.read(); err != nil {
		return o, err
	}
	o.To, err = f.endpoints(w)
	return o, err
}

// checks are those that are not left out; canaries are looked at where some are named.
func (f *monitorFlags) checks() []monitor.Check {
	return slices.DeleteFunc(monitor.Checks(), func(c monitor.Check) bool {
		return slices.Contains(f.skip, c.Name) || c.Name == "canary" && len(f.canaries) == 0
	})
}

func (f *monitorFlags) endpoints(w *World) ([]notify.Endpoint, error) {
	if f.contacts == "" {
		return nil, nil
	}
	text, err := readPaper(f.contacts)
	if err == nil {
		text, err = bounded.YAML(text)
	}
	if err != nil {
		return nil, usage(fmt.Errorf("reading the contacts: %w", err), "")
	}
	var list []notify.Contact
	if err := yaml.UnmarshalWithOptions(text, &list, yaml.Strict()); err != nil {
		return nil, usage(errors.New("reading the contacts: it is no list of contacts"), "see ringfence monitor run --help")
	}
	var out []notify.Endpoint
	for _, c := range list {
		e, err := c.Endpoint(w.Env)
		if err != nil {
			return nil, usage(err, "")
		}
		out = append(out, e)
	}
	return out, nil
}

// nameOf names a database without what is secret in its DSN.
func nameOf(dsn string) string {
	c, err := pgx.ParseConfig(dsn)
	if err != nil {
		return "database"
	}
	return c.Host + "/" + c.Database
}
