package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ringfencehq/ringfence"
)

// CacheOptions say how long and how much CachedMembers keeps. The zero values are good ones.
type CacheOptions struct {
	// TTL is how long a membership is believed without asking again; 30 seconds. It is the longest that a member who was
	// removed gets on where nobody calls Invalidate.
	TTL time.Duration
	// AbsentTTL is how long a non-member is kept as one; 5 seconds.
	AbsentTTL time.Duration
	// Timeout bounds one look-up; 5 seconds.
	Timeout time.Duration
	// Max bounds the number of memberships kept; 65,536. When it is reached the cache begins anew.
	Max int
	// Now is the clock; time.Now.
	Now func() time.Time
}

// CachedMembers keeps what another Members said, for a while. Failures are not kept, and nothing is used beyond its time: a
// membership that cannot be read refuses. Of many who ask for one membership at once, one asks the source. Safe for concurrent
// use.
type CachedMembers struct {
	from Members
	o    CacheOptions

	mu      sync.Mutex
	kept    map[member]membership
	flights map[member]*flight
	tenants map[ringfence.Tenant]map[member]struct{} // members kept, by tenant, for InvalidateTenant
}

type member struct {
	tenant ringfence.Tenant
	user   string
}

type membership struct {
	roles  []string
	absent bool
	until  time.Time
}

// flight is one look-up under way. stale says that an invalidation came in between: its answer is too old to be kept.
type flight struct {
	done  chan struct{}
	roles []string
	err   error
	stale bool
}

// CacheMembers puts a cache before a source.
func CacheMembers(from Members, o CacheOptions) *CachedMembers {
	o.TTL = cmp.Or(o.TTL, 30*time.Second)
	o.AbsentTTL = cmp.Or(o.AbsentTTL, 5*time.Second)
	o.Timeout = cmp.Or(o.Timeout, 5*time.Second)
	o.Max = cmp.Or(o.Max, 65536)
	if o.Now == nil {
		o.Now = time.Now
	}
	return &CachedMembers{from: from, o: o, kept: map[member]membership{}, flights: map[member]*flight{},
		tenants: map[ringfence.Tenant]map[member]struct{}{}}
}

// Member implements Members. The roles are the caller's own copy.
func (c *CachedMembers) Member(ctx context.Context, tenant ringfence.Tenant, user string) ([]string, error) {
	key := member{tenant, user}
	c.mu.Lock()
	if m, ok := c.kept[key]; ok && c.o.Now().Before(m.until) {
		c.mu.Unlock()
		if m.absent {
			return nil, ErrNotMember
		}
		return slices.Clone(m.roles), nil
	}
	f := c.flights[key]
	if f == nil {
		f = &flight{done: make(chan struct{})}
		c.flights[key] = f
		go c.ask(context.WithoutCancel(ctx), key, f)
	}
	c.mu.Unlock()
	select {
	case <-f.done:
		return slices.Clone(f.roles), f.err
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for a membership: %w", ctx.Err())
	}
}

// ask asks the source once, for all who wait. It ends by its own timeout, whoever hangs up.
func (c *CachedMembers) ask(ctx context.Context, key member, f *flight) {
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	began := c.o.Now()
	if f.roles, f.err = c.from.Member(ctx, key.tenant, key.user); f.err != nil {
		f.roles = nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	defer close(f.done)
	if c.flights[key] == f {
		delete(c.flights, key)
	}
	absent := errors.Is(f.err, ErrNotMember)
	if f.stale || (f.err != nil && !absent) {
		return
	}
	ttl := c.o.TTL
	if absent {
		ttl = c.o.AbsentTTL
	}
	c.keep(key, membership{roles: slices.Clone(f.roles), absent: absent, until: began.Add(ttl)})
}

// keep stores one membership; the lock is held.
func (c *CachedMembers) keep(key member, m membership) {
	if len(c.kept) >= c.o.Max {
		clear(c.kept)
		clear(c.tenants)
	}
	c.kept[key] = m
	if c.tenants[key.tenant] == nil {
		c.tenants[key.tenant] = map[member]struct{}{}
	}
	c.tenants[key.tenant][key] = struct{}{}
}

// Invalidate forgets one membership. A look-up that is under way is not kept, and whoever asks from now on asks anew.
func (c *CachedMembers) Invalidate(tenant ringfence.Tenant, user string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(member{tenant, user})
}

// InvalidateTenant forgets all memberships of a tenant.
func (c *CachedMembers) InvalidateTenant(tenant ringfence.Tenant) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key := range c.tenants[tenant] {
		c.forget(key)
	}
	for key := range c.flights {
		if key.tenant == tenant {
			c.forget(key)
		}
	}
}

// InvalidateAll forgets everything: for whoever may have missed an invalidation.
func (c *CachedMembers) InvalidateAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.kept)
	clear(c.tenants)
	for key := range c.flights {
		c.forget(key)
	}
}

func (c *CachedMembers) forget(key member) {
	delete(c.kept, key)
	delete(c.tenants[key.tenant], key)
	if len(c.tenants[key.tenant]) == 0 {
		delete(c.tenants, key.tenant)
	}
	if f := c.flights[key]; f != nil {
		f.stale = true
		delete(c.flights, key)
	}
}
