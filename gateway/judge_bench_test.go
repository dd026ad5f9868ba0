package gateway

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	ringfence "github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/gateway/internal/scan"
)

// checked is a message with a socket that it is judged for, in a live session and with every limit on.
type checked struct {
	s       *socket
	sc      *scan.Scanner
	message []byte
}

func newChecked(t testing.TB, preset, message string) checked {
	t.Helper()
	c := &Config{Backend: Backend{URL: "ws://b"}, Protocol: Protocol{Preset: preset}}
	c.Limits.Tenant, c.Limits.User, c.Limits.Address = Usage{Messages: 1e6}, Usage{Messages: 1e6, Bytes: 1 << 40}, Usage{Messages: 1e6}
	if err := c.Check(noEnv); err != nil {
		t.Fatal(err)
	}
	g, err := New(Options{Config: c, Authorizer: &fakeAuthorizer{}, Recorder: &fakeRecorder{}})
	if err != nil {
		t.Fatal(err)
	}
	tenant, err := ringfence.ParseTenant(mine)
	if err != nil {
		t.Fatal(err)
	}
	st := g.now.Load()
	s := &socket{gw: g, cfg: c, rules: st.rules, kind: c.Tenant.Kind}
	s.who.Store(newHolder(ringfence.Identity{Tenant: tenant, User: "anna", Expires: time.Now().Add(time.Hour)}, s.kind))
	begun, err := g.sessions.begin("s-1", s.who.Load().owner())
	if err != nil {
		t.Fatal(err)
	}
	s.session.Store(begun)
	now := time.Now().UnixNano()
	s.accounts = [3]*account{g.tenants.get(tenant, now), g.users.get(begun.owner, now), g.nets.get(network(netip.MustParseAddr("203.0.113.9")), now)}
	return checked{s: s, sc: scan.NewScanner(&st.rules.names, 0), message: []byte(message)}
}

func (c checked) judge(now time.Time) *fault {
	return c.s.judge(FromClient, c.sc, ws.OpText, c.message, false, now)
}

// What the figures are of: a message of 100 bytes that names its tenant, and 4 KiB of audio.
func judgedMessages(t testing.TB) map[string]checked {
	small := `{"type":"audio","restaurant_id":"` + mine + `","audio":"AAAAAAAAAAAAAAAA"}`
	large := `{"type":"input_audio_buffer.append","event_id":"event_1234","audio":"` + strings.Repeat("QUJD", 1024) + `"}`
	return map[string]checked{"100 B": newChecked(t, "voice", small), "4 KiB": newChecked(t, "openai-realtime", large)}
}

// BenchmarkCheck is the full check of a message: token's validity, limits of tenant, user and address, the strict scan, the
// tenant's parse and comparison, the rule, the session's look-up in the store.
func BenchmarkCheck(b *testing.B) {
	for name, c := range judgedMessages(b) {
		now := time.Now() // goes on from one run to the next, as the accounts do
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			id := c.s.who.Load().id
			id.Expires = now.Add(1e6 * time.Hour)
			c.s.who.Store(newHolder(id, c.s.kind))
			for b.Loop() {
				now = now.Add(2 * time.Microsecond) // no faster than the limits allow
				if f := c.judge(now); f != nil {
					b.Fatal(f)
				}
			}
			var v struct {
				Type   string `json:"type"`
				Tenant string `json:"restaurant_id"`
			}
			// The quickest of many rounds: what the check takes where nothing else runs at that moment.
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(quickest(func() {
				now = now.Add(2 * time.Microsecond)
				c.judge(now)
			}).Nanoseconds()), "check-ns")
			b.ReportMetric(float64(quickest(func() { _ = json.Unmarshal(c.message, &v) }).Nanoseconds()), "encoding/json-ns")
		})
	}
}

// The check allocates nothing, whatever the message's size. What it costs is BenchmarkJudge's to say: no bound on a time, nor
// on a ratio of two, holds on every processor.
func TestCheckAllocatesNothing(t *testing.T) {
	for name, c := range judgedMessages(t) {
		now := time.Now()
		if allocs := testing.AllocsPerRun(1000, func() {
			now = now.Add(2 * time.Microsecond)
			if f := c.judge(now); f != nil {
				t.Fatal(f)
			}
		}); allocs != 0 {
			t.Errorf("%s: %v allocations", name, allocs)
		}
	}
}

// quickest is the least time of a call, over many rounds of some.
func quickest(f func()) time.Duration {
	least := time.Hour
	for range 200 {
		begin := time.Now()
		for range 50 {
			f()
		}
		least = min(least, time.Since(begin)/50)
	}
	return least
}
