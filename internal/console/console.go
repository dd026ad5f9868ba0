// Package console is the web page over what Ringfence finds out: the matrix of verdicts, findings with their fix, the tenancy map,
// drift, rollouts, the trail as it happens, and times. It shows documents of package report and the logs of rollouts; it judges
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
	"slices"
	"time"

	"github.com/ringfencehq/ringfence/internal/bench"
	"github.com/ringfencehq/ringfence/trail"
)

// Options are what a console shows, and to whom.
type Options struct {
	// Look reads the database anew: what the matrix, the findings, the map and drift are made from.
	Look func(context.Context) (*Posture, error)
	// Events reads the trail, latest first; nil: there is none to read.
	Events func(context.Context, trail.Filter) ([]trail.Event, error)
	// Rollouts are directories that hold a rollout's log each.
	Rollouts []string
	// Bench are timings, the earliest first.
	Bench []*bench.Document
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
	state   keeper
	logins  logins
	live    hub
	handler http.Handler
}

// minToken is the least length of a token that is worth its name.
const minToken = 16

// New makes a console and reads the database once. That the database cannot be read is no error: the pages say it.
func New(ctx context.Context, o Options) (*Console, error) {
	if len(o.Token) < minToken {
		return nil, fmt.Errorf("starting the console: a token of %d characters or more is asked for", minToken)
	}
	if o.Look == nil {
		return nil, errors.New("starting the console: there is nothing to look at")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	c := &Console{o: o, logins: newLogins(o.Token, o.Now)}
	c.state.look, c.state.now = o.Look, o.Now
	c.live.events = o.Events
	c.handler = c.routes()
	c.state.refresh(ctx)
	return c, nil
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
