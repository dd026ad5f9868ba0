package api

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/auth"
)

// The names in the tokens of the server's own login, and the setting that the policies read.
const (
	Issuer   = "https://callcenter.example"
	Audience = "callcenter"
	Setting  = "app.current_org_id"
)

// Config is what the server needs. Recorder keeps refusals and work without a tenant; without one nothing is served.
type Config struct {
	DSN           string
	Recorder      ringfence.Recorder
	Key           ed25519.PrivateKey // signs the tokens of a login
	WebhookSecret []byte             // shared with the telephony provider
	Logger        *slog.Logger       // slog.Default()
	Now           func() time.Time   // time.Now
}

// Server serves the routes. It is safe for concurrent use.
type Server struct {
	pool      *ringfence.Pool
	issuer    *auth.Issuer
	members   *auth.CachedMembers
	handler   http.Handler
	resources []resource
	config    Config
}

// New opens the pool, which checks the role, and makes the server.
func New(ctx context.Context, c Config) (*Server, error) {
	c.Logger = cmp.Or(c.Logger, slog.Default())
	if c.Now == nil {
		c.Now = time.Now
	}
	pool, err := ringfence.Open(ctx, ringfence.Config{DSN: c.DSN, Setting: Setting, Recorder: c.Recorder, Logger: c.Logger,
		Services: map[string]ringfence.ServiceFunction{
			"login":   {Schema: "callcenter", Name: "login_lookup", Arguments: 1},
			"webhook": {Schema: "callcenter", Name: "webhook_received", Arguments: 3},
		}})
	if err != nil {
		return nil, err
	}
	s := &Server{pool: pool, resources: resources(), config: c}
	if err := s.build(); err != nil {
		pool.Close()
		return nil, err
	}
	return s, nil
}

// build makes the parts that stand before the pool: the issuer, membership, and the middleware around all routes.
func (s *Server) build() (err error) {
	s.issuer, err = auth.NewIssuer(auth.IssuerOptions{Name: Issuer, Audience: Audience, TenantClaim: "org", Key: s.config.Key, Now: s.config.Now})
	if err != nil {
		return err
	}
	asked, err := auth.NewPostgresMembers(s.pool, "callcenter", "membership")
	if err != nil {
		return err
	}
	s.members = auth.CacheMembers(asked, auth.CacheOptions{Now: s.config.Now})
	verifier, err := auth.New(auth.Options{Issuers: []auth.TrustedIssuer{s.issuer.Trust()}, TenantClaims: []string{"org"}, Members: s.members,
		Recorder: s.config.Recorder, Now: s.config.Now})
	if err != nil {
		return fmt.Errorf("making the verifier: %w", err)
	}
	mux := http.NewServeMux()
	routes := s.Routes()
	for _, r := range routes {
		mux.Handle(r.Method+" "+r.Pattern, r.handler)
	}
	guard := ringfence.Middleware(verifier, ringfence.MiddlewareOptions{Public: public(routes), Recorder: s.config.Recorder, Logger: s.config.Logger})
	s.handler = guard(mux)
	return nil
}

// Close gives the pool's connections back.
func (s *Server) Close() { s.pool.Close() }

// ServeHTTP serves all routes, each behind the middleware.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	if err := s.pool.Ping(r.Context()); err != nil {
		s.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, []byte(`{"status":"ok"}`))
}

func (s *Server) whoami(w http.ResponseWriter, r *http.Request) {
	id, _ := ringfence.IdentityFrom(r.Context())
	s.object(w, r, s.pool.QueryRow(r.Context(), `SELECT row_to_json(r)::text FROM (SELECT o.id AS organization, o.name, $1::text AS "user", $2::text[] AS roles FROM callcenter.organizations o) r`,
		id.User, id.Roles), http.StatusOK)
}
