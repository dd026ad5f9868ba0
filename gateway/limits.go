package gateway

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// window is how much of a rate may come at once.
const window = 3 * time.Second

// meter is a rate limit that is one word: the time at which all that was taken will have been earned. The zero value is full.
// Safe for concurrent use.
type meter struct{ earned atomic.Int64 }

// take takes n units of a rate a second at the time now, and reports whether they could be had; most is how much may come at
// once, in units. A rate of 0 is no limit.
func (m *meter) take(now int64, n, rate, most float64) bool {
	if rate <= 0 {
		return true
	}
	cost, room := int64(n*1e9/rate), int64(max(most, n)*1e9/rate)
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

// account is what one tenant, user or address uses at present.
type account struct {
	usage      *atomic.Pointer[Usage]
	sockets    atomic.Int64
	handshakes meter
	messages   meter
	bytes      meter
	used       atomic.Int64 // when it was last asked for, in nanoseconds
}

// message takes one message of n bytes.
func (a *account) message(now int64, n int) bool {
	u := a.usage.Load()
	return a.messages.take(now, 1, u.Messages, u.Messages*window.Seconds()) &&
		a.bytes.take(now, float64(n), float64(u.Bytes), float64(u.Bytes)*window.Seconds())
}

// open takes a socket, and reports whether one was left; close gives it back.
func (a *account) open() bool {
	u := a.usage.Load()
	if n := a.sockets.Add(1); u.Sockets > 0 && n > int64(u.Sockets) {
		a.sockets.Add(-1)
		return false
	}
	return true
}

func (a *account) close() { a.sockets.Add(-1) }

// shake takes one handshake or plain request.
func (a *account) shake(now int64) bool {
	u := a.usage.Load()
	return a.handshakes.take(now, 1, u.Handshakes, max(1, u.Handshakes*window.Seconds()))
}

// accounts are the accounts of all that share a Usage, by key. An account without sockets that nobody asked for in a while is
// forgotten: by then its meters are full again.
type accounts[K comparable] struct {
	usage atomic.Pointer[Usage]
	mu    sync.Mutex
	all   map[K]*account
	swept int64
}

const forgetAfter = 2 * window

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
		a = &account{usage: &as.usage}
		as.all[k] = a
	}
	a.used.Store(now)
	return a
}

func (as *accounts[K]) sweep(now int64) {
	as.swept = now
	for k, a := range as.all {
		if a.sockets.Load() == 0 && now-a.used.Load() > int64(forgetAfter) {
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
