package gateway

import (
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"time"

	ringfence "github.com/ringfencehq/ringfence"
)

// ServeHTTP takes a request in: a WebSocket's handshake, whose connection it takes over, or a plain request. Serve calls it; another
// server may, one that speaks HTTP/1.1 and bounds headers itself, beside a Serve that brings revocations and drains.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	st := g.now.Load()
	v := &visit{g: g, st: st, w: w, r: r, client: st.clientAddress(r)}
	v.from = origin{address: addressOf(v.client), userAgent: clip(r.UserAgent(), 512), path: r.URL.Path}
	v.address = g.nets.get(network(v.client), time.Now().UnixNano())
	boundBody(w, r, st.cfg.Timeouts.Message)
	v.body, _ = r.Body.(*body)
	if !v.address.shake(time.Now().UnixNano()) {
		v.refuse(ringfence.Refuse(ringfence.Event{Type: ringfence.RateLimited, Detail: map[string]string{"reason": "handshakes_of_address"}}, nil))
		return
	}
	if !st.originAllowed(r) {
		v.refuse(ringfence.Refuse(ringfence.Event{Type: ringfence.OriginForbidden, Detail: map[string]string{"reason": "origin"}}, nil))
		return
	}
	if g.public != nil {
		if h, pattern := g.public.Handler(r); pattern != "" {
			boundBody(w, r, st.cfg.Timeouts.Handshake)
			r.Body = http.MaxBytesReader(w, r.Body, int64(st.cfg.Limits.HeaderBytes))
			h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), clientKey{}, v.client)))
			return
		}
	}
	if status := v.unfit(); status != 0 {
		v.answer(status)
		return
	}
	var refused *ringfence.Refusal
	if v.shown, refused = st.cfg.show(r); refused != nil {
		v.refuse(refused)
		return
	}
	if wantsSocket(r) {
		v.serveSocket()
		return
	}
	v.serveRequest()
}

// unfit is the status of a request that is not for any back end, or 0.
func (v *visit) unfit() int {
	switch {
	case v.r.Method == http.MethodConnect || v.r.Method == http.MethodTrace:
		return http.StatusMethodNotAllowed
	case v.r.URL.Path == "" || v.r.URL.Path[0] != '/':
		return http.StatusBadRequest
	case v.st.servable(v.r.URL) != nil:
		return http.StatusBadRequest
	case v.st.withheld(v.r.URL.Path):
		return http.StatusNotFound
	case v.g.draining.Load() && wantsSocket(v.r):
		return http.StatusServiceUnavailable
	}
	return 0
}

// serveRequest lets a plain request through to the back end.
func (v *visit) serveRequest() {
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, int64(v.st.cfg.Limits.BodyBytes))
	id, err := v.g.authorize(v.r.Context(), v.st.cfg, v.credential(v.shown.token))
	if err != nil {
		v.refuse(err)
		return
	}
	f := v.st.named(v.r, id.Tenant)
	if f == nil {
		f = v.accountsLeft(id)
	}
	if f == nil {
		f = v.st.judgeBody(v.r, id.Tenant)
	}
	if f != nil {
		v.refuse(v.refusalOf(f, id))
		return
	}
	v.g.stats.Requests()
	ctx := context.WithValue(ringfence.WithIdentity(v.r.Context(), id), visitKey{}, v)
	w := &taken{v.w, http.NewResponseController(v.w), v.st.cfg.Timeouts.Write}
	v.st.proxy.ServeHTTP(w, v.r.WithContext(ctx))
	w.begin() // of its end, which net/http writes
}

// taken is an answer of which each part has to be taken in time.
type taken struct {
	http.ResponseWriter
	conn   *http.ResponseController
	within time.Duration
}

func (w *taken) begin() { _ = w.conn.SetWriteDeadline(time.Now().Add(w.within)) }

// Write implements io.Writer.
func (w *taken) Write(b []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(b)
}

// Unwrap lets an http.ResponseController flush.
func (w *taken) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// accountsLeft takes one request from the accounts of tenant and user.
func (v *visit) accountsLeft(id ringfence.Identity) *fault {
	now := time.Now().UnixNano()
	if !v.g.tenants.get(id.Tenant, now).shake(now) || !v.g.users.get(Owner{Tenant: id.Tenant, User: id.User}, now).shake(now) {
		return &fault{event: ringfence.RateLimited, reason: "requests"}
	}
	return nil
}

type visitKey struct{}

type clientKey struct{}

// ClientAddress tells a handler of Options.Public where a request comes from, as the gateway knows it: behind trusted proxies
// what they say, and never what a client can write. It is invalid in any other handler.
func ClientAddress(r *http.Request) netip.Addr {
	at, _ := r.Context().Value(clientKey{}).(netip.Addr)
	return at
}

// reverseProxy speaks HTTP to the back end. Each request is written anew from what was parsed, so that no two servers read its
// borders differently; protocol upgrades other than WebSocket do not pass.
func (g *Gateway) reverseProxy(st *settings) *httputil.ReverseProxy {
	dialer := &net.Dialer{Timeout: st.cfg.Timeouts.Handshake}
	return &httputil.ReverseProxy{
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSClientConfig: st.tls, TLSHandshakeTimeout: st.cfg.Timeouts.Handshake,
			ResponseHeaderTimeout: 60 * time.Second, MaxIdleConnsPerHost: 64, IdleConnTimeout: 90 * time.Second,
			MaxResponseHeaderBytes: 1 << 20, DisableCompression: true,
		},
		Rewrite: func(p *httputil.ProxyRequest) {
			v := p.In.Context().Value(visitKey{}).(*visit)
			id, _ := ringfence.IdentityFrom(p.In.Context())
			u := v.st.target(v.r)
			u.Scheme = map[string]string{"ws": "http", "wss": "https"}[u.Scheme]
			p.Out.URL = u
			p.Out.Header = v.st.outHeader(p.In.Header, id, v.client, p.In.Host, p.In.TLS != nil)
			p.Out.Host = u.Host
			if keep := v.st.cfg.Backend.PreserveHost; keep != nil && *keep {
				p.Out.Host = p.In.Host
			}
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			v := r.Context().Value(visitKey{}).(*visit)
			var large *http.MaxBytesError
			if errors.As(err, &large) {
				id, _ := ringfence.IdentityFrom(r.Context())
				v.refuse(v.refusalOf(bodyFault(err), id))
				return
			}
			if v.body != nil && v.body.late.Load() {
				v.answer(http.StatusRequestTimeout)
				return
			}
			if !errors.Is(err, context.Canceled) {
				g.stats.BackendFailed()
				g.log.Warn("the back end could not be reached", "error", plainDial(err))
			}
			v.answer(http.StatusBadGateway)
		},
		ErrorLog: log.New(io.Discard, "", 0), // it would write URLs
	}
}

// refuse records why a request is not let in, and answers it then. A fault of the Authorizer refuses too, as what could not
// be told.
func (v *visit) refuse(err error) {
	e, ok := refusal(err, v.from, "handshake")
	if !ok {
		v.g.count(err)
		v.answer(http.StatusServiceUnavailable)
		return
	}
	if !wantsSocket(v.r) {
		e.Detail["operation"] = "request"
	}
	v.g.record(e)
	v.answer(statusOf(e.Type))
}

// answer answers without saying more than the status does.
func (v *visit) answer(status int) {
	h := v.w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	switch status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", "Bearer")
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		h.Set("Retry-After", "1")
	}
	if wantsSocket(v.r) {
		h.Set("Connection", "close")
	}
	if v.body != nil {
		v.body.giveUp()
	}
	v.w.WriteHeader(status)
	_, _ = io.WriteString(v.w, statusText(status))
}

// webSocketURL is a back end's URL with a scheme that a WebSocket is dialled by.
func webSocketURL(u *url.URL) {
	switch u.Scheme {
	case "http":
		u.Scheme = "ws"
	case "https":
		u.Scheme = "wss"
	}
}

// quiet keeps net/http's own log lines, which may hold what clients sent, out of the log.
func quiet(l *slog.Logger) *log.Logger { return log.New(counted{l}, "", 0) }

// counted says that the server had something to say, and not what.
type counted struct{ log *slog.Logger }

func (c counted) Write(b []byte) (int, error) {
	c.log.Debug("the HTTP server met a connection it could not serve")
	return len(b), nil
}
