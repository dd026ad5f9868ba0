package pin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/auth"
)

// Options of a Service. DB, Peppers, Issuer, Members and Recorder are needed; the zero values of the rest are good ones.
type Options struct {
	DB      DB       // as the login's role
	Peppers *Peppers // kept outside the database
	Issuer  *auth.Issuer
	// Members tells whether the user is a member of the device's tenant, and in which roles. It is asked at a login and at
	// every refresh.
	Members  auth.Members
	Recorder ringfence.Recorder
	// ParseTenant makes the tenant; ringfence.ParseTenant, for UUID keys.
	ParseTenant func(string) (ringfence.Tenant, error)
	// Revoker has sessions that end here cut where they are open; nil: they end with their access token.
	Revoker Revoker
	// Cost of new hashes; measured at the start where it is zero: 19 MiB and as many passes as take 50 ms.
	Cost Cost
	// Hashes are how many are computed at once (GOMAXPROCS), Waiting how many may wait for that (64), Wait how long (5 s).
	Hashes, Waiting int
	Wait            time.Duration
	Limits          Limits
	// SessionLife is how long a session can be refreshed after its login; 12 hours, a long shift.
	SessionLife time.Duration
	// Timeout bounds each call of the database; 5 seconds.
	Timeout time.Duration
	Stats   Stats        // nil: nothing is counted
	Log     *slog.Logger // nil: nothing is logged
}

// Limits are how many tries are compared, and of whom. The zero values are the reference's.
type Limits struct {
	Tries    int           // wrong ones in a row that lock a user; 5
	Lock     time.Duration // for how long; 15 minutes
	Failures int           // without a right one between them, after which only an operator unlocks; 100, as NIST SP 800-63B has it
	Window   time.Duration // in which the budgets below are counted; 15 minutes
	Network  int           // wrong tries of an IPv4 /24 or an IPv6 /64, from devices and without; 100
	Device   int           // 30
	User     int           // whether there is such a user or not; 15
	Tenant   int           // from enrolled devices; 300
}

// Revocation is a session that ended, for whoever holds sockets open for it.
type Revocation struct {
	Tenant  ringfence.Tenant
	User    string
	Session string
}

// Revoker makes a revocation known to every gateway. It returns when it is on record, so that no message of the session passes
// later than the gateways' own bound.
type Revoker interface {
	Revoke(ctx context.Context, r Revocation) error
}

// An Outcome is how a try ended, for counting.
type Outcome string

// The outcomes.
const (
	Accepted  Outcome = "accepted"
	Wrong     Outcome = "wrong"     // PIN, user, device or tenant
	Locked    Outcome = "locked"    // a try while locked, or the one that locked
	Throttled Outcome = "throttled" // a budget has no try left
	Busy      Outcome = "busy"      // too many hashes at once
	Uncounted Outcome = "uncounted" // the database could not count it, so that it was not compared
)

// Outcomes are all outcomes.
var Outcomes = []Outcome{Accepted, Wrong, Locked, Throttled, Busy, Uncounted}

// Stats counts. Implementations are safe for concurrent use and fast.
type Stats interface {
	Tried(Outcome)
	Hashed(time.Duration) // what one hash took
	Unrecorded(ringfence.EventType)
}

type noStats struct{}

func (noStats) Tried(Outcome)                  {}
func (noStats) Hashed(time.Duration)           {}
func (noStats) Unrecorded(ringfence.EventType) {}

func (o Options) validate() error {
	switch {
	case o.DB == nil || o.Peppers == nil || o.Issuer == nil || o.Members == nil || o.Recorder == nil:
		return errors.New("checking the login's options: a database, peppers, an issuer, members and a recorder are needed")
	case o.Cost != (Cost{}) && !o.Cost.valid():
		return fmt.Errorf("checking the login's options: a hash takes %d MiB and %d passes at least", leastMemory>>10, leastPasses)
	case o.Limits.Tries < 0 || o.Limits.Tries > 10:
		return errors.New("checking the login's options: a PIN stands ten tries at most")
	}
	return nil
}

func (o Options) withDefaults() Options {
	if o.ParseTenant == nil {
		o.ParseTenant = ringfence.ParseTenant
	}
	if o.Cost == (Cost{}) {
		o.Cost = MeasureCost(0, 50*time.Millisecond)
	}
	if o.Stats == nil {
		o.Stats = noStats{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Waiting = cmp.Or(o.Waiting, 64)
	o.Wait, o.Timeout, o.SessionLife = cmp.Or(o.Wait, 5*time.Second), cmp.Or(o.Timeout, 5*time.Second), cmp.Or(o.SessionLife, 12*time.Hour)
	l := &o.Limits
	l.Tries, l.Lock, l.Failures, l.Window = cmp.Or(l.Tries, 5), cmp.Or(l.Lock, 15*time.Minute), cmp.Or(l.Failures, 100), cmp.Or(l.Window, 15*time.Minute)
	l.Network, l.Device, l.User, l.Tenant = cmp.Or(l.Network, 100), cmp.Or(l.Device, 30), cmp.Or(l.User, 15), cmp.Or(l.Tenant, 300)
	return o
}
