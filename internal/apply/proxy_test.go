package apply

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
)

// A proxy stands between a run and the server and speaks enough of the protocol to do harm at a chosen message.
type proxy struct {
	dir    string
	server string
	// onQuery is told of each simple query of a connection, numbered from 1 over all connections that work on steps.
	onQuery func(sql string) action
	// rewriteKey changes the process number that the server announces, as a pooler does.
	rewriteKey bool
	wg         sync.WaitGroup
	cuts       atomic.Int32
}

// An action is what a proxy does with a query.
type action int

const (
	pass      action = iota
	cutBefore        // close both sides, the query unsent
	cutAfter         // send the query, await the server's answer, close without passing it on
)

// newProxy listens on a socket of its own in front of the test's server.
func newProxy(t *testing.T, s *shop) *proxy {
	t.Helper()
	dir, err := os.MkdirTemp("", "rfp")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{dir: dir, server: filepath.Join(s.Server.SocketDir(), ".s.PGSQL.5432")}
	l, err := net.Listen("unix", filepath.Join(dir, ".s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(); p.wg.Wait(); os.RemoveAll(dir) })
	p.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.wg.Go(func() { p.serve(c) })
		}
	})
	return p
}

// connect opens connections through the proxy.
func (p *proxy) connect(s *shop) func(context.Context) (*pgx.Conn, error) {
	return func(ctx context.Context) (*pgx.Conn, error) {
		return pg.Connect(ctx, "host="+p.dir+" port=5432 dbname="+s.Name+" user="+s.owner+" sslmode=disable", pg.Options{})
	}
}

func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("unix", p.server)
	if err != nil {
		return
	}
	defer server.Close()
	var muted atomic.Bool // the server's answers are not passed on any more
	answered := make(chan struct{})
	var once sync.Once
	p.wg.Go(func() {
		defer client.Close()
		p.answers(client, server, &muted, func() { once.Do(func() { close(answered) }) })
	})
	if err := passStartup(client, server); err != nil {
		return
	}
	for {
		kind, body, err := message(client)
		if err != nil {
			return
		}
		act := pass
		if kind == 'Q' && p.onQuery != nil {
			act = p.onQuery(string(bytes.TrimRight(body, "\x00")))
		}
		switch act {
		case cutBefore:
			p.cuts.Add(1)
			return
		case cutAfter:
			p.cuts.Add(1)
			muted.Store(true)
			_ = send(server, kind, body)
			<-answered
			return
		}
		if send(server, kind, body) != nil {
			return
		}
	}
}

// answers passes the server's messages on; done is called at the first ReadyForQuery that is not.
func (p *proxy) answers(client, server net.Conn, muted *atomic.Bool, done func()) {
	defer done()
	for {
		kind, body, err := message(server)
		if err != nil {
			return
		}
		if kind == 'K' && p.rewriteKey {
			binary.BigEndian.PutUint32(body, binary.BigEndian.Uint32(body)^0x5555)
		}
		if muted.Load() {
			if kind == 'Z' {
				return
			}
			continue
		}
		if send(client, kind, body) != nil {
			return
		}
	}
}

// passStartup passes the start-up packet, which has no type; requests for encryption are declined.
func passStartup(client, server net.Conn) error {
	for {
		head := make([]byte, 8)
		if _, err := io.ReadFull(client, head); err != nil {
			return err
		}
		code := binary.BigEndian.Uint32(head[4:])
		if code == 80877103 || code == 80877104 { // SSL, GSS
			if _, err := client.Write([]byte{'N'}); err != nil {
				return err
			}
			continue
		}
		rest := make([]byte, binary.BigEndian.Uint32(head)-8)
		if _, err := io.ReadFull(client, rest); err != nil {
			return err
		}
		_, err := server.Write(append(head, rest...))
		return err
	}
}

func message(r io.Reader) (kind byte, body []byte, err error) {
	head := make([]byte, 5)
	if _, err = io.ReadFull(r, head); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n < 4 || n > 1<<24 {
		return 0, nil, errors.New("a message of an impossible length")
	}
	body = make([]byte, n-4)
	_, err = io.ReadFull(r, body)
	return head[0], body, err
}

func send(w io.Writer, kind byte, body []byte) error {
	b := append([]byte{kind}, binary.BigEndian.AppendUint32(nil, uint32(len(body)+4))...)
	_, err := w.Write(append(b, body...))
	return err
}
