package gateway

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"

	ringfence "github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/gateway/internal/frame"
	"github.com/ringfencehq/ringfence/gateway/internal/scan"
)

// Bits of socket.state: a direction that is shut passes nothing on any more.
const (
	shutUp   uint32 = 1 << iota // from the client
	shutDown                    // from the back end
	isCut
	shutBoth = shutUp | shutDown
)

// holder is whose a socket is, at present.
type holder struct {
	id   ringfence.Identity
	text string    // the tenant as its key is spelt
	kind scan.Kind // what messages have it as
}

func newHolder(id ringfence.Identity, k Kind) *holder {
	h := &holder{id: id, text: id.Tenant.String(), kind: scan.String}
	if k == KindInt {
		h.kind = scan.Number
	}
	return h
}

func (h *holder) hasOne(roles []string) bool {
	return slices.ContainsFunc(roles, func(role string) bool { return slices.Contains(h.id.Roles, role) })
}

func (h *holder) owner() Owner { return Owner{Tenant: h.id.Tenant, User: h.id.User} }

// socket is one client's WebSocket and the one to the back end behind it.
type socket struct {
	gw    *Gateway
	cfg   *Config // of when it began: a reload does not change a socket's rules
	rules *ruleset
	kind  Kind
	from  origin

	client, back endpoint
	up, down     pump
	running      atomic.Int32 // pumps that have not ended

	who      atomic.Pointer[holder]
	state    atomic.Uint32
	session  atomic.Pointer[Session]
	starting atomic.Bool
	recent   [2]*rule // of the last message of each direction; only its own pump reads and writes it

	accounts [3]*account // tenant, user, address
	began    time.Time   // when it was authorized: what was revoked after that is not for the Authorizer to know

	mu     sync.Mutex
	expiry *time.Timer
	ended  bool   // nothing is left to expire
	first  bool   // an end was begun
	answer []byte // payload of the close frame that ends the client's side
	held   []string
}

// origin is where a client comes from, for records.
type origin struct {
	address   string
	userAgent string
	path      string
}

func (s *socket) shut(d Direction) bool { return s.state.Load()&(shutUp<<d) != 0 }

// setBits sets bits of the state and returns those that were not set before.
func (s *socket) setBits(bits uint32) uint32 { return bits &^ s.state.Or(bits) }

// meter takes a client's message from all accounts that the socket belongs to.
func (s *socket) meter(now int64, n int) bool {
	for _, a := range s.accounts {
		if a != nil && !a.message(now, n) {
			return false
		}
	}
	return true
}

func (s *socket) endSession() {
	if old := s.session.Load(); old != nil {
		s.gw.sessions.release(old)
	}
}

// event is a record of something that was refused on this socket.
func (s *socket) event(t ringfence.EventType, d Direction, f *fault) ringfence.Event {
	e := ringfence.Event{
		Type: t, Address: s.from.address, UserAgent: s.from.userAgent,
		Detail: map[string]string{"operation": "message", "from": d.String(), "route": clip(s.from.path, 256)},
	}
	if who := s.who.Load(); who != nil {
		e.User, e.Tenant = who.id.User, who.id.Tenant.String()
	}
	if now := s.session.Load(); now != nil {
		e.Session = now.id
	}
	if f == nil {
		return e
	}
	e.AttemptedTenant = f.attempted
	if f.session != "" {
		e.Session = f.session
	}
	if f.reason != "" {
		e.Detail["reason"] = f.reason
	}
	if f.typ != "" {
		e.Detail["message_type"] = f.typ
	}
	return e
}

// refuse ends the socket for a message: nothing passes any more, the event is kept, and then the client is answered.
func (s *socket) refuse(d Direction, f *fault) {
	if s.setBits(shutBoth|isCut)&isCut == 0 {
		return // cut already
	}
	s.gw.record(s.event(f.event, d, f))
	code, reason := f.code, CutRefused
	if f.event == ringfence.TokenExpired {
		reason = CutExpired
	}
	if code == 0 {
		code = ws.StatusPolicyViolation
	}
	back := ws.StatusGoingAway
	if d == FromBackend && code == ws.StatusInvalidFramePayloadData {
		back = code // it broke the protocol itself, and is told so
	}
	s.hangUp(code, closeText(f.event), reason, back)
}

// breach records that a peer broke the WebSocket protocol, where that is more than an accident of the wire.
func (s *socket) breach(d Direction, code ws.StatusCode, reason string) {
	if d == FromBackend {
		s.gw.stats.BackendFailed()
		s.gw.log.Warn("the back end broke the protocol", "reason", reason)
		return
	}
	t := ringfence.MessageMalformed
	if code == ws.StatusMessageTooBig {
		t = ringfence.MessageOversize
	}
	s.gw.record(s.event(t, d, &fault{reason: clip(reason, 80)}))
}

// cut ends the socket from outside: its token expired, or something it stands on was revoked. Nothing passes from the first
// instruction on; the event is kept beside, since nobody waits for an answer.
func (s *socket) cut(t ringfence.EventType, reason CutReason) {
	if s.setBits(shutBoth|isCut)&isCut == 0 {
		return
	}
	e := s.event(t, FromClient, &fault{reason: reason.String()})
	e.Detail["operation"] = "live"
	s.gw.aside(func() { s.gw.record(e) })
	s.hangUp(ws.StatusPolicyViolation, closeText(t), reason, ws.StatusGoingAway)
}

// closeText is the reason that a close frame carries: it names no id, and tells nothing of who exists.
func closeText(t ringfence.EventType) string {
	switch t {
	case ringfence.TokenExpired:
		return "token expired"
	case ringfence.TokenRevoked:
		return "token revoked"
	case ringfence.RateLimited:
		return "too many messages"
	case ringfence.MessageMalformed:
		return "malformed message"
	}
	return "refused"
}

// hangUp sends the client its close frame, and the back end one of the code back, and lets both pumps end at once.
func (s *socket) hangUp(code ws.StatusCode, text string, reason CutReason, back ws.StatusCode) {
	s.gw.stats.Cut(reason)
	s.mu.Lock()
	s.first = true
	s.mu.Unlock()
	s.client.close(frame.AppendCloseBody(nil, code, text), hangUpWithin)
	s.back.close(frame.AppendCloseBody(nil, back, ""), hangUpWithin)
	s.client.readUntil(past)
	s.back.readUntil(past)
}

// hangUpWithin is how long a close frame may take to be written to a reader that may take nothing.
const hangUpWithin = 100 * time.Millisecond

// arm lets the socket end with its token, by the clock that tokens are judged by: it may have been set back when the timer fires.
func (s *socket) arm(expires time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	if s.expiry != nil {
		s.expiry.Stop()
	}
	s.expiry = time.AfterFunc(time.Until(expires), func() {
		if ends := s.who.Load().id.Expires; time.Now().Before(ends) {
			s.arm(ends)
			return
		}
		s.cut(ringfence.TokenExpired, CutExpired)
	})
}

// renew puts the token of a renewal in the place of the socket's, and reports whether the socket goes on.
func (s *socket) renew(sc *scan.Scanner) bool {
	token, f := tokenIn(sc, s.rules.token)
	if f != nil {
		s.refuse(FromClient, f)
		return false
	}
	began := time.Now()
	id, err := s.gw.authorize(context.Background(), s.cfg, ringfence.Credential{Token: token, Address: s.from.address, UserAgent: s.from.userAgent})
	if err != nil {
		s.gw.count(err)
		s.refuse(FromClient, faultOf(err))
		return false
	}
	was := s.who.Load()
	if next := (Owner{Tenant: id.Tenant, User: id.User}); next != was.owner() {
		f := &fault{event: ringfence.CrossTenant, reason: "renewal", attempted: id.Tenant.String()}
		if id.Tenant == was.id.Tenant {
			f.event, f.attempted = ringfence.TokenInvalid, ""
		}
		s.refuse(FromClient, f)
		return false
	}
	s.gw.live.renew(s, id, began)
	s.arm(id.Expires)
	if reply := s.cfg.Token.Message.Reply; reply != "" {
		_ = s.client.write(frame.Append(nil, ws.OpText, []byte(reply), s.client.as), began)
	}
	return !s.shut(FromClient)
}

// tokenIn takes the token out of the message that was just scanned.
func tokenIn(sc *scan.Scanner, t *tokenRule) (string, *fault) {
	for _, h := range sc.Hits {
		if h.Path != t.path {
			continue
		}
		if h.Kind != scan.String || blank(sc.Text(h)) {
			return "", &fault{event: ringfence.TokenMissing, reason: "form"}
		}
		return string(sc.Text(h)), nil
	}
	return "", &fault{event: ringfence.TokenMissing, reason: "absent"}
}
