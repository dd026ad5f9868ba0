//go:build system

package e2e

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/golang-jwt/jwt/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ringfencehq/ringfence/internal/bus"
	"github.com/ringfencehq/ringfence/internal/nettest"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/revocation"
	"github.com/ringfencehq/ringfence/internal/trailsql"
	"github.com/ringfencehq/ringfence/trail"
)

const (
	tokenSecret = "a shared secret of at least thirty-two bytes"
	busSecret   = "what the gateways show each other"
	ours        = "7b0c8f0e-2f3e-4c59-9d5e-0a1b2c3d4e5f"
	theirs      = "11111111-2222-4333-8444-555555555555"
	patience    = 30 * time.Second
)

// fleet are three gateways in processes of their own, one database, and one back end, which echoes. The gateways' buses are tied
// together through relays, so that a partition is the closing of route ports.
type fleet struct {
	*pgtest.Database
	follower, writer, revoker string
	backend                   string
	nodes                     []*node
	clients                   []string // addresses of the buses for clients
	keys                      []string // that verify the nodes' checkpoints
}

// node is one gateway.
type node struct {
	*process
	name, dir, file string
	address, admin  string
	route           string // where its bus listens for others
	relay           *relay // what others are told to reach it by
}

// relay passes connections on, until it is cut.
type relay struct {
	net.Listener
	to   string
	mu   sync.Mutex
	live []net.Conn
	off  bool
}

func newRelay(t testing.TB, to string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{Listener: l, to: to}
	t.Cleanup(func() { l.Close(); r.cut() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", r.to)
			r.mu.Lock()
			if err != nil || r.off {
				in.Close()
				if out != nil {
					out.Close()
				}
				r.mu.Unlock()
				continue
			}
			r.live = append(r.live, in, out)
			r.mu.Unlock()
			go func() { _, _ = io.Copy(in, out); in.Close() }()
			go func() { _, _ = io.Copy(out, in); out.Close() }()
		}
	}()
	return r
}

// cut ends all that passes, and lets nothing in.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.off = true
	for _, c := range r.live {
		c.Close()
	}
	r.live = nil
}

func (r *relay) mend() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.off = false
}

func newFleet(t testing.TB) *fleet {
	t.Helper()
	db := pgtest.Server(t, 0).DB(t)
	f := &fleet{Database: db, follower: db.Role(t, "follower", "LOGIN"), writer: db.Role(t, "writer", "LOGIN"), revoker: db.Role(t, "revoker", "LOGIN")}
	for _, sql := range slices.Concat(trailsql.Install(), trailsql.Grant(trailsql.Writer, f.writer, trailsql.WithSchema), revocation.Install(),
		revocation.Grant(revocation.Follower, f.follower, true), revocation.Grant(revocation.Revoker, f.revoker, true)) {
		db.Exec(t, sql)
	}
	f.backend = echoServer(t)
	for i := range 3 {
		n := &node{name: fmt.Sprintf("gw-%d", i), dir: t.TempDir(), address: nettest.Free(t), admin: nettest.Free(t), route: nettest.Free(t)}
		n.file = filepath.Join(n.dir, "gateway.yaml")
		n.relay = newRelay(t, n.route)
		signer, verifier, err := trail.NewCheckpointKey(rand.Reader, n.name)
		if err == nil {
			err = os.WriteFile(filepath.Join(n.dir, "trail.key"), []byte(signer+"\n"), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		f.keys = append(f.keys, verifier)
		f.nodes = append(f.nodes, n)
		f.clients = append(f.clients, nettest.Free(t))
	}
	for i, n := range f.nodes {
		// The first two know each other directly, and the third one is reached, and reaches them, by relays alone.
		routes := [][]string{{f.nodes[1].route, f.nodes[2].relay.Addr().String()}, {f.nodes[0].route, f.nodes[2].relay.Addr().String()},
			{f.nodes[0].relay.Addr().String(), f.nodes[1].relay.Addr().String()}}[i]
		list, _ := json.Marshal(routes)
		text := fmt.Sprintf(`listen: %s
admin: {listen: %q}
backend: {url: %q}
protocol: {preset: voice}
auth:
  issuers: [{name: login, audiences: [voice], secret: {env: KEY}}]
  tenant_claims: [restaurant_id]
  skew: 1s
trail: {dir: %q, node: %s, database: {env: TRAIL_DSN}, key: {file: %q}}
nats: {listen: %q, secret: {env: BUS}, cluster: {listen: %q, advertise: %q, routes: %s}, dir: %q, tee: {}}
revocations: {database: {env: REVOCATIONS_DSN}, poll: 500ms}
`, n.address, n.admin, f.backend, filepath.Join(n.dir, "trail"), n.name, filepath.Join(n.dir, "trail.key"), f.clients[i], n.route, n.relay.Addr(), list, filepath.Join(n.dir, "streams"))
		if err := os.WriteFile(n.file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range f.nodes {
		f.start(t, n)
	}
	for _, n := range f.nodes {
		n.waitReady(t)
	}
	return f
}

func (f *fleet) start(t testing.TB, n *node) {
	t.Helper()
	n.process = start(t, n.dir, func(c *exec.Cmd) {
		c.Env = append(c.Env, "KEY="+tokenSecret, "BUS="+busSecret, "TRAIL_DSN="+f.DSN(f.writer), "REVOCATIONS_DSN="+f.DSN(f.follower))
	}, "gateway", "-c", n.file)
}

func (n *node) waitReady(t testing.TB) {
	t.Helper()
	n.until(t, "it is ready", func() bool {
		r, err := http.Get("http://" + n.admin + "/readyz")
		if err != nil {
			return false
		}
		defer r.Body.Close()
		return r.StatusCode == http.StatusOK
	})
}

// until waits for a condition that must come true while the process lives.
func (n *node) until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		select {
		case <-n.ended:
			t.Fatalf("%s ended before %s: %s", n.name, what, tail(n.stderr.String()))
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: it never came: %s", n.name, what)
		}
	}
}

// echoServer answers each message with itself.
func echoServer(t testing.TB) string {
	t.Helper()
	return "ws://" + nettest.Serve(t, func(conn net.Conn) {
		if _, err := ws.Upgrade(conn); err != nil {
			return
		}
		for {
			b, op, err := wsutil.ReadClientData(conn)
			if err != nil || wsutil.WriteServerMessage(conn, op, b) != nil {
				return
			}
		}
	})
}

func signedToken(t testing.TB, claims jwt.MapClaims) string {
	t.Helper()
	all := jwt.MapClaims{"iss": "login", "aud": "voice", "sub": "anna", "restaurant_id": ours, "iat": time.Now().Unix(), "exp": time.Now().Add(10 * time.Minute).Unix()}
	for k, v := range claims {
		all[k] = v
	}
	s, err := jwt.NewWithClaims(jwt.SigningMethodHS256, all).SignedString([]byte(tokenSecret))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// client is one socket through a gateway.
type client struct{ net.Conn }

// open shakes hands; status is what refuses it, 0 where it is let in and -1 where nobody answers.
func (n *node) open(token string) (client, int) {
	d := ws.Dialer{Timeout: patience, Header: ws.HandshakeHeaderHTTP{"Authorization": {"Bearer " + token}}}
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	conn, early, _, err := d.Dial(ctx, "ws://"+n.address+"/voice")
	var refused ws.StatusError
	switch {
	case errors.As(err, &refused):
		return client{}, int(refused)
	case err != nil:
		return client{}, -1
	}
	if early != nil {
		ws.PutReader(early)
	}
	return client{conn}, 0
}

func (n *node) mustOpen(t testing.TB, token string) client {
	t.Helper()
	c, status := n.open(token)
	if status != 0 {
		t.Fatalf("%s: the handshake is answered with %d: %s", n.name, status, tail(n.stderr.String()))
	}
	t.Cleanup(func() { c.Close() })
	if !c.alive() {
		t.Fatalf("%s: the socket does not echo", n.name)
	}
	return c
}

// alive sends a message and reports whether it comes back.
func (c client) alive() bool {
	if wsutil.WriteClientText(c, []byte(`{"type":"heartbeat"}`)) != nil {
		return false
	}
	_ = c.SetReadDeadline(time.Now().Add(patience))
	_, _, err := wsutil.ReadServerData(c)
	return err == nil
}

// end reads until the socket's end: the code of its close frame, 0 where there was none.
func (c client) end(within time.Duration) (ws.StatusCode, error) {
	_ = c.SetReadDeadline(time.Now().Add(within))
	for {
		f, err := ws.ReadFrame(c)
		if err != nil {
			return 0, err
		}
		if f.Header.OpCode == ws.OpClose {
			code, _ := ws.ParseCloseFrameData(f.Payload)
			return code, nil
		}
	}
}

// announce opens the bus as an operator's client of one gateway.
func (f *fleet) announce(t testing.TB, i int) *bus.Topic {
	t.Helper()
	b, err := bus.Open(bus.Options{Name: "test", URL: "nats://" + f.clients[i], Secret: busSecret, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b.Topic("ringfence.revoked")
}

// carried puts a revocation on the bus until all sockets of it are cut: what joins the cluster is known to the others a moment
// later. The table has nothing of it, so that nothing but the bus can have cut them.
func carried(t testing.TB, on *bus.Topic, e revocation.Entry, sockets ...client) {
	t.Helper()
	ends := make(chan string, len(sockets))
	for _, c := range sockets {
		go func() {
			code, err := c.end(patience)
			ends <- fmt.Sprint(code, " ", err)
		}()
	}
	for left := len(sockets); left > 0; {
		e.At = time.Now()
		if err := revocation.Carry(t.Context(), on, e); err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-ends:
			if left--; got != "1008 <nil>" {
				t.Errorf("%s %s: a socket ended with %s", e.Kind, e.Subject, got)
			}
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// TestSystemFleetRevocation cuts sockets of three gateways, each in a process of its own, by every kind of revocation: by the bus
// alone, by the table alone, with one gateway killed, with one cut off from the others, and after it came back.
func TestSystemFleetRevocation(t *testing.T) {
	f := newFleet(t)
	store := revocation.NewStore(f.DSN(f.revoker))
	t.Cleanup(store.Close)
	on := f.announce(t, 0)
	bystander := f.nodes[2].mustOpen(t, signedToken(t, jwt.MapClaims{"jti": "by", "sub": "bystander", "sid": "by"}))
	for i, n := range f.nodes { // one token's sockets, wherever they are
		token := signedToken(t, jwt.MapClaims{"jti": fmt.Sprint("t", i)})
		carried(t, on, revocation.Entry{Kind: "token", Subject: fmt.Sprint("t", i)}, n.mustOpen(t, token))
	}
	all := func(nodes []*node, claims jwt.MapClaims) (sockets []client) {
		for _, n := range nodes {
			sockets = append(sockets, n.mustOpen(t, signedToken(t, claims)))
		}
		return sockets
	}
	carried(t, on, revocation.Entry{Kind: "session", Subject: "s1"}, all(f.nodes, jwt.MapClaims{"sid": "s1"})...)
	carried(t, on, revocation.Entry{Kind: "member", Tenant: ours, User: "leaver"}, all(f.nodes, jwt.MapClaims{"sub": "leaver"})...)
	carried(t, on, revocation.Entry{Kind: "tenant", Tenant: theirs}, all(f.nodes, jwt.MapClaims{"restaurant_id": theirs})...)
	if !bystander.alive() {
		t.Error("a socket of nobody who was revoked is cut")
	}

	// The operator's verb: stored, carried, and refused from then on at each handshake, also by a gateway that begins later.
	token := signedToken(t, jwt.MapClaims{"jti": "lost"})
	sockets := all(f.nodes, jwt.MapClaims{"jti": "lost"})
	p := start(t, t.TempDir(), func(c *exec.Cmd) { c.Env = append(c.Env, "BUS="+busSecret, "RINGFENCE_DSN="+f.DSN(f.revoker)) },
		"gateway", "revoke", "token", "lost", "-c", f.nodes[1].file, "--trail-dsn", f.DSN(f.writer), "--reason", "lost phone", "--by", "ops")
	if code := p.code(); code != 0 || !strings.Contains(p.stdout.String(), "the bus has it") {
		t.Errorf("exit %d: %s%s", code, &p.stdout, &p.stderr)
	}
	for _, c := range sockets {
		if code, err := c.end(patience); code != ws.StatusPolicyViolation {
			t.Errorf("a revoked token's socket ended with %d, %v", code, err)
		}
	}
	refused := func(nodes ...*node) {
		t.Helper()
		for _, n := range nodes {
			n.until(t, "a revoked token is refused", func() bool {
				c, status := n.open(token)
				if status == 0 {
					c.Close()
				}
				return status == http.StatusUnauthorized
			})
		}
	}
	refused(f.nodes...)

	// One is killed: the others go on, and when it is back it knows what it missed before it lets anybody in.
	f.nodes[0].kill(t)
	on = f.announce(t, 1)
	carried(t, on, revocation.Entry{Kind: "session", Subject: "s2"}, all(f.nodes[1:], jwt.MapClaims{"sid": "s2"})...)
	f.start(t, f.nodes[0])
	f.nodes[0].waitReady(t)
	if c, status := f.nodes[0].open(token); status != http.StatusUnauthorized {
		t.Errorf("a gateway that began again answers a revoked token with %d", status)
		if status == 0 {
			c.Close()
		}
	}
	carried(t, on, revocation.Entry{Kind: "session", Subject: "s3"}, all(f.nodes, jwt.MapClaims{"sid": "s3"})...)

	// One is cut off: what the others' bus carries does not reach it, and the table does.
	for _, n := range f.nodes {
		n.relay.cut()
	}
	island := f.nodes[2].mustOpen(t, signedToken(t, jwt.MapClaims{"sid": "s4"}))
	carried(t, on, revocation.Entry{Kind: "session", Subject: "s4"}, all(f.nodes[:2], jwt.MapClaims{"sid": "s4"})...)
	if !island.alive() {
		t.Error("the bus reached a gateway that is cut off: the partition is none")
	}
	if _, err := store.Add(t.Context(), revocation.Entry{Kind: "session", Subject: "s4"}); err != nil {
		t.Fatal(err)
	}
	if code, err := island.end(patience); code != ws.StatusPolicyViolation {
		t.Errorf("the gateway that is cut off ended the socket with %d, %v", code, err)
	}
	for _, n := range f.nodes {
		n.relay.mend()
	}
	carried(t, on, revocation.Entry{Kind: "session", Subject: "s5"}, all(f.nodes, jwt.MapClaims{"sid": "s5"})...)
	if !bystander.alive() {
		t.Error("a socket of nobody who was revoked is cut")
	}
	f.wantTee(t)
	f.noSecrets(t, token)
}

// wantTee looks for a refusal in the stream: three copies of it, for others to read.
func (f *fleet) wantTee(t *testing.T) {
	t.Helper()
	conn, err := nats.Connect("nats://"+f.clients[0], nats.Token(busSecret))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	f.nodes[0].until(t, "the stream has what was refused", func() bool {
		ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
		defer stop()
		s, err := js.Stream(ctx, "RINGFENCE_TRAIL")
		if err != nil {
			return false
		}
		m, err := s.GetLastMsgForSubject(ctx, "ringfence.trail.token_revoked")
		return err == nil && len(s.CachedInfo().Cluster.Replicas) == 2 && strings.Contains(string(m.Data), "token_revoked")
	})
}

// noSecrets reads all that the gateways logged.
func (f *fleet) noSecrets(t testing.TB, more ...string) {
	t.Helper()
	for _, n := range f.nodes {
		if err := n.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		n.code()
		for _, secret := range append(more, tokenSecret, busSecret) {
			if strings.Contains(n.stderr.String()+n.stdout.String(), secret) {
				t.Errorf("%s: the log holds a secret", n.name)
			}
		}
	}
}

// BenchmarkRevocation is the time from a revocation's being put on the bus to the close frame at a client, over sockets of three
// gateways; p99 is of all of them.
func BenchmarkRevocation(b *testing.B) {
	f := newFleet(b)
	b.Run("from_the_bus_to_the_close_frame,_three_gateways", f.measureCuts)
}

func (f *fleet) measureCuts(b *testing.B) {
	on := f.announce(b, 0)
	first := fmt.Sprint("first", b.N, time.Now().UnixNano())
	carried(b, on, revocation.Entry{Kind: "session", Subject: first}, func() (all []client) {
		for _, n := range f.nodes {
			all = append(all, n.mustOpen(b, signedToken(b, jwt.MapClaims{"sid": first})))
		}
		return all
	}()...)
	var took []time.Duration
	for round := 0; b.Loop(); round++ {
		session := fmt.Sprint(first, round)
		var wait sync.WaitGroup
		var mu sync.Mutex
		sockets := make([]client, 0, len(f.nodes))
		for _, n := range f.nodes {
			sockets = append(sockets, n.mustOpen(b, signedToken(b, jwt.MapClaims{"sid": session})))
		}
		began := time.Now()
		for _, c := range sockets {
			wait.Go(func() {
				if code, err := c.end(patience); code != ws.StatusPolicyViolation {
					b.Errorf("%d, %v", code, err)
				}
				mu.Lock()
				defer mu.Unlock()
				took = append(took, time.Since(began))
			})
		}
		if err := revocation.Carry(b.Context(), on, revocation.Entry{Kind: "session", Subject: session, At: began}); err != nil {
			b.Fatal(err)
		}
		wait.Wait()
		for _, c := range sockets {
			c.Close()
		}
	}
	slices.Sort(took)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}
