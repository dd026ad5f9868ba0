package ringfence_test

import (
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/internal/nettest"
)

// wire is a proxy that counts how often the server became ready: once a round trip. It can hold back what the client sends,
// as a network does: a whole round trip's delay on the way there, since two short pauses would be less exact than one.
type wire struct {
	ready atomic.Int64
	delay time.Duration
	addr  string
}

// newWire listens on TCP in front of the server's socket, or of another address.
func newWire(t testing.TB, network, address string, delay time.Duration) *wire {
	t.Helper()
	w := &wire{delay: delay}
	w.addr = nettest.Serve(t, func(client net.Conn) { w.serve(client, network, address) })
	return w
}

func (w *wire) serve(client net.Conn, network, address string) {
	server, err := net.Dial(network, address)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		defer server.Close()
		pass(server, client, w.delay, nil)
	}()
	var m marks
	pass(client, server, 0, func(b []byte) { w.ready.Add(m.count(b)) })
}

// pass copies what arrives, each piece some time later than it came, without holding the next one up.
func pass(to io.Writer, from io.Reader, delay time.Duration, look func([]byte)) {
	type piece struct {
		at   time.Time
		data []byte
	}
	pieces := make(chan piece, 1000)
	go func() {
		defer close(pieces)
		for {
			data := make([]byte, 16<<10)
			n, err := from.Read(data)
			if n > 0 {
				pieces <- piece{time.Now().Add(delay), data[:n]}
			}
			if err != nil {
				return
			}
		}
	}()
	for p := range pieces {
		if delay > 0 {
			time.Sleep(time.Until(p.at)) // the delay is what is measured, not a way to wait for something
		}
		if look != nil {
			look(p.data)
		}
		if _, err := to.Write(p.data); err != nil {
			return
		}
	}
}

// marks counts ReadyForQuery in a stream of messages.
type marks struct {
	head []byte
	left int
}

func (m *marks) count(b []byte) (n int64) {
	for len(b) > 0 {
		if m.left > 0 {
			skip := min(m.left, len(b))
			b, m.left = b[skip:], m.left-skip
			continue
		}
		m.head, b = append(m.head, b[0]), b[1:]
		if len(m.head) == 5 {
			if m.head[0] == 'Z' {
				n++
			}
			m.left, m.head = int(binary.BigEndian.Uint32(m.head[1:]))-4, m.head[:0]
		}
	}
	return n
}

// through leads an app's connection string through a wire.
func (a *app) through(w *wire) string {
	host, port, _ := net.SplitHostPort(w.addr)
	q := url.Values{"host": {host}, "port": {port}, "user": {a.role}, "sslmode": {"disable"}}
	return "postgres:///" + url.PathEscape(a.Name) + "?" + q.Encode()
}

func (a *app) socket() string {
	return filepath.Join(a.Server.SocketDir(), ".s.PGSQL."+strconv.Itoa(a.Server.Port()))
}

// TestRoundTrips counts what every kind of call costs when it is warm.
func TestRoundTrips(t *testing.T) {
	a := newApp(t)
	w := newWire(t, "unix", a.socket(), 0)
	ctx := as(t.Context(), tenantA)
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol} {
		for _, form := range []ringfence.TransactionForm{ringfence.Explicit, ringfence.Implicit} {
			p := a.open(t, func(c *ringfence.Config) {
				c.DSN, c.Mode, c.Transaction = a.through(w)+"&pool_max_conns=1", mode, form
			})
			calls := []struct {
				name string
				want int64
				call func() error
			}{
				{"QueryRow", 1, func() error { return p.QueryRow(ctx, "SELECT body FROM doc WHERE id = $1", 1).Scan(new(string)) }},
				{"Exec", 1, func() error { _, err := p.Exec(ctx, "UPDATE doc SET body = 'x' WHERE id = $1", 1); return err }},
				{"a batch of three", 1, func() error {
					b := &pgx.Batch{}
					for i := range 3 {
						b.Queue("SELECT body FROM doc WHERE id = $1", i)
					}
					return p.SendBatch(ctx, b).Close()
				}},
				{"a transaction of three statements", 4, func() error { return statements(p, ctx, 3) }},
				{"an empty transaction", 0, func() error { return statements(p, ctx, 0) }},
			}
			for _, c := range calls {
				for range 2 {
					if err := c.call(); err != nil {
						t.Fatalf("%s, %s: %v", mode, c.name, err)
					}
				}
				before := w.ready.Load()
				if err := c.call(); err != nil {
					t.Fatal(err)
				}
				if got := w.ready.Load() - before; got != c.want {
					t.Errorf("%s, form %d: %s takes %d round trips, want %d", mode, form, c.name, got, c.want)
				}
			}
		}
	}
}
