package gateway

import (
	"maps"
	"slices"
	"sync"
	"time"

	ringfence "github.com/ringfencehq/ringfence"
)

// opening is longer than a socket takes from the question who it is to its life: for so long a revocation is held against those that
// were being let in when it came. Later ones are told by the Authorizer.
func (c *Config) opening() time.Duration {
	return time.Minute + c.Timeouts.Authorize + c.Timeouts.Handshake + c.Timeouts.Write
}

// registry are the live sockets, by what can be revoked under them. Safe for concurrent use.
type registry struct {
	mu     sync.Mutex
	all    map[*socket]struct{}
	by     map[grip]crowd
	recent []received
}

// grip is one thing that a socket stands on.
type grip struct {
	kind   RevocationKind
	tenant ringfence.Tenant
	text   string // user or id
}

// crowd are the sockets of one grip. Most grips have one socket, and a map costs many times its pointer.
type crowd struct {
	one  *socket
	more map[*socket]struct{} // nil: one, if there is one, is all
}

func (c crowd) with(s *socket) crowd {
	if c.more == nil && (c.one == nil || c.one == s) {
		return crowd{one: s}
	}
	if c.more == nil {
		c = crowd{more: map[*socket]struct{}{c.one: {}}}
	}
	c.more[s] = struct{}{}
	return c
}

func (c crowd) without(s *socket) crowd {
	delete(c.more, s)
	if c.one == s || c.more != nil && len(c.more) == 0 {
		return crowd{}
	}
	return c
}

func (c crowd) empty() bool { return c.one == nil && c.more == nil }

func (c crowd) list() []*socket {
	if c.one != nil {
		return []*socket{c.one}
	}
	return slices.Collect(maps.Keys(c.more))
}

type received struct {
	grip grip
	at   time.Time
}

func newRegistry() *registry {
	return &registry{all: map[*socket]struct{}{}, by: map[grip]crowd{}}
}

// grips are what a revocation of it cuts a socket of id.
func grips(id ringfence.Identity) []grip {
	all := []grip{
		{kind: RevokeTenant, tenant: id.Tenant},
		{kind: RevokeMember, tenant: id.Tenant, text: id.User},
	}
	if id.Token != "" {
		all = append(all, grip{kind: RevokeToken, text: id.Token})
	}
	if id.Session != "" {
		all = append(all, grip{kind: RevokeSession, text: id.Session})
	}
	return all
}

func (r Revocation) grip() grip {
	switch r.Kind {
	case RevokeTenant:
		return grip{kind: RevokeTenant, tenant: r.Tenant}
	case RevokeMember:
		return grip{kind: RevokeMember, tenant: r.Tenant, text: r.User}
	}
	return grip{kind: r.Kind, text: r.ID}
}

// add lets a socket live, unless what it stands on was revoked while it was being authorized.
func (g *registry) add(s *socket) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	id := s.who.Load().id
	if g.revoked(grips(id), s.began) {
		return false
	}
	g.all[s] = struct{}{}
	for _, k := range grips(id) {
		g.put(k, s)
	}
	return true
}

// revoked reports whether one of grips was revoked since a time; mu is held.
func (g *registry) revoked(grips []grip, since time.Time) bool {
	for _, r := range g.recent {
		for _, k := range grips {
			if r.grip == k && !r.at.Before(since) {
				return true
			}
		}
	}
	return false
}

func (g *registry) put(k grip, s *socket) {
	g.by[k] = g.by[k].with(s)
}

func (g *registry) take(k grip, s *socket) {
	if left := g.by[k].without(s); left.empty() {
		delete(g.by, k)
	} else {
		g.by[k] = left
	}
}

// hold lets a socket be cut by a session of the back end.
func (g *registry) hold(s *socket, session string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, live := g.all[s]; !live {
		return
	}
	for _, old := range s.held {
		g.take(grip{kind: RevokeSession, text: old}, s)
	}
	s.held = []string{session}
	g.put(grip{kind: RevokeSession, text: session}, s)
}

// renew puts the identity of a new token in the place of the old one's. Where it was revoked meanwhile, the socket is cut.
func (g *registry) renew(s *socket, id ringfence.Identity, began time.Time) {
	g.mu.Lock()
	late := g.revoked(grips(id), began)
	for _, k := range grips(s.who.Load().id) {
		g.take(k, s)
	}
	s.who.Store(newHolder(id, s.kind))
	if _, live := g.all[s]; live {
		for _, k := range grips(id) {
			g.put(k, s)
		}
	}
	g.mu.Unlock()
	if late {
		s.cut(ringfence.TokenRevoked, CutRevoked)
	}
}

func (g *registry) remove(s *socket) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.all, s)
	for _, k := range grips(s.who.Load().id) {
		g.take(k, s)
	}
	for _, session := range s.held {
		g.take(grip{kind: RevokeSession, text: session}, s)
	}
}

// revoke returns the sockets that a revocation cuts, and holds it for a while against those that are being let in.
func (g *registry) revoke(k grip, now time.Time, hold time.Duration) []*socket {
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.recent) > 0 && now.Sub(g.recent[0].at) > hold {
		g.recent = g.recent[1:]
	}
	g.recent = append(g.recent, received{grip: k, at: now})
	return g.by[k].list()
}

// sockets returns all that are live.
func (g *registry) sockets() []*socket {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Collect(maps.Keys(g.all))
}
