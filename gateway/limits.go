package gateway

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// window is how much of a rate may come at once, and one unit at least.
const window = 3 * time.Second

// price is how long one unit of a rate takes to be earned, in nanoseconds; 0 where the rate is no limit.
type price float64

func priceOf(rate float64) price {
	if rate <= 0 {
		return 0
	}
	return price(1e9 / rate)
}

// dearest is what one take costs at most, 73 years: sums of it and of the time fit.
const dearest = 1 << 61

func (p price) of(n int) int64 { return int64(min(float64(n)*float64(p), dearest)) }

// meter is a rate limit that is one word: the time at which all that was taken will have been earned. The zero value is full.
// Safe for concurrent use.
type meter struct{ earned atomic.Int64 }

// take takes what costs so many nanoseconds at the time now, and reports whether it could be had.
func (m *meter) take(now, cost int64) bool {
	if cost == 0 {
		return true
	}
	room := max(int64(window), cost)
	for {
		was := m.earned.Load()
		next := max(was, now) + cost
		if next-now > room {
			return false
		}
		if m.earned.CompareAndSwap(was, next) {
			return true
		}
	}
}

// full reports whether all that was taken has been earned.
func (m *meter) full(now int64) bool { return m.earned.Load() <= now }

// allowance is a Usage made ready, so that nothing is divided for a message.
type allowance struct {
	sockets                   int64 // 0: no limit
	handshake, message, octet price
}

// account is what one tenant, user or address uses at present.
type account struct {
	may        *atomic.Pointer[allowance]
	sockets    atomic.Int64
	handshakes meter
	messages   meter
	bytes      meter
	used       atomic.Int64 // when it was last asked for, in nanoseconds
}

// message takes one message of n bytes.
func (a *account) message(now int64, n int) bool {
	may := a.may.Load()
	return a.messages.take(now, may.message.of(1)) && a.bytes.take(now, may.octet.of(n))
}

// open takes a socket, and reports whether one was left; close gives it back.
func (a *account) open() bool {
	may := a.may.Load()
	if n := a.sockets.Add(1); may.sockets > 0 && n > may.sockets {
		a.sockets.Add(-1)
		return false
	}
	return true
}

func (a *account) close() { a.sockets.Add(-1) }

// shake takes one handshake or plain request.
func (a *account) shake(now int64) bool {
	return a.handshakes.take(now, a.may.Load().handshake.of(1))
}

// idle reports whether nothing of the account is in use, and nobody is about to: it can be forgotten.
func (a *account) idle(now int64) bool {
	return a.sockets.Load() == 0 && now-a.used.Load() > int64(forgetAfter) && a.handshakes.full(now) && a.messages.full(now) && a.bytes.full(now)
}

// accounts are the accounts of all that share a Usage, by key. One that is idle is forgotten.
type accounts[K comparable] struct {
	may   atomic.Pointer[allowance]
	mu    sync.Mutex
	all   map[K]*account
	swept int64
}

// forgetAfter is how often idle accounts are looked for, and longer than who asked for one takes to use it.
const forgetAfter = 2 * window

// limit has all accounts go by another usage from now on.
func (as *accounts[K]) limit(u Usage) {
	as.may.Store(&allowance{int64(u.Sockets), priceOf(u.Handshakes), priceOf(u.Messages), priceOf(float64(u.Bytes))})
}

func (as *accounts[K]) get(k K, now int64) *account {
	as.mu.Lock()
	defer as.mu.Unlock()
	if now-as.swept > int64(forgetAfter) {
		as.sweep(now)
	}
	a := as.all[k]
	if a == nil {
		if as.all == nil {
			as.all = map[K]*account{}
		}
		a = &account{may: &as.may}
		as.all[k] = a
	}
	a.used.Store(now)
	return a
}

func (as *accounts[K]) sweep(now int64) {
	as.swept = now
	for k, a := range as.all {
		if a.idle(now) {
			delete(as.all, k)
		}
	}
}

// network is whom an address stands for: an IPv4 address, an IPv6 /64.
func network(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}
