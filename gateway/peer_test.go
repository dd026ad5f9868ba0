package gateway

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	ringfence "github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/gateway/internal/frame"
	"github.com/ringfencehq/ringfence/internal/nettest"
)

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

// peer is one end of a WebSocket in a test: it says bytes as it likes, and reads strictly.
type peer struct {
	conn   net.Conn
	as     frame.Side
	parser frame.Parser
	buf    []byte
	msg    []byte
	op     ws.OpCode
	answer *http.Response
}

func newPeer(conn net.Conn, as frame.Side, early []byte) *peer {
	reads := frame.FromServer
	if as == frame.FromServer {
		reads = frame.FromClient
	}
	return &peer{conn: conn, as: as, parser: frame.NewParser(reads, 64<<20), buf: bytes.Clone(early)}
}

func (p *peer) write(b []byte) error {
	_ = p.conn.SetWriteDeadline(time.Now().Add(patience))
	_, err := p.conn.Write(b)
	return err
}

func (p *peer) say(op ws.OpCode, payload string) error {
	return p.write(frame.Append(nil, op, []byte(payload), p.as))
}

func (p *peer) text(format string, args ...any) error {
	return p.say(ws.OpText, fmt.Sprintf(format, args...))
}

// next returns the next frame; a message in fragments is put together, control frames come as they are.
func (p *peer) next() (ws.OpCode, string, error) {
	for {
		var f frame.Frame
		n, err := p.parser.Next(p.buf, &f)
		if err != nil {
			return 0, "", err
		}
		if n > 0 {
			payload := string(f.Payload)
			p.buf = p.buf[n:]
			if f.OpCode.IsControl() {
				return f.OpCode, payload, nil
			}
			if f.OpCode != ws.OpContinuation {
				p.op, p.msg = f.OpCode, nil
			}
			p.msg = append(p.msg, payload...)
			if f.Fin {
				return p.op, string(p.msg), nil
			}
			continue
		}
		room := make([]byte, 64<<10)
		_ = p.conn.SetReadDeadline(time.Now().Add(patience))
		got, err := p.conn.Read(room)
		p.buf = append(p.buf, room[:got]...)
		if got == 0 && err != nil {
			return 0, "", err
		}
	}
}

// message returns the next data message; pings are answered.
func (p *peer) message() (string, error) {
	for {
		op, payload, err := p.next()
		switch {
		case err != nil:
			return "", err
		case op == ws.OpPing:
			_ = p.say(ws.OpPong, payload)
		case op == ws.OpClose:
			return "", closedBy(payload)
		case op != ws.OpPong:
			return payload, nil
		}
	}
}

// closed is a close frame as an error.
type closed struct {
	code   ws.StatusCode
	reason string
}

func (c closed) Error() string { return fmt.Sprintf("closed %d %q", c.code, c.reason) }

func closedBy(payload string) error {
	c := closed{code: frame.CloseCode([]byte(payload))}
	if len(payload) > 2 {
		c.reason = payload[2:]
	}
	return c
}

// wantClose reads until the close frame, and then until the connection's end.
func (p *peer) wantClose(t *testing.T, code ws.StatusCode) string {
	t.Helper()
	for {
		_, err := p.message()
		var c closed
		if errors.As(err, &c) {
			if c.code != code {
				t.Errorf("closed with %d %q, want %d", c.code, c.reason, code)
			}
			_ = p.say(ws.OpClose, "")
			for err = nil; err == nil; {
				_, _, err = p.next()
			}
			if !errors.Is(err, io.EOF) {
				t.Errorf("behind the close frame: %v", err)
			}
			return c.reason
		}
		if err != nil {
			t.Errorf("the connection ended with %v, want a close frame %d", err, code)
			return ""
		}
	}
}

// dialOptions are how a test's client shakes hands.
type dialOptions struct {
	path   string
	header http.Header
	behind []byte // sent with the handshake, before its answer
}

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

// shake opens a connection and sends a handshake; the answer's status is in peer.answer.
func shake(t testing.TB, address string, o dialOptions) *peer {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return shakeOn(t, conn, address, o)
}

func shakeOn(t testing.TB, conn net.Conn, address string, o dialOptions) *peer {
	t.Helper()
	if o.path == "" {
		o.path = "/ws"
	}
	h := http.Header{
		"Host": {address}, "Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key": {base64.StdEncoding.EncodeToString([]byte("0123456789abcdef"))},
	}
	for k, v := range o.header {
		h[k] = v
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "GET %s HTTP/1.1\r\n", o.path)
	_ = h.Write(&b)
	b.WriteString("\r\n")
	b.Write(o.behind)
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write(b.Bytes()); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	answer, err := http.ReadResponse(r, &http.Request{Method: "GET"})
	if err != nil {
		t.Fatalf("reading the answer to the handshake: %v", err)
	}
	early, _ := r.Peek(r.Buffered())
	p := newPeer(conn, frame.FromClient, early)
	p.answer = answer
	return p
}

// backend is a WebSocket server behind the gateway.
type backend struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
}

// serveBackend starts a back end whose sockets are handled by handle, and whose plain requests are echoed.
func serveBackend(t testing.TB, handle func(*peer)) *backend {
	t.Helper()
	b := &backend{}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		b.requests = append(b.requests, r.Clone(context.Background()))
		b.mu.Unlock()
		if !wantsSocket(r) {
			body, _ := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %s %s", r.Method, r.URL.RequestURI(), body)
			return
		}
		conn, brw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		protocol := ""
		if all := subprotocols(r.Header); len(all) > 0 {
			protocol = "Sec-WebSocket-Protocol: " + all[0] + "\r\n"
		}
		fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s\r\n",
			acceptKey(r.Header.Get("Sec-Websocket-Key")), protocol)
		early, _ := brw.Reader.Peek(brw.Reader.Buffered())
		handle(newPeer(conn, frame.FromServer, early))
	}))
	t.Cleanup(b.Close)
	return b
}

func (b *backend) last(t testing.TB) *http.Request {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.requests) == 0 {
		t.Fatal("the back end was not asked")
	}
	return b.requests[len(b.requests)-1]
}

func (b *backend) asked() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.requests)
}

// echo sends every message back, and closes when it is told to.
func echo(p *peer) {
	for {
		op, payload, err := p.next()
		switch {
		case err != nil:
			return
		case op == ws.OpPing:
			_ = p.say(ws.OpPong, payload)
		case op == ws.OpClose:
			_ = p.say(ws.OpClose, payload)
			return
		case op != ws.OpPong:
			if p.say(op, payload) != nil {
				return
			}
		}
	}
}

// voice is a back end of the voice protocol: it names sessions by the names that the client's event_id asks for.
func voice(p *peer) {
	for {
		text, err := p.message()
		var c closed
		if errors.As(err, &c) {
			_ = p.say(ws.OpClose, "")
			return
		}
		if err != nil {
			return
		}
		switch {
		case strings.Contains(text, `"session.start"`):
			id := "s-1"
			if _, after, ok := strings.Cut(text, `"event_id":"`); ok {
				id, _, _ = strings.Cut(after, `"`)
			}
			_ = p.text(`{"type":"session.started","session_id":"%s"}`, id)
		case strings.Contains(text, `"say"`): // the test says what the back end says
			_, after, _ := strings.Cut(text, `"say":"`)
			said, _ := base64.StdEncoding.DecodeString(strings.TrimSuffix(after, `"}`))
			_ = p.say(ws.OpText, string(said))
		default:
			_ = p.text(`{"type":"transcript","text":"heard"}`)
		}
	}
}

const (
	mine   = "7b0c8f0e-2f3e-4c59-9d5e-0a1b2c3d4e5f"
	theirs = "11111111-2222-4333-8444-555555555555"
)

// fakeAuthorizer knows tokens by name: "TENANT.USER.ID", with what a test adds.
type fakeAuthorizer struct {
	mu      sync.Mutex
	expires map[string]time.Time
	roles   map[string][]string
	refuse  map[string]ringfence.EventType
	fault   error
	during  func(token string) // called while a token is judged
	seen    []ringfence.Credential
}

func (a *fakeAuthorizer) Authorize(_ context.Context, c ringfence.Credential) (ringfence.Identity, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen = append(a.seen, c)
	if a.fault != nil {
		return ringfence.Identity{}, a.fault
	}
	if a.during != nil {
		a.during(c.Token)
	}
	if t, ok := a.refuse[c.Token]; ok {
		return ringfence.Identity{}, ringfence.Refuse(ringfence.Event{Type: t}, errors.New("because of "+c.Token))
	}
	parts := strings.Split(c.Token, ".")
	if len(parts) != 3 {
		return ringfence.Identity{}, ringfence.Refuse(ringfence.Event{Type: ringfence.TokenInvalid}, nil)
	}
	tenant, _ := ringfence.ParseTenant(parts[0])
	expires, ok := a.expires[c.Token]
	if !ok {
		expires = time.Now().Add(time.Hour)
	}
	return ringfence.Identity{Tenant: tenant, User: parts[1], Token: parts[2], Roles: a.roles[c.Token], Expires: expires}, nil
}

// fakeRecorder keeps events in memory.
type fakeRecorder struct {
	mu     sync.Mutex
	events []ringfence.Event
	err    error
	hold   chan struct{} // where it is not nil, Record waits for it
	came   chan ringfence.Event
}

func (r *fakeRecorder) Record(ctx context.Context, e ringfence.Event) error {
	if r.hold != nil {
		select {
		case <-r.hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	if r.came != nil {
		r.came <- e
	}
	return r.err
}

func (r *fakeRecorder) all() []ringfence.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]ringfence.Event(nil), r.events...)
}

// types are the types of all events so far.
func (r *fakeRecorder) types() []ringfence.EventType {
	var types []ringfence.EventType
	for _, e := range r.all() {
		types = append(types, e.Type)
	}
	return types
}

// rig is a gateway with all around it.
type rig struct {
	t       testing.TB
	gw      *Gateway
	auth    *fakeAuthorizer
	trail   *fakeRecorder
	backend *backend
	address string
	admin   string
	logs    *nettest.Log
	stop    context.CancelFunc
	done    chan error
}

func noEnv(string) (string, bool) { return "", false }
