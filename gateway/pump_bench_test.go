package gateway

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	ringfence "github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/gateway/internal/frame"
)

// wireless is a connection without a kernel behind it: it gives the same burst again and again, and takes everything.
type wireless struct {
	net.Conn
	burst []byte
	rest  []byte // of the burst that is being read
	left  int    // bursts to come

	last  time.Time
	least time.Duration // from one write to the next: what a burst takes where nothing else runs meanwhile
}

func (w *wireless) Read(b []byte) (int, error) {
	if len(w.rest) == 0 {
		if w.left == 0 {
			return 0, io.EOF
		}
		w.left--
		w.rest = w.burst
	}
	n := copy(b, w.rest)
	w.rest = w.rest[n:]
	return n, nil
}

func (w *wireless) Write(b []byte) (int, error) {
	now := time.Now()
	w.least = min(w.least, now.Sub(w.last))
	w.last = now
	return len(b), nil
}

func (*wireless) SetWriteDeadline(time.Time) error { return nil }
func (*wireless) SetReadDeadline(time.Time) error  { return nil }

// BenchmarkPump is what the gateway's own work takes of a message in a burst of 16, in each direction, without the kernel's: where all
// are alike, and where each has an id and a time of its own at its begin.
func BenchmarkPump(b *testing.B) {
	var numbered [][]byte
	for i := range 16 {
		numbered = append(numbered, masked(0x81, fmt.Sprintf(`{"type":"audio","event_id":"event_%04d","timestamp":%d,"restaurant_id":"%s","audio":"AAAA"}`, i*7919%10000, 1764590000+577*i, mine)))
	}
	for name, burst := range map[string][][]byte{
		"alike_100": slices.Repeat([][]byte{message(100)}, 16), "alike_1024": slices.Repeat([][]byte{message(1 << 10)}, 16), "numbered_150": numbered,
	} {
		for _, d := range []Direction{FromClient, FromBackend} {
			b.Run(fmt.Sprintf("%s_%s", d, name), func(b *testing.B) {
				b.ReportAllocs()
				least := pumpAlone(b, d, burst, b.N/16+1)
				b.ReportMetric(float64(least.Nanoseconds())/16, "least-ns")
			})
		}
	}
}

// pumpAlone has one direction pass on a burst of a client's messages so many times, judged, and returns the least that it took.
func pumpAlone(b *testing.B, d Direction, burst [][]byte, times int) time.Duration {
	c := &Config{Backend: Backend{URL: "ws://b"}, Protocol: Protocol{Tenant: []string{"restaurant_id"},
		Client: map[string]Message{"audio": {}}, Server: map[string]Message{"audio": {}}}}
	if err := c.Check(noEnv); err != nil {
		b.Fatal(err)
	}
	g, err := New(Options{Config: c, Authorizer: &fakeAuthorizer{}, Recorder: &fakeRecorder{}})
	if err != nil {
		b.Fatal(err)
	}
	tenant, _ := ringfence.ParseTenant(mine)
	s := (&visit{g: g, st: g.now.Load()}).newSocket()
	s.who.Store(newHolder(ringfence.Identity{Tenant: tenant, User: "anna", Expires: time.Now().Add(time.Hour)}, s.kind))
	p, wire := &s.up, &wireless{burst: bytes.Join(burst, nil)}
	if d == FromBackend {
		p, wire.burst = &s.down, nil
		for _, one := range burst {
			wire.burst = append(wire.burst, bare(one)...)
		}
	}
	wire.left, wire.last, wire.least = times, time.Now(), time.Hour
	s.client.conn, s.back.conn = wire, wire
	b.ResetTimer()
	if end := p.run(); end.how != endLost {
		b.Fatal(end)
	}
	return wire.least
}

// bare is a client's frame as a server sends it.
func bare(b []byte) []byte {
	p := frame.NewParser(frame.FromClient, 1<<20)
	var f frame.Frame
	_, _ = p.Next(bytes.Clone(b), &f)
	return frame.Append(nil, f.OpCode, f.Payload, frame.FromServer)
}

// message is a text message of n bytes that names its tenant, as a client sends it.
func message(n int) []byte {
	head, foot := `{"type":"audio","restaurant_id":"`+mine+`","audio":"`, `"}`
	return masked(0x81, head+strings.Repeat("A", max(0, n-len(head)-len(foot)))+foot)
}
