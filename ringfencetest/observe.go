package ringfencetest

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Statement is one statement that reached the server.
type Statement struct {
	SQL string
	// Tenant is what the transaction had set as the tenant context when the statement ran; empty where nothing was.
	Tenant string
}

// Observer stands between an application and its server, reads what the application sends, and passes it on. It knows the
// protocol, not the library: what it tells is what the server was told. Safe for concurrent use.
type Observer struct {
	dsn     string
	config  *pgx.ConnConfig
	setting string

	mu   sync.Mutex
	seen []Statement
}

// Observe begins to stand before the server of a DSN, without TLS, until the test ends. Setting is the tenant context's name.
func Observe(t testing.TB, dsn, setting string) *Observer {
	t.Helper()
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal("observing: the connection string cannot be read")
	}
	dir, err := os.MkdirTemp("", "rft") // a socket's path is short
	if err != nil {
		t.Fatalf("observing: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	listener, err := net.Listen("unix", filepath.Join(dir, ".s.PGSQL.5432"))
	if err != nil {
		t.Fatalf("observing: %v", err)
	}
	o := &Observer{config: config, setting: setting}
	o.dsn = "host=" + dir + " port=5432 sslmode=disable user=" + word(config.User) + " dbname=" + word(config.Database)
	if config.Password != "" {
		o.dsn += " password=" + word(config.Password)
	}
	var open sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	open.Go(func() { o.accept(ctx, listener, &open) })
	t.Cleanup(func() {
		cancel()
		_ = listener.Close()
		open.Wait()
	})
	return o
}

// word quotes a value of a keyword connection string.
func word(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// DSN is the way to the server through the observer, for the application under test.
func (o *Observer) DSN() string { return o.dsn }

// Take returns the statements since the last call, in the order in which they were sent. Transaction control, the setting of
// the context, and statements that only read the catalogue (a pool's own checks) are left out.
func (o *Observer) Take() []Statement {
	o.mu.Lock()
	defer o.mu.Unlock()
	seen := o.seen
	o.seen = nil
	return seen
}

func (o *Observer) add(s Statement) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seen = append(o.seen, s)
}

func (o *Observer) accept(ctx context.Context, listener net.Listener, open *sync.WaitGroup) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		open.Go(func() { o.serve(ctx, client) })
	}
}

// serve passes one connection on until either side ends it.
func (o *Observer) serve(ctx context.Context, client net.Conn) {
	defer client.Close()
	network, address := "tcp", net.JoinHostPort(o.config.Host, strconv.Itoa(int(o.config.Port)))
	if strings.HasPrefix(o.config.Host, "/") {
		network, address = "unix", filepath.Join(o.config.Host, ".s.PGSQL."+strconv.Itoa(int(o.config.Port)))
	}
	server, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return
	}
	defer server.Close()
	stop := context.AfterFunc(ctx, func() { _, _ = client.Close(), server.Close() })
	defer stop()
	go func() {
		_, _ = io.Copy(client, server)
		_ = client.Close()
	}()
	in := bufio.NewReaderSize(client, 64<<10)
	if greet(in, client, server) == nil {
		o.pass(in, server)
	}
}

// The requests that may come before the start-up message, and the longest of these.
const (
	requestCancel = 80877102
	requestTLS    = 80877103
	requestGSS    = 80877104
	maxStartup    = 10_000
)

// greet passes the start-up message on, saying no to encryption; a request to cancel is passed on and ends the connection.
func greet(in *bufio.Reader, client io.Writer, server io.Writer) error {
	for {
		head, err := in.Peek(8)
		if err != nil {
			return err
		}
		size, code := binary.BigEndian.Uint32(head), binary.BigEndian.Uint32(head[4:])
		if size < 8 || size > maxStartup {
			return errors.New("a start-up message of an impossible size")
		}
		message := make([]byte, size)
		if _, err := io.ReadFull(in, message); err != nil {
			return err
		}
		if code == requestTLS || code == requestGSS {
			if _, err := client.Write([]byte{'N'}); err != nil {
				return err
			}
			continue
		}
		if _, err := server.Write(message); err != nil || code == requestCancel {
			return errors.Join(err, io.EOF)
		}
		return nil
	}
}

// pass reads message after message, looks at each, and passes it on as it came.
func (o *Observer) pass(in *bufio.Reader, server io.Writer) {
	out := bufio.NewWriterSize(server, 64<<10)
	r := &reader{observer: o, prepared: map[string]string{}, portals: map[string]bound{}}
	head := make([]byte, 5)
	for {
		if _, err := io.ReadFull(in, head); err != nil {
			return
		}
		size := binary.BigEndian.Uint32(head[1:])
		if size < 4 || size > 1<<30 {
			return
		}
		body := make([]byte, size-4)
		if _, err := io.ReadFull(in, body); err != nil {
			return
		}
		r.message(head[0], body)
		_, _ = out.Write(head)
		_, _ = out.Write(body)
		if in.Buffered() == 0 && out.Flush() != nil {
			return
		}
	}
}
