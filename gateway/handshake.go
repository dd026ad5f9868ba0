package gateway

import (
	"context"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/gobwas/ws"

	ringfence "github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/gateway/internal/frame"
)

// wantsSocket reports whether a request asks for a WebSocket.
func wantsSocket(r *http.Request) bool { return hasToken(r.Header.Values("Upgrade"), "websocket") }

func hasToken(lines []string, token string) bool {
	return slices.ContainsFunc(lines, func(line string) bool {
		return slices.ContainsFunc(strings.Split(line, ","), func(part string) bool {
			return strings.EqualFold(strings.TrimSpace(part), token)
		})
	})
}

// checkUpgrade holds a request against RFC 6455, 4.2.1. 0 is that it is a handshake; else the status to answer with.
func checkUpgrade(r *http.Request) int {
	keys := r.Header.Values("Sec-Websocket-Key")
	versions := r.Header.Values("Sec-Websocket-Version")
	switch {
	case r.Method != http.MethodGet || !r.ProtoAtLeast(1, 1) || r.ProtoMajor != 1 || r.Host == "":
		return http.StatusBadRequest
	case !hasToken(r.Header.Values("Connection"), "upgrade"):
		return http.StatusBadRequest
	case r.ContentLength != 0 || len(r.TransferEncoding) > 0: // a body would be read as frames by one and not by the other
		return http.StatusBadRequest
	case len(versions) != 1 || versions[0] != "13":
		return http.StatusUpgradeRequired
	case len(keys) != 1:
		return http.StatusBadRequest
	}
	if nonce, err := base64.StdEncoding.DecodeString(strings.TrimSpace(keys[0])); err != nil || len(nonce) != 16 {
		return http.StatusBadRequest
	}
	if slices.ContainsFunc(subprotocols(r.Header), func(p string) bool { return !isToken(p) }) {
		return http.StatusBadRequest
	}
	return 0
}

// acceptKey is the answer to a handshake's key.
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(strings.TrimSpace(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// visit is one request on its way in.
type visit struct {
	g       *Gateway
	st      *settings
	w       http.ResponseWriter
	r       *http.Request
	from    origin
	client  netip.Addr
	address *account
	shown   shown
	body    *body // nil: it brings none
}

// serveSocket lets a WebSocket in: its token is judged before the back end is spoken to, and the back end answers before the
// client is.
func (v *visit) serveSocket() {
	if status := checkUpgrade(v.r); status != 0 {
		if status == http.StatusUpgradeRequired {
			v.w.Header().Set("Sec-WebSocket-Version", "13")
		}
		v.answer(status)
		return
	}
	defer v.g.work.begin()()
	s := v.newSocket()
	if what, ok := v.g.enter(s, v.address); !ok {
		v.refuse(ringfence.Refuse(ringfence.Event{Type: ringfence.RateLimited, Detail: map[string]string{"reason": "sockets_of_" + what}}, nil))
		return
	}
	if v.shown.token == "" && slices.Contains(v.st.cfg.Token.From, "message") {
		v.openByMessage(s)
		return
	}
	if !v.openByToken(s) {
		s.leave()
	}
}

func (v *visit) newSocket() *socket {
	s := &socket{gw: v.g, cfg: v.st.cfg, rules: v.st.rules, kind: v.st.cfg.Tenant.Kind, from: v.from, began: time.Now()}
	c := v.st.cfg
	s.client = endpoint{as: frame.FromServer, limit: int(c.Limits.QueueBytes), patience: c.Timeouts.Write}
	s.back = endpoint{as: frame.FromClient, limit: int(c.Limits.QueueBytes), patience: c.Timeouts.Write}
	limit := int64(c.Limits.MessageBytes)
	s.up = pump{s: s, dir: FromClient, from: &s.client, to: &s.back, parser: frame.NewParser(frame.FromClient, limit)}
	s.down = pump{s: s, dir: FromBackend, from: &s.back, to: &s.client, parser: frame.NewParser(frame.FromServer, limit)}
	return s
}

// openByToken opens a socket whose handshake shows a token, and reports whether it did.
func (v *visit) openByToken(s *socket) bool {
	id, err := v.g.authorize(v.r.Context(), v.st.cfg, v.credential(v.shown.token))
	if err == nil {
		err = v.judge(s, id)
	}
	if err != nil {
		v.refuse(err)
		return false
	}
	protocol, status := v.dial(v.r.Context(), s, id, v.offered())
	if status != 0 {
		v.answer(status)
		return false
	}
	if !v.upgrade(s, protocol) {
		_ = s.back.conn.Close()
		return false
	}
	s.who.Store(newHolder(id, s.kind))
	v.g.goLive(s)
	return true
}

// judge holds what a handshake names against who asks, and takes the socket from their accounts.
func (v *visit) judge(s *socket, id ringfence.Identity) error {
	if f := v.st.named(v.r, id.Tenant); f != nil {
		return v.refusalOf(f, id)
	}
	if what, ok := v.g.admit(s, id); !ok {
		return ringfence.Refuse(ringfence.Event{Type: ringfence.RateLimited, User: id.User, Tenant: id.Tenant.String(),
			Detail: map[string]string{"reason": "sockets_of_" + what}}, nil)
	}
	return nil
}

func (v *visit) refusalOf(f *fault, id ringfence.Identity) *ringfence.Refusal {
	return ringfence.Refuse(ringfence.Event{Type: f.event, User: id.User, Tenant: id.Tenant.String(), AttemptedTenant: f.attempted,
		Detail: map[string]string{"reason": f.reason}}, nil)
}

// offered are the subprotocols that the back end is asked for: those of the client without the token.
func (v *visit) offered() []string {
	return slices.DeleteFunc(subprotocols(v.r.Header), func(p string) bool {
		return slices.Contains(v.st.cfg.Token.From, "subprotocol") && strings.HasPrefix(p, v.st.cfg.Token.Subprotocol)
	})
}

// dial opens the socket to the back end; the status is 0, or what the client is to be answered.
func (v *visit) dial(ctx context.Context, s *socket, id ringfence.Identity, offer []string) (protocol string, status int) {
	u := v.st.target(v.r)
	d := ws.Dialer{
		Timeout:   v.st.cfg.Timeouts.Handshake,
		Protocols: offer,
		TLSConfig: v.st.tls,
		Header:    ws.HandshakeHeaderHTTP(v.st.outHeader(v.r.Header, id, v.client, v.r.Host, v.r.TLS != nil)),
	}
	if keep := v.st.cfg.Backend.PreserveHost; keep != nil && *keep {
		d.Host = v.r.Host
	}
	conn, early, shake, err := d.Dial(ctx, u.String())
	if err != nil {
		v.g.stats.BackendFailed()
		var answered ws.StatusError
		if errors.As(err, &answered) && answered >= 400 && answered < 500 {
			return "", int(answered)
		}
		v.g.log.Warn("the back end could not be reached", "error", plainDial(err))
		return "", http.StatusBadGateway
	}
	s.back.conn = conn
	if early != nil {
		s.down.early(early.Buffered(), early.Read)
		ws.PutReader(early)
	}
	return shake.Protocol, 0
}

// plainDial is a dial's error without the URL that it was for.
func plainDial(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err.Error()
	}
	return err.Error()
}

// upgrade answers a handshake and takes the connection over.
func (v *visit) upgrade(s *socket, protocol string) bool {
	conn, buffered, err := http.NewResponseController(v.w).Hijack()
	if err != nil {
		v.answer(http.StatusInternalServerError)
		return false
	}
	s.client.conn = conn
	_ = conn.SetDeadline(time.Time{})
	if n := buffered.Reader.Buffered(); n > 0 {
		s.up.early(n, buffered.Reader.Read)
	}
	b := append(make([]byte, 0, 256), "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	b = append(b, acceptKey(v.r.Header.Get("Sec-Websocket-Key"))...)
	if protocol != "" {
		b = append(append(b, "\r\nSec-WebSocket-Protocol: "...), protocol...)
	}
	if err := s.client.write(append(b, "\r\n\r\n"...), time.Now()); err != nil {
		_ = conn.Close()
		return false
	}
	return true
}

// early takes the n bytes that came behind a handshake.
func (p *pump) early(n int, read func([]byte) (int, error)) {
	p.buf = make([]byte, max(n, smallBuffer))
	for p.end < n {
		got, err := read(p.buf[p.end:n])
		p.end += got
		if err != nil {
			return
		}
	}
}

// goLive lets a socket run, unless what it stands on was revoked while it was let in.
func (g *Gateway) goLive(s *socket) {
	id := s.who.Load().id
	s.arm(id.Expires)
	if !g.live.add(s) {
		g.record(s.event(ringfence.TokenRevoked, FromClient, &fault{reason: "while_opening"}))
		s.setBits(shutBoth | isCut)
		s.hangUp(ws.StatusPolicyViolation, closeText(ringfence.TokenRevoked), CutRevoked, ws.StatusGoingAway)
	}
	s.start()
	if g.draining.Load() {
		g.drainOne(s, 0)
	}
}

func (v *visit) credential(token string) ringfence.Credential {
	return ringfence.Credential{Token: token, Address: v.from.address, UserAgent: v.from.userAgent}
}
