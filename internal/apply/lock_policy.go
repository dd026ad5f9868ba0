package apply

import (
	"math/rand/v2"
	"slices"
	"time"
)

// pauseFactor is how many lock timeouts are slept between two tries: while a try waits, the table's other users queue
// behind it, so most of the time must be theirs.
const pauseFactor = 10

// A lockClock decides when a step may try for its lock and for how long, from what was seen of the transactions on the
// table. It holds no connection and reads no clock but through its arguments.
type lockClock struct {
	policy   LockPolicy
	deadlock time.Duration // the server's deadlock_timeout
	ages     []time.Duration
	tries    int
	began    time.Time
}

// see remembers the ages of transactions on the table.
func (c *lockClock) see(blockers []Blocker) {
	for _, b := range blockers {
		if age, known := b.Age(); known && age < c.policy.Max {
			c.ages = append(c.ages, age)
		}
	}
	if extra := len(c.ages) - 1000; extra > 0 {
		c.ages = c.ages[extra:]
	}
}

// timeout is the lock_timeout of the next try: twice the 95th percentile of the transactions seen, within the bounds.
func (c *lockClock) timeout() time.Duration {
	most := min(c.policy.Max, c.deadlock*8/10)
	if len(c.ages) == 0 {
		return min(c.policy.Min, most)
	}
	sorted := slices.Sorted(slices.Values(c.ages))
	p95 := sorted[(len(sorted)*95+99)/100-1]
	return min(max(2*p95, c.policy.Min), most)
}

// A turn is what to do next about a lock.
type turn struct {
	try     bool
	timeout time.Duration // of the try
	why     string        // it is not tried
}

// next decides from who holds a conflicting lock now. Trying against a transaction that will not end in time would only
// make everybody queue behind us.
func (c *lockClock) next(held []Blocker) turn {
	c.see(held)
	timeout := c.timeout()
	if len(held) == 0 {
		return turn{try: true, timeout: timeout}
	}
	if !slices.ContainsFunc(held, func(b Blocker) bool { return !b.autovacuum() }) {
		return turn{try: true, timeout: c.deadlock * 13 / 10} // the server cancels the autovacuum at 1.0
	}
	for _, b := range held {
		if b.Wraparound {
			return turn{why: "an autovacuum against wraparound holds the lock, and is not to be cancelled"}
		}
		if b.Prepared != "" {
			return turn{why: "a prepared transaction holds the lock"}
		}
		if age, known := b.Age(); known && age > timeout {
			return turn{why: "a transaction older than the lock timeout holds the lock"}
		}
	}
	return turn{try: true, timeout: timeout}
}

// spent says why there is no further try; "" while there may be one.
func (c *lockClock) spent(now time.Time) string {
	switch {
	case c.tries >= c.policy.Tries:
		return "no lock within the number of tries allowed"
	case now.Sub(c.began) >= c.policy.Budget:
		return "no lock within the time allowed"
	}
	return ""
}

// rest is how long to sleep before the next look, never beyond the budget's end.
func (c *lockClock) rest(now time.Time) time.Duration {
	base := pauseFactor * c.timeout()
	d := base + rand.N(base/2+1)
	return max(min(d, c.policy.Budget-now.Sub(c.began)), time.Millisecond)
}
