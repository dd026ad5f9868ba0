package gateway

import (
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"

	ringfence "github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/gateway/internal/scan"
)

// A fault is why a message is not passed on: what is recorded of it, and the code that closes the socket.
type fault struct {
	event     ringfence.EventType
	code      ws.StatusCode
	reason    string // one of a few fixed words, for the record
	attempted string // the tenant that was named
	session   string // the session that was named
	typ       string // the message's type
}

// Two outcomes that are no faults.
var (
	dropped = &fault{} // pass nothing on, go on
	renewal = &fault{} // the message renews the token
)

// judge holds one message against the rules, the store and the token's validity. nil passes it on; what it returns keeps no
// bytes of the message. It runs on every message of every socket: without a fault it allocates nothing.
func (s *socket) judge(d Direction, sc *scan.Scanner, op ws.OpCode, payload []byte, checked bool, now time.Time) *fault {
	who := s.who.Load()
	if !now.Before(who.id.Expires) {
		return &fault{event: ringfence.TokenExpired, reason: "token_expired"}
	}
	if d == FromClient && !s.meter(now.UnixNano(), len(payload)) {
		return tooMany()
	}
	if op == ws.OpBinary {
		return s.judgeBinary(d, who)
	}
	if s.rules.opaque {
		if !checked && !utf8.Valid(payload) {
			return &fault{event: ringfence.MessageMalformed, reason: scan.UTF8.String(), code: ws.StatusInvalidFramePayloadData}
		}
		return nil
	}
	if code := sc.Scan(payload); code != scan.OK {
		return malformed(code, payload)
	}
	return s.judgeNamed(d, sc, who)
}

func tooMany() *fault { return &fault{event: ringfence.RateLimited, reason: "message_rate"} }

// malformed is the fault of a text that the scan has refused. One that is not UTF-8 breaks the protocol of the wire, wherever in it
// the scan has ended.
func malformed(code scan.Code, text []byte) *fault {
	f := &fault{event: ringfence.MessageMalformed, reason: code.String()}
	if !utf8.Valid(text) {
		f.code = ws.StatusInvalidFramePayloadData
	}
	return f
}

// judgeBinary: a binary message names nothing, so it belongs to the session, where the rules let it pass at all.
func (s *socket) judgeBinary(d Direction, who *holder) *fault {
	switch s.rules.binary {
	case "allow":
		return nil
	case "session":
		return s.needSession(who)
	}
	if s.rules.opaque {
		return nil
	}
	return &fault{event: ringfence.MessageForbidden, reason: "binary"}
}

// judgeNamed judges by what a message names: tenants first, then its type, then its sessions.
func (s *socket) judgeNamed(d Direction, sc *scan.Scanner, who *holder) *fault {
	rs := s.rules
	var typ *scan.Hit
	for i := range sc.Hits {
		h := &sc.Hits[i]
		if h.Path == rs.typ {
			typ = h
		}
		if rs.tenants.has(h.Name) {
			if f := s.judgeTenant(sc, h, who); f != nil {
				return f
			}
		}
	}
	if typ == nil || typ.Kind != scan.String {
		return &fault{event: ringfence.MessageMalformed, reason: "type_missing"}
	}
	text := sc.Text(*typ)
	r := s.ruleOf(d, text)
	if r == nil {
		return s.judgeUnlisted(d, text)
	}
	if f := s.judgeRule(d, sc, r, who); f != nil {
		if f.typ == "" && f != dropped {
			f.typ = string(text)
		}
		return f
	}
	return nil
}

// ruleOf is the rule of a type, or nil. Most messages are of the type that the one before them was.
func (s *socket) ruleOf(d Direction, typ []byte) *rule {
	if r := s.recent[d]; r != nil && r.typ == string(typ) {
		return r
	}
	list := s.rules.client
	if d == FromBackend {
		list = s.rules.server
	}
	r := list[string(typ)]
	s.recent[d] = r
	return r
}

func (s *socket) judgeUnlisted(d Direction, typ []byte) *fault {
	if d == FromClient && s.rules.token != nil && string(typ) == s.rules.token.typ {
		return renewal
	}
	if d == FromBackend && s.rules.drop {
		return dropped
	}
	return &fault{event: ringfence.MessageForbidden, reason: "type_unlisted", typ: clip(string(typ), 64)}
}

func (s *socket) judgeTenant(sc *scan.Scanner, h *scan.Hit, who *holder) *fault {
	var text []byte
	if h.Kind == scan.String {
		text = sc.Text(*h)
	} else {
		text = sc.Bytes(*h)
	}
	if h.Kind == who.kind && string(text) == who.text {
		return nil // spelt as the key itself is: what else it is parsed as does not matter
	}
	at := s.kind.stand(*h, text, who.id.Tenant)
	if at == standsSame {
		return nil
	}
	f := &fault{attempted: clip(string(text), 256)}
	switch at {
	case standsOther:
		f.event, f.reason = ringfence.CrossTenant, "message"
	case standsMissing:
		f.event, f.reason = ringfence.TenantMissing, "blank"
		if h.Kind == scan.Null {
			f.reason, f.attempted = "null", ""
		}
	default:
		f.event, f.reason = ringfence.TenantMalformed, "form"
	}
	return f
}

// judgeRule holds a message of a listed type against its rule.
func (s *socket) judgeRule(d Direction, sc *scan.Scanner, r *rule, who *holder) *fault {
	if len(r.roles) > 0 && !who.hasOne(r.roles) {
		return &fault{event: ringfence.MessageForbidden, reason: "role"}
	}
	if len(r.fields) > 0 {
		if f := judgeFields(sc, r, who); f != nil {
			return f
		}
	}
	var named *scan.Hit
	tenantSeen := r.tenant == 0
	for i := range sc.Hits {
		h := &sc.Hits[i]
		switch {
		case h.Path == r.tenant && r.tenant != 0:
			tenantSeen = true
			if s.rules.tenants.has(h.Name) {
				break // judged already
			}
			if f := s.judgeTenant(sc, h, who); f != nil {
				return f
			}
		case h.Path == r.session && r.session != 0:
			named = h
			fallthrough
		case s.rules.sessions.has(h.Name):
			if r.effect == effectStarted && h.Path == r.session {
				break // judged where it is begun
			}
			if f := s.judgeSession(d, sc, h, who); f != nil {
				return f
			}
		}
	}
	if !tenantSeen {
		return &fault{event: ringfence.TenantMissing, reason: "absent"}
	}
	if r.session != 0 && named == nil {
		return &fault{event: ringfence.SessionUnknown, reason: "absent"}
	}
	if r.needs {
		if f := s.needSession(who); f != nil {
			return f
		}
	}
	return s.take(r.effect, sc, named, who)
}

// judgeFields asks of what stands at a rule's fields whether the holder may bring it.
func judgeFields(sc *scan.Scanner, r *rule, who *holder) *fault {
	for i := range r.fields {
		f := &r.fields[i]
		for k := range sc.Hits {
			h := &sc.Hits[k]
			if h.Path == f.path && !f.free(sc, h) && !who.hasOne(f.Roles) {
				return &fault{event: ringfence.MessageForbidden, reason: "field_role"}
			}
		}
	}
	return nil
}

// judgeSession holds a session id that a message names against the store.
func (s *socket) judgeSession(d Direction, sc *scan.Scanner, h *scan.Hit, who *holder) *fault {
	if h.Kind != scan.String {
		return &fault{event: ringfence.SessionUnknown, reason: "form", session: clip(string(sc.Bytes(*h)), 256)}
	}
	text := sc.Text(*h)
	found := s.gw.sessions.Lookup(text)
	switch {
	case found != nil && found.owner.Tenant != who.id.Tenant:
		return &fault{event: ringfence.CrossTenant, reason: "session", session: clip(string(text), 256), attempted: found.owner.Tenant.String()}
	case found != nil && found.owner == who.owner() && (found.Live() || d == FromBackend):
		return nil
	case found == nil && d == FromBackend: // what it says of a session that this socket had, and that has ended
		if last := s.session.Load(); last != nil && last.id == string(text) {
			return nil
		}
	}
	return &fault{event: ringfence.SessionUnknown, reason: "not_held", session: clip(string(text), 256)}
}

// needSession asks whether the socket's session is still live. The socket holds the store's own record of it, not a copy: who
// ends it there, or gives its id to another owner, which needs its end first, is seen here at the next message.
func (s *socket) needSession(who *holder) *fault {
	now := s.session.Load()
	switch {
	case s.starting.Load() && (now == nil || !now.Live()):
		return nil // its start was judged; the back end has not answered yet
	case now == nil:
		return &fault{event: ringfence.SessionUnknown, reason: "none_live"}
	case !now.Live():
		return &fault{event: ringfence.SessionUnknown, reason: "ended", session: now.id}
	case now.owner != who.owner():
		return &fault{event: ringfence.SessionUnknown, reason: "not_held", session: now.id}
	}
	return nil
}

// take does what a message that is passed on has for effect.
func (s *socket) take(e effect, sc *scan.Scanner, named *scan.Hit, who *holder) *fault {
	switch e {
	case effectStart:
		s.starting.Store(true)
	case effectStarted:
		return s.started(sc, named, who)
	case effectStop:
		s.starting.Store(false)
		s.endSession()
	}
	return nil
}

// started puts the session that the back end names into the store, under the token's tenant and user.
func (s *socket) started(sc *scan.Scanner, named *scan.Hit, who *holder) *fault {
	if named.Kind != scan.String {
		return &fault{event: ringfence.SessionUnknown, reason: "form"}
	}
	text := sc.Text(*named)
	if blank(text) || len(text) > 256 {
		return &fault{event: ringfence.SessionUnknown, reason: "form"}
	}
	id := string(text)
	begun, err := s.gw.sessions.begin(id, who.owner())
	if err != nil {
		f := &fault{event: ringfence.SessionUnknown, reason: "session_taken", session: id}
		if found := s.gw.sessions.Lookup(text); found != nil && found.owner.Tenant != who.id.Tenant {
			f.event, f.attempted = ringfence.CrossTenant, found.owner.Tenant.String()
		}
		return f
	}
	s.starting.Store(false)
	if old := s.session.Swap(begun); old != nil && old != begun {
		s.gw.sessions.release(old)
	}
	s.gw.live.hold(s, id)
	return nil
}
