package gateway

import (
	"math"
	"testing"
	"time"
)

// usable are accounts under a usage.
func usable(u Usage) *accounts[string] {
	as := &accounts[string]{}
	as.limit(u)
	return as
}

// Who used more than a window's worth has to wait for it also where nobody asks meanwhile: leaving and coming back is no new account.
func TestAccountsAreKeptUntilTheyAreFull(t *testing.T) {
	now := time.Now().UnixNano()
	for name, c := range map[string]struct {
		usage Usage
		take  func(*account, int64) bool
		owed  time.Duration // by one that was taken
	}{
		"a large message": {Usage{Bytes: 1 << 10}, func(a *account, now int64) bool { return a.message(now, 64<<10) }, 64 * time.Second},
		"a slow rate":     {Usage{Handshakes: 0.1}, func(a *account, now int64) bool { return a.shake(now) }, 10 * time.Second},
	} {
		as := usable(c.usage)
		if !c.take(as.get("a", now), now) {
			t.Fatalf("%s: the first one is refused", name)
		}
		early := now + int64(c.owed-time.Second)
		as.get("b", early) // a sweep
		if c.take(as.get("a", early), early) {
			t.Errorf("%s: it is had again a second too early", name)
		}
		late := now + int64(c.owed+2*forgetAfter)
		as.get("b", late)
		if len(as.all) != 1 {
			t.Errorf("%s: %d accounts are kept once they are full again", name, len(as.all))
		}
		if !c.take(as.get("a", late), late) {
			t.Errorf("%s: it is refused once it was earned", name)
		}
	}
}

// However slow a rate is, it is one, and one unit may come.
func TestSlowestRates(t *testing.T) {
	for _, rate := range []float64{1, 1e-3, 1e-10, 1e-300, math.SmallestNonzeroFloat64} {
		now := time.Now().UnixNano()
		a := usable(Usage{Handshakes: rate, Messages: rate}).get("a", now)
		got := 0
		for range 10 {
			if a.shake(now) {
				got++
			}
			if a.message(now, 1) {
				got++
			}
		}
		if want := max(2, int(6*rate)); got != want {
			t.Errorf("%g a second lets %d through, want %d", rate, got, want)
		}
	}
	a := usable(Usage{}).get("a", 0)
	for range 100 {
		if !a.shake(0) || !a.message(0, math.MaxInt32) {
			t.Fatal("no limit is one")
		}
	}
}
