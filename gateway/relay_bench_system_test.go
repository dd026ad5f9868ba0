//go:build system

package gateway

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	coder "github.com/coder/websocket"
	"github.com/gobwas/ws"
	"github.com/gorilla/websocket"

	"github.com/ringfencehq/ringfence/gateway/internal/frame"
	"github.com/ringfencehq/ringfence/internal/nettest"
)

// A way is one road from a client to the echo: its name in the figures, and the address that it is entered by.
type way struct{ name, address string }

// echoBursts is a back end that answers all whole frames of a read with one write, so that it is in nobody's way.
func echoBursts(b testing.TB) string {
	return nettest.Serve(b, func(conn net.Conn) {
		if _, err := ws.Upgrade(conn); err != nil {
			return
		}
		parser := frame.NewParser(frame.FromClient, 1<<20)
		var f frame.Frame
		buf, out := make([]byte, 0, 256<<10), []byte(nil)
		for {
			n, err := conn.Read(buf[len(buf):cap(buf)])
			if err != nil {
				return
			}
			buf, out = buf[:len(buf)+n], out[:0]
			rest := buf
			for len(rest) > 0 {
				took, err := parser.Next(rest, &f)
				if err != nil {
					return
				}
				if took == 0 {
					break
				}
				rest = rest[took:]
				if f.OpCode == ws.OpClose {
					return
				}
				out = frame.Append(out, f.OpCode, f.Payload, frame.FromServer)
			}
			buf = buf[:copy(buf, rest)]
			if _, err := conn.Write(out); err != nil {
				return
			}
		}
	})
}

// serveHTTP serves a handler until the test's end, and returns the address.
func serveHTTP(b testing.TB, h http.Handler) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := &http.Server{Handler: h}
	go func() { _ = s.Serve(l) }()
	b.Cleanup(func() { s.Close() })
	return l.Addr().String()
}

// relayTCP knows nothing of WebSocket: the yardstick.
func relayTCP(b testing.TB, to string) string {
	return nettest.Serve(b, func(in net.Conn) {
		out, err := net.Dial("tcp", to)
		if err != nil {
			return
		}
		defer out.Close()
		go func() { _, _ = io.Copy(out, in); out.Close() }()
		_, _ = io.Copy(in, out)
	})
}

// relayGorilla and relayCoder are proxies as one writes them with a library: message by message.
func relayGorilla(b testing.TB, to string) string {
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	return serveHTTP(b, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer in.Close()
		out, _, err := websocket.DefaultDialer.DialContext(r.Context(), "ws://"+to, nil)
		if err != nil {
			return
		}
		defer out.Close()
		pass := func(to, from *websocket.Conn) {
			for {
				op, p, err := from.ReadMessage()
				if err != nil || to.WriteMessage(op, p) != nil {
					to.Close()
					return
				}
			}
		}
		go pass(out, in)
		pass(in, out)
	}))
}

func relayCoder(b testing.TB, to string) string {
	return serveHTTP(b, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in, err := coder.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer in.CloseNow()
		ctx := context.Background()
		out, _, err := coder.Dial(ctx, "ws://"+to, nil)
		if err != nil {
			return
		}
		defer out.CloseNow()
		pass := func(to, from *coder.Conn) {
			for {
				op, p, err := from.Read(ctx)
				if err != nil || to.Write(ctx, op, p) != nil {
					to.CloseNow()
					return
				}
			}
		}
		go pass(out, in)
		pass(in, out)
	}))
}

// ways are all roads to one echo. gateway looks at frames, and checked at every message: the reference's protocol, its tenant in it.
func ways(b *testing.B) []way {
	to := echoBursts(b)
	target := &url.URL{Scheme: "http", Host: to}
	through := func(yaml string) string {
		r := &rig{t: b, auth: &fakeAuthorizer{}, trail: &fakeRecorder{}, logs: &nettest.Log{}, done: make(chan error, 1)}
		c, err := Parse([]byte(yaml+"\nlisten: 127.0.0.1:0\nadmin: {listen: \"127.0.0.1:0\"}\nbackend: {url: \"ws://"+to+"\"}"), noEnv)
		if err != nil {
			b.Fatal(err)
		}
		if r.gw, err = New(Options{Config: c, Authorizer: r.auth, Recorder: r.trail}); err != nil {
			b.Fatal(err)
		}
		r.serve()
		return r.address
	}
	listed := "protocol: {tenant: [restaurant_id], client: {audio: {}}, server: {audio: {}}}"
	return []way{
		{"plain", relayTCP(b, to)},
		{"gateway", through(opaque)},
		{"checked", through(listed)},
		{"reverseproxy", serveHTTP(b, &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(target) }})},
		{"gorilla", relayGorilla(b, to)},
		{"coder", relayCoder(b, to)},
	}
}

// BenchmarkRelay is what one message costs there and back, in ping-pong and in bursts of 16. The ways take turns call by call, and the
// figure of each is the median of all its calls: the echo and the client are in it, the same for all. work is what checked does to a
// message, there and back, without the kernel: the least of a thousand bursts.
func BenchmarkRelay(b *testing.B) {
	for _, c := range []struct {
		name  string
		size  int
		burst int
	}{{"ping-pong of 100 B", 100, 1}, {"ping-pong of 4 KiB", 4 << 10, 1}, {"burst of 16 of 100 B", 100, 16}, {"burst of 16 of 1 KiB", 1 << 10, 16}} {
		b.Run(strings.ReplaceAll(c.name, " ", "_"), func(b *testing.B) {
			all := ways(b)
			took := make([][]time.Duration, len(all))
			peers := make([]*peer, len(all))
			for i, w := range all {
				peers[i] = shake(b, w.address, dialOptions{header: bearer(mine + ".anna.t1")})
				_ = peers[i].conn.SetDeadline(time.Time{})
			}
			one := message(c.size)
			send := bytes.Repeat(one, c.burst)
			want := (len(one) - 4) * c.burst // without the mask
			room := make([]byte, 64<<10)
			call := func(i int) time.Duration {
				began := time.Now()
				if _, err := peers[i].conn.Write(send); err != nil {
					b.Fatal(all[i].name, err)
				}
				for left := want; left > 0; {
					n, err := peers[i].conn.Read(room)
					if err != nil {
						b.Fatal(all[i].name, err)
					}
					left -= n
				}
				return time.Since(began)
			}
			for i := range all {
				for range 50 {
					call(i)
				}
			}
			for n := 0; b.Loop(); n++ {
				for k := range all {
					i := (k + n) % len(all)
					took[i] = append(took[i], call(i))
				}
			}
			b.ReportMetric(0, "ns/op")
			var work time.Duration
			for _, d := range []Direction{FromClient, FromBackend} {
				work += pumpAlone(b, d, slices.Repeat([][]byte{one}, c.burst), 1000)
			}
			b.ReportMetric(float64(work.Nanoseconds())/1000/float64(c.burst), "work-µs")
			for i, w := range all {
				slices.Sort(took[i])
				b.ReportMetric(float64(took[i][len(took[i])/2].Nanoseconds())/1000/float64(c.burst), w.name+"-µs")
			}
		})
	}
}
