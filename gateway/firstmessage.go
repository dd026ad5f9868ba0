package gateway

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/gobwas/ws"

	ringfence "github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/gateway/internal/frame"
	"github.com/ringfencehq/ringfence/gateway/internal/scan"
)

// firstMessageLimit bounds the message that brings a token: nobody is known yet.
const firstMessageLimit = 16 << 10

// openByMessage opens a socket whose first message brings its token. Until then nothing is passed on and no back end is asked.
func (v *visit) openByMessage(s *socket) {
	protocol := ""
	for _, p := range v.offered() {
		if slices.Contains(v.st.cfg.Backend.Subprotocols, p) {
			protocol = p
			break
		}
	}
	if !v.upgrade(s, protocol) {
		s.leave()
		return
	}
	v.r = v.r.Clone(context.Background())
	v.w = nil
	v.g.aside(func() { v.awaitToken(s, protocol) })
}

// awaitToken reads the first message, judges its token by the same Authorize as every other, and opens the back end.
func (v *visit) awaitToken(s *socket, protocol string) {
	deadline := time.Now().Add(v.st.cfg.Token.Message.Within)
	_ = s.client.conn.SetReadDeadline(deadline)
	token, f := s.up.firstToken()
	if f != nil {
		v.turnAway(s, f, nil)
		return
	}
	s.began = time.Now()
	id, err := v.g.authorize(context.Background(), v.st.cfg, v.credential(token))
	if err == nil {
		err = v.judge(s, id)
	}
	if err != nil {
		v.turnAway(s, nil, err)
		return
	}
	var offer []string
	if protocol != "" {
		offer = []string{protocol}
	}
	answered, status := v.dial(context.Background(), s, id, offer)
	if status != 0 || answered != protocol {
		if status == 0 {
			_ = s.back.conn.Close()
		}
		s.client.close(frame.AppendCloseBody(nil, ws.StatusInternalServerError, ""), hangUpWithin)
		s.client.linger(lingers)
		s.leave()
		return
	}
	if reply := v.st.cfg.Token.Message.Reply; reply != "" {
		_ = s.client.write(frame.Append(nil, ws.OpText, []byte(reply), s.client.as), time.Now())
	}
	s.up.parser = frame.NewParser(frame.FromClient, int64(v.st.cfg.Limits.MessageBytes))
	s.who.Store(newHolder(id, s.kind))
	v.g.goLive(s)
}

// turnAway records why a socket was not opened, and closes it.
func (v *visit) turnAway(s *socket, f *fault, err error) {
	code, text := ws.StatusPolicyViolation, "refused"
	switch e, ok := refusal(err, v.from, "handshake"); {
	case f != nil && f.event == "":
		code, text = f.code, ""
	case f != nil:
		v.g.record(s.handshakeEvent(f))
		if f.code != 0 {
			code = f.code
		}
		text = closeText(f.event)
	case ok:
		v.g.record(e)
		text = closeText(e.Type)
	default:
		v.g.count(err)
		code, text = frame.StatusTryAgainLater, ""
	}
	if code != 0 {
		s.client.close(frame.AppendCloseBody(nil, code, text), hangUpWithin)
	}
	s.client.linger(lingers)
	s.leave()
}

func (s *socket) handshakeEvent(f *fault) ringfence.Event {
	e := s.event(f.event, FromClient, f)
	e.Detail["operation"] = "handshake"
	return e
}

// firstToken reads messages until the first one that is data, and takes the token out of it. A fault without an event is a
// peer that left or broke the protocol.
func (p *pump) firstToken() (string, *fault) {
	p.parser = frame.NewParser(frame.FromClient, firstMessageLimit)
	var f frame.Frame
	for {
		for p.start < p.end {
			n, err := p.parser.Next(p.buf[p.start:p.end], &f)
			if err != nil {
				var breach *frame.Error
				errors.As(err, &breach)
				p.s.gw.record(p.s.handshakeEvent(&fault{event: ringfence.MessageMalformed, reason: clip(err.Error(), 80)}))
				return "", &fault{code: breach.Code}
			}
			if n == 0 {
				break
			}
			p.start += n
			if token, f, done := p.first(&f); done {
				return token, f
			}
		}
		if f := p.fillFirst(); f != nil {
			return "", f
		}
	}
}

// first takes one frame of a socket that nobody knows yet.
func (p *pump) first(f *frame.Frame) (token string, because *fault, done bool) {
	switch f.OpCode {
	case ws.OpPing:
		if p.from.control(ws.OpPong, f.Payload, time.Now()) != nil {
			return "", &fault{}, true
		}
		return "", nil, false
	case ws.OpPong:
		return "", nil, false
	case ws.OpClose:
		return "", &fault{code: closeAnswer(f.Payload)}, true
	case ws.OpBinary:
		return "", &fault{event: ringfence.TokenMissing, reason: "binary"}, true
	}
	p.msg = append(p.msg, f.Payload...)
	if !f.Fin {
		return "", nil, false
	}
	token, because = p.s.rules.tokenOf(p.msg)
	clear(p.msg)
	p.msg = nil
	return token, because, true
}

// closeAnswer is the code that answers a close frame.
func closeAnswer(body []byte) ws.StatusCode {
	if c := frame.CloseCode(body); c != ws.StatusNoStatusRcvd {
		return c
	}
	return ws.StatusNormalClosure
}

// tokenOf takes the token out of a first message.
func (rs *ruleset) tokenOf(message []byte) (string, *fault) {
	sc := rs.scanners.Get().(*scan.Scanner)
	defer rs.scanners.Put(sc)
	if code := sc.Scan(message); code != scan.OK {
		return "", malformed(code, message)
	}
	for _, h := range sc.Hits {
		if h.Path == rs.typ && h.Kind == scan.String && string(sc.Text(h)) == rs.token.typ {
			return tokenIn(sc, rs.token)
		}
	}
	return "", &fault{event: ringfence.TokenMissing, reason: "first_message"}
}

// fillFirst reads once more. There are no pings yet: who does not say its token in time has missed it.
func (p *pump) fillFirst() *fault {
	p.makeRoom()
	n, err := p.from.conn.Read(p.buf[p.end:])
	if n > 0 {
		p.end += n
		return nil
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return &fault{event: ringfence.TokenMissing, reason: "too_late"}
	}
	return &fault{}
}

// statusOf is the answer to a request that is refused.
func statusOf(t ringfence.EventType) int {
	switch t {
	case ringfence.TokenMissing, ringfence.TokenInvalid, ringfence.TokenExpired, ringfence.TokenRevoked:
		return http.StatusUnauthorized
	case ringfence.RateLimited:
		return http.StatusTooManyRequests
	case ringfence.MessageOversize:
		return http.StatusRequestEntityTooLarge
	case ringfence.MessageMalformed:
		return http.StatusBadRequest
	}
	return http.StatusForbidden
}
