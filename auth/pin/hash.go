package pin

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"math"
	"runtime"
	"time"

	"golang.org/x/crypto/argon2"
)

// Cost is what one hash takes: argon2id's memory in KiB, passes over it, and threads.
type Cost struct {
	Memory, Passes, Threads int
}

// The bounds of a cost. The least is OWASP's for argon2id; the most keeps a row that somebody wrote from eating the machine.
const (
	leastMemory = 19 << 10
	leastPasses = 2
	mostMemory  = 1 << 20
	mostPasses  = 64
	mostThreads = 16
)

func (c Cost) valid() bool {
	return c.Memory >= leastMemory && c.Memory <= mostMemory && c.Passes >= leastPasses && c.Passes <= mostPasses && c.Threads >= 1 && c.Threads <= mostThreads
}

// MeasureCost finds how many passes over so much memory (KiB; 0: 19 MiB, OWASP's least) take about the target on this machine,
// two at least. It takes some ten times one pass.
func MeasureCost(memory int, target time.Duration) Cost {
	c := Cost{Memory: min(max(memory, leastMemory), mostMemory), Passes: leastPasses, Threads: 1}
	best := time.Duration(math.MaxInt64)
	for range 5 {
		best = min(best, c.time())
	}
	c.Passes = int(min(mostPasses, max(leastPasses, int64(leastPasses)*int64(target)/int64(max(best, time.Microsecond)))))
	return c
}

// time is how long one hash of this cost takes now.
func (c Cost) time() time.Duration {
	began := time.Now()
	c.hash([]byte("a text"), make([]byte, saltBytes))
	return time.Since(began)
}

const (
	saltBytes = 16
	hashBytes = 32
)

func (c Cost) hash(mixed, salt []byte) []byte {
	return argon2.IDKey(mixed, salt, uint32(c.Passes), uint32(c.Memory), uint8(c.Threads), hashBytes)
}

func newSalt() []byte {
	salt := make([]byte, saltBytes)
	rand.Read(salt)
	return salt
}

// equal compares in constant time.
func equal(a, b []byte) bool { return len(a) == hashBytes && subtle.ConstantTimeCompare(a, b) == 1 }

// ErrBusy says that as many hashes as may are being computed, and as many as may are waiting.
var ErrBusy = errors.New("too many logins at once")

// gate lets so many compute at once, and so many wait.
type gate struct {
	room  chan struct{} // who is in, or waits
	slots chan struct{} // who is in
	wait  time.Duration
}

func newGate(slots, waiting int, wait time.Duration) *gate {
	if slots <= 0 {
		slots = runtime.GOMAXPROCS(0)
	}
	return &gate{room: make(chan struct{}, slots+waiting), slots: make(chan struct{}, slots), wait: wait}
}

// enter waits for a slot; leave gives it back.
func (g *gate) enter(ctx context.Context) error {
	select {
	case g.room <- struct{}{}:
	default:
		return ErrBusy
	}
	select {
	case g.slots <- struct{}{}:
		return nil
	default:
	}
	t := time.NewTimer(g.wait)
	defer t.Stop()
	select {
	case g.slots <- struct{}{}:
		return nil
	case <-t.C:
		<-g.room
		return ErrBusy
	case <-ctx.Done():
		<-g.room
		return ctx.Err()
	}
}

func (g *gate) leave() {
	<-g.slots
	<-g.room
}
