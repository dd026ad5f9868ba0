package gateway

import (
	"time"

	"github.com/gobwas/ws"

	"github.com/ringfencehq/ringfence/gateway/internal/frame"
)

// lastWords is how long a back end may still answer what a client said before it broke the protocol.
const lastWords = 250 * time.Millisecond

// lingers is how long a closed socket waits for its peer's end of it.
const lingers = time.Second

// start lets both directions run. early is what the client sent behind its handshake, late what the back end sent behind its.
func (s *socket) start() {
	s.running.Store(2)
	s.client.readFor(s.cfg.Timeouts.Ping)
	s.back.readFor(s.cfg.Timeouts.Ping)
	s.gw.aside(func() { s.over(FromClient, s.up.run()) })
	s.gw.aside(func() { s.over(FromBackend, s.down.run()) })
}

// over takes the end of one direction. The first end decides what is said to either side, the second one finishes.
func (s *socket) over(d Direction, e ending) {
	s.mu.Lock()
	first := !s.first
	s.first = true
	s.mu.Unlock()
	if first && e.how != endCut {
		if d == FromClient {
			s.clientEnded(e)
		} else {
			s.backEnded(e)
		}
	}
	if s.running.Add(-1) == 0 {
		s.finish()
	}
}

// clientEnded says to the back end that the client is done, and lets it finish what it has to say where it can be heard.
func (s *socket) clientEnded(e ending) {
	now := time.Now()
	switch e.how {
	case endClosed:
		s.setBits(shutUp)
		s.answerWith(e.body)
		s.back.closeInOrder(e.body, now)
		s.back.readUntil(now.Add(s.cfg.Timeouts.Close))
	case endBroken:
		s.setBits(shutUp)
		s.answerWith(frame.AppendCloseBody(nil, e.code, ""))
		s.back.closeInOrder(frame.AppendCloseBody(nil, ws.StatusGoingAway, ""), now)
		s.back.readUntil(now.Add(lastWords))
	case endGone: // the back end takes nothing any more
		s.backGone()
	default:
		s.setBits(shutBoth)
		if e.how == endSilent {
			s.gw.stats.Cut(CutSilent)
			s.answerWith(frame.AppendCloseBody(nil, ws.StatusPolicyViolation, "no answer"))
		}
		s.back.close(frame.AppendCloseBody(nil, ws.StatusGoingAway, ""), hangUpWithin)
		s.back.readUntil(past)
	}
}

// backEnded says to the client that the back end is done, and waits for the client's close frame.
func (s *socket) backEnded(e ending) {
	s.setBits(shutBoth)
	now := time.Now()
	switch e.how {
	case endClosed:
		s.back.closeInOrder(e.body, now)
		s.client.closeInOrder(e.body, now)
		s.client.readUntil(now.Add(s.cfg.Timeouts.Close))
	case endGone: // the client takes nothing any more
		if s.client.slow() {
			s.gw.stats.Cut(CutSlow)
		}
		s.back.close(frame.AppendCloseBody(nil, ws.StatusGoingAway, ""), hangUpWithin)
		s.client.readUntil(past)
	case endBroken:
		s.back.close(frame.AppendCloseBody(nil, e.code, ""), hangUpWithin)
		s.backGone()
	default:
		s.backGone()
	}
}

// backGone tells the client that there is no back end any more.
func (s *socket) backGone() {
	s.setBits(shutBoth)
	s.gw.stats.BackendFailed()
	now := time.Now()
	s.client.closeInOrder(frame.AppendCloseBody(nil, ws.StatusInternalServerError, ""), now)
	s.client.readUntil(now.Add(s.cfg.Timeouts.Close))
	s.back.readUntil(past)
}

func (s *socket) answerWith(body []byte) {
	s.mu.Lock()
	s.answer = body
	s.mu.Unlock()
}

// finish ends both sides, once both directions have ended.
func (s *socket) finish() {
	s.setBits(shutBoth)
	s.endSession()
	s.gw.live.remove(s)
	_ = s.back.conn.Close()
	s.mu.Lock()
	answer := s.answer
	s.ended = true
	if s.expiry != nil {
		s.expiry.Stop()
	}
	s.mu.Unlock()
	if answer != nil {
		s.client.close(answer, hangUpWithin)
	}
	s.client.linger(lingers)
	s.leave()
}

// leave gives back what the socket took from its accounts.
func (s *socket) leave() {
	for _, a := range s.accounts {
		if a != nil {
			a.close()
		}
	}
	s.gw.sockets.Add(-1)
	s.gw.stats.Sockets(-1)
}
