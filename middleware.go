package ringfence

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"
)

// MiddlewareOptions say where requests carry their token, and which need none. The zero value takes it from the header
// "Authorization: Bearer" alone, and leaves no route without a tenant.
type MiddlewareOptions struct {
	// Public are the routes that need no tenant, each as "METHOD /path", matched exactly: no wildcard, no other method, no
	// other spelling of the path. They run with a context that carries no tenant, whatever token the request has.
	Public []string
	// Cookie names a cookie that may carry the token instead of the header. Requests that change something and come from
	// another origin are then refused, unless the origin is trusted.
	Cookie string
	// TrustedOrigins are origins ("https://app.example.com") that may send requests with the cookie.
	TrustedOrigins []string
	// ClientAddress tells the client's address, for the record of refusals; by default the connection's. Behind a proxy it
	// reads the header that this proxy, and nobody else, writes.
	ClientAddress func(*http.Request) string
	// Recorder keeps what the middleware itself refuses (two tokens, a foreign origin). The Authorizer records what it refuses.
	Recorder Recorder
	// Logger is told of faults on this side: keys that cannot be had, records that cannot be kept; slog.Default().
	Logger *slog.Logger
}

// Middleware puts a in front of a handler: the request's token becomes its identity and tenant once, here, and the handler
// finds them by IdentityFrom and TenantFrom. Neither is ever read from the URL, a header of the client's or a body. Who is
// refused gets 401 (no token that holds) or 403 (a token that holds, but not for this), with a body that is the same for
// every reason; where it is our fault, 503. It wraps the whole router, so that no route is forgotten. It panics where its
// options cannot be meant, as http.Handle does.
func Middleware(a Authorizer, o MiddlewareOptions) func(http.Handler) http.Handler {
	m := &middleware{authorizer: a, o: o, public: map[string]bool{}}
	if a == nil {
		panic("ringfence: middleware without an Authorizer")
	}
	for _, p := range o.Public {
		method, path, ok := strings.Cut(p, " ")
		if !ok || method == "" || !strings.HasPrefix(path, "/") || strings.ContainsAny(path, " {}*?#%") {
			panic(fmt.Sprintf("ringfence: the public route %q is not of the form METHOD /path, without wildcards", p))
		}
		m.public[p] = true
	}
	for _, origin := range o.TrustedOrigins {
		if err := m.origins.AddTrustedOrigin(origin); err != nil {
			panic(fmt.Sprintf("ringfence: the trusted origin %q: %v", origin, err))
		}
	}
	if m.o.ClientAddress == nil {
		m.o.ClientAddress = connectionAddress
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { m.serve(w, r, next) })
	}
}

type middleware struct {
	authorizer Authorizer
	o          MiddlewareOptions
	public     map[string]bool
	origins    http.CrossOriginProtection
}

func (m *middleware) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	// A path that was spelled with escapes is no exact match: routers differ on how they read it.
	if r.URL.RawPath == "" && m.public[r.Method+" "+r.URL.Path] {
		next.ServeHTTP(w, r.WithContext(WithTenant(r.Context(), Tenant{})))
		return
	}
	id, err := m.identify(r)
	if err != nil {
		m.report(r.Context(), err)
		WriteRefusal(w, err)
		return
	}
	next.ServeHTTP(w, r.WithContext(WithIdentity(r.Context(), id)))
}

// identify finds the request's one token and asks whose it is.
func (m *middleware) identify(r *http.Request) (Identity, error) {
	c := Credential{Address: m.o.ClientAddress(r), UserAgent: r.UserAgent()}
	var event EventType
	c.Token, event = m.token(r)
	if event != "" {
		e := Event{Type: event, Address: c.Address, UserAgent: c.UserAgent, Detail: map[string]string{"reason": "request"}}
		return Identity{}, m.refuse(r.Context(), e)
	}
	id, err := m.authorizer.Authorize(r.Context(), c)
	if err == nil && !id.Tenant.Valid() {
		err = m.refuse(r.Context(), Event{Type: TokenWithoutTenant, User: id.User, Address: c.Address, UserAgent: c.UserAgent})
	}
	return id, err
}

// token returns the one token of a request, empty where there is none, or what is wrong with the request.
func (m *middleware) token(r *http.Request) (string, EventType) {
	headers := r.Header.Values("Authorization")
	if len(headers) > 1 {
		return "", TokenInvalid
	}
	header := ""
	if len(headers) == 1 {
		scheme, rest, _ := strings.Cut(headers[0], " ")
		if strings.EqualFold(scheme, "Bearer") {
			header = strings.TrimLeft(rest, " ")
		}
	}
	if m.o.Cookie == "" {
		return header, ""
	}
	cookies := r.CookiesNamed(m.o.Cookie)
	switch {
	case len(cookies) == 0:
		return header, ""
	case len(cookies) > 1, header != "" && header != cookies[0].Value:
		return "", TokenInvalid
	case header != "": // no other origin's page can set the header
		return header, ""
	case m.origins.Check(r) != nil:
		return "", OriginForbidden
	}
	return cookies[0].Value, ""
}

// recordTimeout bounds how long a refusal waits for its record.
const recordTimeout = 5 * time.Second

// refuse records what the middleware itself refuses, also for who has hung up.
func (m *middleware) refuse(ctx context.Context, e Event) error {
	if m.o.Recorder == nil {
		return Refuse(e, nil)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	if err := m.o.Recorder.Record(ctx, e); err != nil {
		return Refuse(e, fmt.Errorf("recording a refusal: %w", err))
	}
	return Refuse(e, nil)
}

// report logs what somebody on this side has to mend: faults, and refusals that have a cause.
func (m *middleware) report(ctx context.Context, err error) {
	r, refused := RefusalOf(err)
	if refused && r.Unwrap() == nil {
		return
	}
	log := m.o.Logger
	if log == nil {
		log = slog.Default()
	}
	if refused {
		log.ErrorContext(ctx, "a request was refused, and not for its own fault alone", "event", string(r.Event.Type), "cause", r.Unwrap())
		return
	}
	log.ErrorContext(ctx, "a request could not be judged, and was refused", "error", err)
}

// connectionAddress is the address of the connection's other end, without its port.
func connectionAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// WriteRefusal answers a request that was refused: 401 where no token holds, 403 for any other refusal, 503 where the error is
// no refusal but a fault. Nothing of the error is told. Handlers use it for what a Pool refuses, so that all answers look alike.
func WriteRefusal(w http.ResponseWriter, err error) {
	status, body := http.StatusServiceUnavailable, `{"error":"unavailable"}`
	if r, ok := RefusalOf(err); ok {
		switch r.Event.Type {
		case TokenMissing, TokenInvalid, TokenExpired, TokenRevoked:
			status, body = http.StatusUnauthorized, `{"error":"unauthorized"}`
			w.Header().Set("WWW-Authenticate", "Bearer")
		case MembershipFailing:
		default:
			status, body = http.StatusForbidden, `{"error":"forbidden"}`
		}
	} else if errors.Is(err, ErrNoTenant) {
		status, body = http.StatusForbidden, `{"error":"forbidden"}`
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body + "\n"))
}
