package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	ringfence "github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/internal/bounded"
)

// Options are what a gateway is made of, beside its configuration.
type Options struct {
	Config *Config // checked; required
	// Authorizer tells who shows a token; required. Recorder keeps what is refused; required.
	Authorizer ringfence.Authorizer
	Recorder   ringfence.Recorder
	// Revocations bring what was revoked elsewhere; nil: only Revoke does.
	Revocations Revocations
	Stats       Stats        // nil: nothing is counted
	Log         *slog.Logger // nil: nothing is logged
	// Admin are handlers for the admin listener, beside /healthz and /readyz, by http.ServeMux's patterns.
	Admin map[string]http.Handler
	// Public are handlers that the gateway answers itself, unauthenticated and without the back end, by http.ServeMux's
	// patterns: a login. Their bodies are bounded by limits.header_bytes and timeouts.handshake.
	Public map[string]http.Handler
	// Ready tells whether what the gateway stands on can be used; nil: it can. An error's text is shown by /readyz.
	Ready func(context.Context) error
}

// Gateway stands between clients and a back end. Safe for concurrent use.
type Gateway struct {
	authorizer  atomic.Pointer[ringfence.Authorizer]
	recorder    ringfence.Recorder
	revocations Revocations
	stats       Stats
	log         *slog.Logger
	admin       map[string]http.Handler
	public      *http.ServeMux
	readiness   func(context.Context) error

	now      atomic.Pointer[settings]
	sessions *Sessions
	live     *registry
	tenants  accounts[ringfence.Tenant]
	users    accounts[Owner]
	nets     accounts[netip.Addr]
	sockets  atomic.Int64
	draining atomic.Bool
	work     tasks // sockets from their handshake on, and records that are kept beside
}

// settings are what a reload changes, made ready. Each socket and request uses those of when it began.
type settings struct {
	cfg     *Config
	rules   *ruleset
	body    *bodyRules
	trusted []netip.Prefix
	origins map[string]bool
	backend *url.URL // with ws or wss
	tls     *tls.Config
	proxy   *httputil.ReverseProxy
	cert    *tls.Certificate
}

// New returns a gateway, or says what of its options is missing or cannot be used: a protocol's rules, a certificate, the back
// end's. Nothing is opened yet; revocations are listened to from the call of Serve on.
func New(o Options) (*Gateway, error) {
	if o.Config == nil || o.Authorizer == nil || o.Recorder == nil {
		return nil, errors.New("a gateway needs a configuration, an Authorizer and a Recorder")
	}
	g := &Gateway{
		recorder: o.Recorder, revocations: o.Revocations, stats: o.Stats, log: o.Log, admin: o.Admin, readiness: o.Ready,
		sessions: newSessions(), live: newRegistry(),
	}
	if g.stats == nil {
		g.stats = noStats{}
	}
	if g.log == nil {
		g.log = slog.New(slog.DiscardHandler)
	}
	if len(o.Public) > 0 {
		g.public = http.NewServeMux()
		for pattern, h := range o.Public {
			g.public.Handle(pattern, h)
		}
	}
	if err := g.Reload(o.Config, o.Authorizer); err != nil {
		return nil, err
	}
	return g, nil
}

// Reload serves new sockets and requests by another configuration and, unless it is nil, another Authorizer. Sockets that are
// open keep the rules they began under; limits count for all. An error leaves everything as it was. Listeners stay where they
// are: another address needs another process.
func (g *Gateway) Reload(c *Config, a ringfence.Authorizer) error {
	next, err := g.prepare(c)
	if err != nil {
		return err
	}
	if was := g.now.Load(); was != nil {
		if was.cfg.Listen != c.Listen || was.cfg.Admin.Listen != c.Admin.Listen {
			return errors.New("a listener's address changes only with a new process")
		}
		if (was.cert == nil) != (next.cert == nil) {
			return errors.New("tls is turned on or off only with a new process")
		}
	}
	g.tenants.limit(c.Limits.Tenant)
	g.users.limit(c.Limits.User)
	g.nets.limit(c.Limits.Address)
	if a != nil {
		g.authorizer.Store(&a)
	}
	g.now.Store(next)
	return nil
}

// prepare makes a configuration ready.
func (g *Gateway) prepare(c *Config) (*settings, error) {
	s := &settings{cfg: c, origins: map[string]bool{}}
	var err error
	if s.rules, err = compile(c.Protocol, c.tokenMessage()); err != nil {
		return nil, fmt.Errorf("protocol: %w", err)
	}
	if s.body, err = bodyNames(c.HTTP.JSON); err != nil {
		return nil, err
	}
	if s.trusted, err = prefixes(c.TrustedProxies); err != nil {
		return nil, err
	}
	for _, o := range c.Origins {
		s.origins[normalOrigin(o)] = true
	}
	if s.backend, err = url.Parse(c.Backend.URL); err != nil || s.backend.Host == "" {
		return nil, errors.New("backend.url: it is no URL")
	}
	webSocketURL(s.backend)
	if s.tls, err = backendTLS(c.Backend); err != nil {
		return nil, err
	}
	if s.cert, err = c.TLS.certificate(); err != nil {
		return nil, err
	}
	s.proxy = g.reverseProxy(s)
	return s, nil
}

// certificate reads what clients see; nil where there is none.
func (t TLS) certificate() (*tls.Certificate, error) {
	if t.CertFile == "" {
		return nil, nil
	}
	cert, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("tls: reading the certificate: %w", err)
	}
	return &cert, nil
}

// backendTLS is how a back end behind wss or https is spoken to.
func backendTLS(b Backend) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: b.ServerName, NextProtos: []string{"http/1.1"}}
	if b.CAFile == "" {
		return c, nil
	}
	pem, err := bounded.ReadFile(b.CAFile, maxConfig)
	if err != nil {
		return nil, fmt.Errorf("backend.ca_file: reading it: %w", err)
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		return nil, errors.New("backend.ca_file: there is no certificate in it")
	}
	return c, nil
}

// Sessions is the gateway's session store.
func (g *Gateway) Sessions() *Sessions { return g.sessions }

// Sockets returns how many sockets are open, those that are being let in included.
func (g *Gateway) Sockets() int { return int(g.sockets.Load()) }

// Revoke cuts, in this process, all sockets that stand on what was revoked, and those that are being let in just now. No
// message of theirs is passed on once it returns. It returns how many it cut. Other processes learn of it by Revocations only.
func (g *Gateway) Revoke(r Revocation) int {
	now := time.Now()
	if r.Kind == RevokeSession {
		g.sessions.End(r.ID)
	}
	cut := g.live.revoke(r.grip(), now, g.now.Load().cfg.opening())
	var wait sync.WaitGroup
	next := make(chan *socket)
	for range min(64, len(cut)) {
		wait.Go(func() {
			for s := range next {
				s.cut(ringfence.TokenRevoked, CutRevoked)
			}
		})
	}
	for _, s := range cut {
		s.state.Or(shutBoth) // all of them stop before the first one is told
	}
	for _, s := range cut {
		next <- s
	}
	close(next)
	wait.Wait()
	var lag time.Duration
	if !r.At.IsZero() {
		lag = time.Since(r.At)
	}
	g.stats.RevocationApplied(len(cut), lag)
	return len(cut)
}

// aside runs f beside, and lets the end of the gateway wait for it.
func (g *Gateway) aside(f func()) { g.work.run(f) }

// record keeps an event before what it tells of is answered. Where it cannot be kept the refusal stands all the same, and is
// counted: nobody is let in because the trail is not there.
func (g *Gateway) record(e ringfence.Event) {
	g.stats.Refused(e.Type)
	ctx, stop := context.WithTimeout(context.Background(), g.now.Load().cfg.Timeouts.Record)
	defer stop()
	if err := g.recorder.Record(ctx, e); err != nil {
		g.stats.Unrecorded(e.Type)
		g.log.Error("a refusal could not be recorded", "event", string(e.Type), "error", err)
		return
	}
	g.log.Info("refused", "event", string(e.Type), "operation", e.Detail["operation"], "reason", e.Detail["reason"])
}
