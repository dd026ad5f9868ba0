// Package console is the web page over what Ringfence finds out: the matrix of verdicts, findings with their fix, the tenancy map,
// drift, rollouts, the trail as it happens, and times, of one database or of each of a fleet. It shows documents of package report and the logs of rollouts; it judges
// nothing, and writes nothing anywhere.
//
// Pages are rendered on the server from templates in the binary. The scripts only spare a click: each page works without.
//
// To add a page: page_NAME.go with its handler and what it shows, templates/NAME.html, and a line in pages.
package console

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/ringfencehq/ringfence/internal/bench"
	"github.com/ringfencehq/ringfence/trail"
)

// A Database is what the console shows of one.
type Database struct {
	// Name is its own in the fleet; where there is one database only, it has none.
	Name   string
	Groups []string
	Labels map[string]string
	// Look reads it anew: what the matrix, the findings, the map and drift are made from.
	Look func(context.Context) (*Posture, error)
	// Events reads its trail, latest first; nil: there is none to read.
	Events func(context.Context, trail.Filter) ([]trail.Event, error)
	// Rollouts are directories that hold a rollout's log each.
	Rollouts []string
	// Bench are timings, the earliest first.
	Bench []*bench.Document
}

// Options are what a console shows, and to whom.
type Options struct {
	Database // the one that is shown, where there is no fleet
	// Fleet are the databases of a fleet: they are listed, and each has its pages.
	Fleet []Database
	// Parallel is how many of them are read at once, and Limit how long one may take; zero: as package fleet has it.
	Parallel int
	Limit    time.Duration
	// Token is what a reader has to give, 16 characters at least.
	Token string
	// Hosts are the names under which the console may be asked for, beside those of its address: against names that were made to
	// point at it.
	Hosts []string
	Log   *slog.Logger
	// Now is the clock.
	Now func() time.Time
}

// A Console serves the pages. It is safe for concurrent use.
type Console struct {
	o       Options
	all     []*subject // one, or the fleet's in the order of their file
	fleet   *reader    // nil: there is one database
	logins  logins
	handler http.Handler
}

// A subject is one database and what is known of it.
type subject struct {
	Database
	c     *Console
	base  string // of the paths of its pages; empty: there is one database
	state keeper
	live  hub
	pages http.Handler
}

// minToken is the least length of a token that is worth its name.
const minToken = 16

// New makes a console. Where there is one database it is read once; that it cannot be read is no error: the pages say it. A fleet is
// read by Serve, while its pages are open already.
func New(ctx context.Context, o Options) (*Console, error) {
	if len(o.Token) < minToken {
		return nil, fmt.Errorf("starting the console: a token of %d characters or more is asked for", minToken)
	}
	if (o.Look == nil) == (len(o.Fleet) == 0) {
		return nil, errors.New("starting the console: it shows one database, or a fleet")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	c := &Console{o: o, logins: newLogins(o.Token, o.Now)}
	if len(o.Fleet) == 0 {
		s := c.add(o.Database, "")
		c.handler = c.routes(s.pages)
		s.state.refresh(ctx)
		return c, nil
	}
	for _, d := range o.Fleet {
		if d.Look == nil || d.Name == "" {
			return nil, errors.New("starting the console: a database of the fleet has no name, or there is no way to read it")
		}
		c.add(d, fleetBase+url.PathEscape(d.Name))
	}
	c.fleet = newReader(c.all)
	c.handler = c.routes(c.fleetRoutes())
	return c, nil
}

// add takes a database in.
func (c *Console) add(d Database, base string) *subject {
	s := &subject{Database: d, c: c, base: base}
	s.state.look, s.state.now = d.Look, c.o.Now
	s.live.events = d.Events
	s.pages = s.routes()
	c.all = append(c.all, s)
	return s
}

// ServeHTTP serves one request.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.handler.ServeHTTP(w, r) }

// limits of one request and of one connection.
const (
	headerLimit   = 16 << 10
	headerTimeout = 5 * time.Second
	bodyLimit     = 4 << 10
	idleTimeout   = 2 * time.Minute
	writeTimeout  = 30 * time.Second
)

// Serve answers on l until the context ends, then lets what runs end within a few seconds.
func (c *Console) Serve(ctx context.Context, l net.Listener) error {
	c.o.Hosts = append(slices.Clone(c.o.Hosts), hostsOf(l.Addr())...)
	s := &http.Server{
		Handler: c, ReadHeaderTimeout: headerTimeout, ReadTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: headerLimit,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    slog.NewLogLogger(c.o.Log.Handler(), slog.LevelDebug),
	}
	if c.fleet != nil {
		go c.fleet.follow(ctx, c.o.Parallel, c.o.Limit)
	}
	ended := make(chan error, 1)
	go func() {
		<-ctx.Done()
		late, stop := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
		defer stop()
		ended <- s.Shutdown(late)
	}()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving the console: %w", err)
	}
	return <-ended
}

// hostsOf are the names under which a listener is asked for by who sits at the machine.
func hostsOf(a net.Addr) []string {
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return nil
	}
	out := []string{net.JoinHostPort(host, port)}
	if ip := net.ParseIP(host); ip != nil && (ip.IsLoopback() || ip.IsUnspecified()) {
		out = append(out, net.JoinHostPort("localhost", port), net.JoinHostPort("127.0.0.1", port), net.JoinHostPort("::1", port))
	}
	return out
}
