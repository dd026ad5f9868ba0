package revocation

import (
	"sync"
	"time"

	ringfence "github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/gateway"
)

// held is what is revoked at present, by what it is held against. Safe for concurrent use.
type held struct {
	skew time.Duration
	mu   sync.RWMutex
	all  map[grip]mark
}

// grip is one thing that an identity stands on.
type grip struct {
	kind   gateway.RevocationKind
	tenant ringfence.Tenant
	text   string
}

// mark is until when, and against tokens of when, a revocation is held. Where the bus told of it, and the table has not yet,
// it was heard at that time; else heard is zero.
type mark struct {
	at, ends, heard time.Time
}

func gripOf(r gateway.Revocation) grip {
	switch r.Kind {
	case gateway.RevokeMember:
		return grip{r.Kind, r.Tenant, r.User}
	case gateway.RevokeTenant:
		return grip{r.Kind, r.Tenant, ""}
	}
	return grip{kind: r.Kind, text: r.ID}
}

// put holds a revocation, and reports whether that is news: what was held for as long and as late already is none.
func (h *held) put(g grip, m mark) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	was, there := h.all[g]
	if !there {
		h.all[g] = m
		return true
	}
	next := was
	if m.at.After(was.at) {
		next.at = m.at
	}
	if m.ends.IsZero() || !was.ends.IsZero() && m.ends.After(was.ends) {
		next.ends = m.ends
	}
	if m.heard.IsZero() {
		next.heard = time.Time{}
	}
	h.all[g] = next
	return next.at != was.at
}

// settle forgets what has ended, and what the bus told of before a time without the table saying the same.
func (h *held) settle(now, heardBefore time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for g, m := range h.all {
		if !m.ends.IsZero() && m.ends.Before(now) || !m.heard.IsZero() && m.heard.Before(heardBefore) {
			delete(h.all, g)
		}
	}
}

// revoked reports whether an identity stands on something that is revoked. A token and a session are revoked for good; a
// member and a tenant with all tokens that were issued by then, or that do not say when.
func (h *held) revoked(id ringfence.Identity) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if len(h.all) == 0 {
		return false
	}
	if _, gone := h.all[grip{kind: gateway.RevokeToken, text: id.Token}]; gone && id.Token != "" {
		return true
	}
	if _, gone := h.all[grip{kind: gateway.RevokeSession, text: id.Session}]; gone && id.Session != "" {
		return true
	}
	for _, g := range []grip{{gateway.RevokeMember, id.Tenant, id.User}, {gateway.RevokeTenant, id.Tenant, ""}} {
		if m, gone := h.all[g]; gone && !id.Issued.After(m.at.Add(h.skew)) {
			return true
		}
	}
	return false
}

func (h *held) len() int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.all)
}
