package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"github.com/gobwas/ws"

	"github.com/ringfencehq/ringfence/gateway/internal/frame"
)

// Listeners are where a gateway is reached. A nil one is opened at the configured address.
type Listeners struct {
	Clients net.Listener
	Admin   net.Listener
}

// Listen opens the configured listeners, so that their addresses are known before Serve. On an error neither is open.
func (g *Gateway) Listen() (Listeners, error) { return g.open(Listeners{}) }

// open opens what is nil of l. On an error nothing of it is open.
func (g *Gateway) open(l Listeners) (Listeners, error) {
	c := g.now.Load().cfg
	for _, at := range []struct {
		listener      *net.Listener
		address, what string
	}{{&l.Clients, c.Listen, "clients"}, {&l.Admin, c.Admin.Listen, "health and metrics"}} {
		if *at.listener != nil {
			continue
		}
		opened, err := net.Listen("tcp", at.address)
		if err != nil {
			l.close()
			return Listeners{}, fmt.Errorf("listening for %s: %w", at.what, err)
		}
		*at.listener = opened
	}
	return l, nil
}

func (l Listeners) close() {
	for _, open := range []net.Listener{l.Clients, l.Admin} {
		if open != nil {
			_ = open.Close()
		}
	}
}

// Serve serves until the context ends, then drains: readyz says no, new sockets are refused, open ones are closed with 1012
// over the configured spread, and what is left after the limit is cut. It returns nil after a drain, and an error where it cannot listen, subscribe to
// revocations, or go on. The listeners are closed by then. It is called once.
func (g *Gateway) Serve(ctx context.Context, l Listeners) error {
	l, err := g.open(l)
	if err != nil {
		return err
	}
	run, stop := context.WithCancel(context.Background())
	defer stop()
	if g.revocations != nil {
		if err := g.revocations.Subscribe(run, func(r Revocation) { g.Revoke(r) }); err != nil {
			l.close()
			return fmt.Errorf("subscribing to revocations: %w", err)
		}
	}
	clients, admin := g.clientServer(), g.adminServer()
	failed := make(chan error, 2)
	go func() { failed <- admin.Serve(l.Admin) }()
	go func() { failed <- clients.Serve(g.secured(l.Clients)) }()
	g.log.Info("serving", "clients", l.Clients.Addr().String(), "admin", l.Admin.Addr().String())
	select {
	case <-ctx.Done():
		g.drain(clients)
	case err = <-failed:
		err = fmt.Errorf("serving: %w", err)
	}
	_ = clients.Close()
	_ = admin.Close()
	<-g.work.gone()
	return err
}

// secured puts TLS before a listener where there is a certificate; a reload puts another one in its place.
func (g *Gateway) secured(l net.Listener) net.Listener {
	if g.now.Load().cert == nil {
		return l
	}
	return tls.NewListener(l, &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return g.now.Load().cert, nil },
	})
}

func (g *Gateway) clientServer() *http.Server {
	c := g.now.Load().cfg
	return &http.Server{
		Handler: g, ReadHeaderTimeout: c.Timeouts.Handshake, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: int(c.Limits.HeaderBytes), ErrorLog: quiet(g.log), TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
	}
}

func (g *Gateway) adminServer() *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", g.readyz)
	for pattern, h := range g.admin {
		mux.Handle(pattern, h)
	}
	return &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second, ErrorLog: quiet(g.log)}
}

// readyz says whether new sockets are welcome.
func (g *Gateway) readyz(w http.ResponseWriter, r *http.Request) {
	err := error(nil)
	if g.readiness != nil {
		err = g.readiness(r.Context())
	}
	switch {
	case g.draining.Load():
		http.Error(w, "draining", http.StatusServiceUnavailable)
	case err != nil:
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	default:
		_, _ = io.WriteString(w, "ready\n")
	}
}

// Draining reports whether the gateway is about to end. Safe for concurrent use.
func (g *Gateway) Draining() bool { return g.draining.Load() }

// drain lets go of everything, gently.
func (g *Gateway) drain(clients *http.Server) {
	d := g.now.Load().cfg.Drain
	g.draining.Store(true)
	g.log.Info("draining", "sockets", g.Sockets())
	time.Sleep(d.Delay)
	limit, stop := context.WithTimeout(context.Background(), d.Limit)
	defer stop()
	for _, s := range g.live.sockets() {
		g.drainOne(s, time.Duration(rand.Int64N(int64(d.Spread)+1)))
	}
	if err := clients.Shutdown(limit); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		g.log.Warn("shutting the listener", "error", err)
	}
	select {
	case <-g.work.gone():
	case <-limit.Done():
		for _, s := range g.live.sockets() {
			s.cutForDrain()
		}
	}
}

// drainOne closes a socket with 1012 after a while, and tells the client when to come back: at a time of its own, so that they
// do not all come at once.
func (g *Gateway) drainOne(s *socket, after time.Duration) {
	spread := s.cfg.Drain.Spread
	time.AfterFunc(after, func() {
		retry := time.Duration(rand.Int64N(int64(spread) + 1)).Milliseconds()
		s.restart(fmt.Sprintf("restart; retry-after-ms=%d", retry))
	})
}

// restart ends a socket with 1012: the client is told and gets time to say its own close, the back end is told that it goes.
func (s *socket) restart(text string) {
	s.mu.Lock()
	if s.first {
		s.mu.Unlock()
		return
	}
	s.first = true
	s.mu.Unlock()
	s.setBits(shutBoth)
	s.gw.stats.Cut(CutDrained)
	now := time.Now()
	s.client.closeInOrder(frame.AppendCloseBody(nil, frame.StatusServiceRestart, text), now)
	s.client.readUntil(now.Add(s.cfg.Timeouts.Close))
	s.back.close(frame.AppendCloseBody(nil, ws.StatusGoingAway, ""), hangUpWithin)
	s.back.readUntil(past)
}

// cutForDrain ends what did not end in time.
func (s *socket) cutForDrain() {
	s.setBits(shutBoth | isCut)
	s.client.readUntil(past)
	s.back.readUntil(past)
	_ = s.client.conn.SetWriteDeadline(past)
	_ = s.back.conn.SetWriteDeadline(past)
}
