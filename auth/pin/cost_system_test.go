//go:build system

package pin

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// Answers to refused tries come after the same time, whatever was wrong. The classes are tried in turn, so that what else the
// machine does falls on all of them, and medians are compared: none may be a quarter of a hash away from another. That the
// statistic sees a hash is shown by tries that are throttled before one, which must stand out by it.
func TestSystemRefusalsTakeTheSameTime(t *testing.T) {
	r := newRig(t, func(o *Options) {
		o.Cost = MeasureCost(0, 50*time.Millisecond)
		o.Limits = Limits{Tries: 10, Failures: 1 << 30, Network: 1 << 20, Device: 1 << 20, User: 1 << 20, Tenant: 1 << 20}
	})
	tries := r.refusals(t)
	if err := r.Operator().Lock(t.Context(), r.tenant, "anna"); err != nil {
		t.Fatal(err)
	}
	const rounds = 25
	took := map[string][]time.Duration{}
	for range rounds {
		r.db.Exec(t, "UPDATE ringfence.user_pins SET attempts = 0, locked_until = NULL, locked_by = NULL WHERE user_id = 'ben'")
		for name, try := range tries {
			try.From = from("192.0.2.1")
			began := time.Now()
			if _, err := r.Login(t.Context(), try); !errors.Is(err, ErrRefused) {
				t.Fatalf("%s: %v", name, err)
			}
			took[name] = append(took[name], time.Since(began))
		}
		most := r.o.Limits
		r.o.Limits.Network = 0
		began := time.Now()
		_, err := r.Login(t.Context(), Try{Device: r.device, User: "ben", PIN: wrong, From: from("192.0.2.1")})
		r.o.Limits = most
		var throttled *ThrottledError
		if !errors.As(err, &throttled) {
			t.Fatal(err)
		}
		took["throttled"] = append(took["throttled"], time.Since(began))
	}
	hash := r.floor / 2
	medians := map[string]time.Duration{}
	var low, high time.Duration
	for name, all := range took {
		slices.Sort(all)
		m := all[len(all)/2]
		medians[name] = m
		if name == "throttled" {
			continue
		}
		if low == 0 || m < low {
			low = m
		}
		high = max(high, m)
	}
	t.Logf("a hash takes %s, medians %v", hash, medians)
	if high-low > hash/4 {
		t.Errorf("medians differ by %s", high-low)
	}
	if low-medians["throttled"] < hash/2 {
		t.Errorf("the statistic does not see a hash: %s against %s", medians["throttled"], low)
	}
}
