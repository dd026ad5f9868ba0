package cli

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/ringfencehq/ringfence/internal/audit"
	"github.com/ringfencehq/ringfence/internal/bench"
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/console"
	"github.com/ringfencehq/ringfence/internal/drift"
	"github.com/ringfencehq/ringfence/internal/english"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/prove"
	"github.com/ringfencehq/ringfence/internal/report"
	"github.com/ringfencehq/ringfence/internal/tenancy"
	"github.com/ringfencehq/ringfence/trail"
)

// consoleFlags are what console takes beside the flags of every read-only verb.
type consoleFlags struct {
	listen, cert, key string
	hosts             []string
	rollouts, bench   []string
	trailDSN          string
	lock              string
	fleet             fleetFlags
}

func consoleCmd(w *World) *cobra.Command {
	var f readFlags
	var cf consoleFlags
	cmd := command("console [DSN]", "the same on web pages: matrix, findings, map, drift, rollouts, trail, times",
		`Serves pages over what the other verbs tell: the isolation matrix with the statement behind each leak, findings with their fix, how
each table reaches its tenant, drift against ringfence.lock.json, rollouts with their gates and signatures, the trail as it happens,
and times before and after. It reads only; "Look again" reads the database anew. Of a fleet it lists every database, worst first, each with
pages of its own.

  ringfence console "$DSN"
  ringfence console "$DSN" --rollout rollouts/2027-01 --bench before.json --bench after.json --trail-dsn "$SERVICE_DSN"
  ringfence console --snapshot app.json
  ringfence console --fleet fleet.yaml --group prod
  ringfence console "$DSN" --listen 0.0.0.0:8443 --tls-cert console.pem --tls-key console.key --host console.example.com

Without a DSN or --snapshot it shows the fleet that ringfence.yaml names (fleet: fleet.yaml), where it names one.

It prints a link with a token of this run, which logs in; RINGFENCE_CONSOLE_TOKEN gives one that stays (16 characters or more). It
listens on this machine only; beyond it, a certificate is asked for.`,
		func(cmd *cobra.Command, args []string) error {
			if err := f.check([]string{"text"}, args); err != nil {
				return err
			}
			return cf.run(cmd.Context(), w, &f, argument(args, 0))
		})
	cmd.Args = atMost(1, "one DSN at most")
	f.bind(cmd, "text")
	for _, unused := range []string{"format", "output", "fail-on", "app-dsn", "pooler-dsn"} {
		_ = cmd.Flags().MarkHidden(unused) // bound with the others; pages have no use for them
	}
	fl := cmd.Flags()
	fl.StringVar(&cf.listen, "listen", "127.0.0.1:7433", "the `ADDRESS` to listen on; port 0 takes a free one")
	fl.StringVar(&cf.cert, "tls-cert", "", "the certificate `FILE`, needed beyond this machine")
	fl.StringVar(&cf.key, "tls-key", "", "its key `FILE`")
	fl.StringArrayVar(&cf.hosts, "host", nil, "a `NAME` under which browsers ask for the console; may be given again")
	fl.StringArrayVar(&cf.rollouts, "rollout", nil, "show the rollout in this `DIR`; may be given again")
	fl.StringArrayVar(&cf.bench, "bench", nil, "show the times in this `FILE` of ringfence bench, the earliest first; may be given again")
	fl.StringVar(&cf.trailDSN, "trail-dsn", "", "the `DSN` of a role that may read the trail; default: the DSN itself")
	fl.StringVar(&cf.fleet.file, "fleet", "", "show the databases that this `FILE` lists")
	fl.StringArrayVar(&cf.fleet.groups, "group", nil, "of the fleet, only the databases of this `GROUP`; may be given again")
	fl.StringVar(&cf.lock, "lock", drift.LockFile, "the lock `FILE` that drift is told against")
	return cmd
}

func (cf *consoleFlags) run(ctx context.Context, w *World, f *readFlags, dsn string) error {
	o := console.Options{Log: slog.New(slog.NewTextHandler(w.Stderr, nil)), Token: w.consoleToken()}
	end, err := cf.subjects(w, f, dsn, &o)
	if err != nil {
		return err
	}
	defer end()
	l, err := cf.open(&o)
	if err != nil {
		return err
	}
	defer l.Close()
	if o.Fleet == nil {
		w.note(f.quiet, "reading the database")
	} else {
		w.note(f.quiet, "reading %s; the page says how far that is", english.Count(len(o.Fleet), "database"))
	}
	c, err := console.New(ctx, o)
	if err != nil {
		return usage(err, "RINGFENCE_CONSOLE_TOKEN may be left out")
	}
	link := url.URL{Scheme: "http", Host: l.Addr().String(), Path: "/login"}
	if cf.cert != "" {
		link.Scheme = "https"
	}
	if _, given := w.Env("RINGFENCE_CONSOLE_TOKEN"); !given {
		link.Fragment = "token=" + o.Token
	}
	fmt.Fprintf(w.Stdout, "%s\n", link.String())
	w.note(f.quiet, "the console is open until it is interrupted (Ctrl-C)")
	return c.Serve(ctx, l)
}

// subjects fills in what is shown: one database, or a fleet. What it opened is closed by end.
func (cf *consoleFlags) subjects(w *World, f *readFlags, dsn string, o *console.Options) (end func(), err error) {
	if cf.fleet.file == "" && dsn == "" && f.snapshot == "" {
		config, err := f.readConfig()
		if err != nil {
			return nil, err
		}
		cf.fleet.file = f.fleetOf(config)
	}
	if cf.fleet.file != "" {
		return cf.ofFleet(w, f, dsn, o)
	}
	if len(cf.fleet.groups) > 0 {
		return nil, usage(errors.New("--group asks for a part of a fleet, and there is none"), "name its file by --fleet")
	}
	if f.snapshot == "" {
		if _, _, err := pg.Resolve(dsn, w.Env); err != nil {
			return nil, usage(err, pg.Hint(err))
		}
	}
	o.Rollouts, o.Look = cf.rollouts, func(ctx context.Context) (*console.Posture, error) { return cf.look(ctx, w, f, dsn) }
	if o.Bench, err = readBenches(cf.bench); err != nil {
		return nil, err
	}
	if f.snapshot != "" && cf.trailDSN == "" {
		return func() {}, nil
	}
	events := &eventReader{w: w, dsn: cmp.Or(cf.trailDSN, dsn)}
	o.Events = events.read
	return events.close, nil
}

func readBenches(files []string) (out []*bench.Document, err error) {
	for _, name := range files {
		d, err := readBench(name)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

// consoleToken is the one that the environment gives, or a new one.
func (w *World) consoleToken() string {
	if token, given := w.Env("RINGFENCE_CONSOLE_TOKEN"); given {
		return token
	}
	return rand.Text()
}

// open listens. Beyond this machine it asks for a certificate: tokens and what the pages tell do not go over a network in clear.
func (cf *consoleFlags) open(o *console.Options) (net.Listener, error) {
	host, port, err := net.SplitHostPort(cf.listen)
	if err != nil {
		return nil, usage(fmt.Errorf("--listen %q is no address", cf.listen), "such as 127.0.0.1:7433")
	}
	if (cf.cert == "") != (cf.key == "") {
		return nil, usage(errors.New("--tls-cert and --tls-key go together"), "give both, or none")
	}
	if ip := net.ParseIP(host); cf.cert == "" && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, refused(fmt.Errorf("%s is beyond this machine, and there is no certificate", cf.listen), "give --tls-cert and --tls-key, or listen on 127.0.0.1 and forward the port by SSH")
	}
	l, err := net.Listen("tcp", cf.listen)
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	for _, name := range cf.hosts {
		o.Hosts = append(o.Hosts, name, net.JoinHostPort(name, port))
	}
	if cf.cert == "" {
		return l, nil
	}
	pair, err := tls.LoadX509KeyPair(cf.cert, cf.key)
	if err != nil {
		return nil, errors.Join(usage(fmt.Errorf("reading the certificate: %w", err), ""), l.Close())
	}
	return tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}), nil
}

// look reads the database and makes all documents of one snapshot.
func (cf *consoleFlags) look(ctx context.Context, w *World, f *readFlags, dsn string) (*console.Posture, error) {
	m, err := f.readModel(ctx, w, dsn)
	if err != nil {
		return nil, err
	}
	connect := func(ctx context.Context) (*pgx.Conn, error) { return w.dial(ctx, dsn, pg.Options{}) }
	if f.snapshot != "" {
		connect = nil
	}
	return f.posture(ctx, m, connect, cf.lock)
}

// posture makes all documents about a model; without connect no witness is executed.
func (f *readFlags) posture(ctx context.Context, m *tenancy.Model, connect func(context.Context) (*pgx.Conn, error), lock string) (*console.Posture, error) {
	now := time.Now()
	cells := prove.Logic(m, now)
	var notes []string
	if connect != nil {
		var err error
		if notes, err = prove.Execute(ctx, m, cells, connect); err != nil {
			return nil, err
		}
	}
	p := console.NewPosture(m, report.OfAudit(m, audit.Run(audit.Read(m), audit.Rules(), now)).Audit, report.OfProve(m, cells, notes).Prove, now)
	p.Drift, p.NoDrift = f.drifted(lock, m.Snapshot)
	return p, nil
}

// drifted compares with the lock file, or says why it cannot.
func (f *readFlags) drifted(file string, snap *catalog.Snapshot) (*report.Drift, string) {
	if file == "" {
		return nil, "its entry names no lock file"
	}
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
		return nil, "there is no " + file + ": ringfence drift --accept writes it"
	}
	lock, err := (&driftFlags{lock: file}).read()
	if err != nil {
		return nil, err.Error()
	}
	present, result, err := f.compare(lock, snap)
	if err != nil {
		return nil, err.Error()
	}
	return report.OfDrift(present, result, "lock").Drift, ""
}

// An eventReader reads the trail over one connection, which it opens when asked and again where it broke.
type eventReader struct {
	w   *World
	dsn string

	mu   sync.Mutex
	conn *pgx.Conn
}

func (r *eventReader) read(ctx context.Context, filter trail.Filter) ([]trail.Event, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conn == nil || r.conn.IsClosed() {
		conn, err := r.w.dial(ctx, r.dsn, pg.Options{})
		if err != nil {
			return nil, err
		}
		r.conn = conn
	}
	var out []trail.Event
	for e, err := range trail.ReadEvents(ctx, r.conn, filter) {
		if err != nil {
			if hint := hintOf(trailHint(err)); hint != "" {
				return nil, fmt.Errorf("%w: %s", err, hint)
			}
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

func (r *eventReader) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conn != nil {
		_ = r.conn.Close(context.Background()) // nothing was begun on it
	}
}
