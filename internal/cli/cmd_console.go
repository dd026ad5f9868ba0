package cli

import (
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
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/console"
	"github.com/ringfencehq/ringfence/internal/drift"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/prove"
	"github.com/ringfencehq/ringfence/internal/report"
	"github.com/ringfencehq/ringfence/trail"
)

// consoleFlags are what console takes beside the flags of every read-only verb.
type consoleFlags struct {
	listen, cert, key string
	hosts             []string
	rollouts, bench   []string
	trailDSN          string
	lock              string
}

func consoleCmd(w *World) *cobra.Command {
	var f readFlags
	var cf consoleFlags
	cmd := command("console [DSN]", "the same on web pages: matrix, findings, map, drift, rollouts, trail, times",
		`Serves pages over what the other verbs tell: the isolation matrix with the statement behind each leak, findings with their fix, how
each table reaches its tenant, drift against ringfence.lock.json, rollouts with their gates and signatures, the trail as it happens,
and times before and after. It reads only; "Look again" reads the database anew.

  ringfence console "$DSN"
  ringfence console "$DSN" --rollout rollouts/2027-01 --bench before.json --bench after.json --trail-dsn "$SERVICE_DSN"
  ringfence console --snapshot app.json
  ringfence console "$DSN" --listen 0.0.0.0:8443 --tls-cert console.pem --tls-key console.key --host console.example.com

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
	fl.StringVar(&cf.lock, "lock", drift.LockFile, "the lock `FILE` that drift is told against")
	return cmd
}

func (cf *consoleFlags) run(ctx context.Context, w *World, f *readFlags, dsn string) error {
	o := console.Options{Rollouts: cf.rollouts, Log: slog.New(slog.NewTextHandler(w.Stderr, nil)), Look: func(ctx context.Context) (*console.Posture, error) { return cf.look(ctx, w, f, dsn) }}
	if f.snapshot == "" {
		if _, _, err := pg.Resolve(dsn, w.Env); err != nil {
			return usage(err, pg.Hint(err))
		}
	}
	o.Token = w.consoleToken()
	for _, name := range cf.bench {
		d, err := readBench(name)
		if err != nil {
			return err
		}
		o.Bench = append(o.Bench, d)
	}
	if f.snapshot == "" || cf.trailDSN != "" {
		events := eventReader{w: w, dsn: cf.trailDSN}
		if events.dsn == "" {
			events.dsn = dsn
		}
		defer events.close()
		o.Events = events.read
	}
	l, err := cf.open(&o)
	if err != nil {
		return err
	}
	defer l.Close()
	w.note(f.quiet, "reading the database")
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
	now := time.Now()
	cells := prove.Logic(m, now)
	var notes []string
	if f.snapshot == "" {
		if notes, err = prove.Execute(ctx, m, cells, func(ctx context.Context) (*pgx.Conn, error) { return w.dial(ctx, dsn, pg.Options{}) }); err != nil {
			return nil, err
		}
	}
	p := console.NewPosture(m, report.OfAudit(m, audit.Run(audit.Read(m), audit.Rules(), now)).Audit, report.OfProve(m, cells, notes).Prove, now)
	p.Drift, p.NoDrift = cf.drifted(f, m.Snapshot)
	return p, nil
}

// drifted compares with the lock file, or says why it cannot.
func (cf *consoleFlags) drifted(f *readFlags, snap *catalog.Snapshot) (*report.Drift, string) {
	if _, err := os.Stat(cf.lock); errors.Is(err, os.ErrNotExist) {
		return nil, "there is no " + cf.lock + ": ringfence drift --accept writes it"
	}
	lock, err := (&driftFlags{lock: cf.lock}).read()
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
