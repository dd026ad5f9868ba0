//go:build system

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/golang-jwt/jwt/v5"

	"github.com/ringfencehq/ringfence/internal/nettest"
)

// newLimited starts a gateway of its own with more lines in its configuration.
func newLimited(t *testing.T, backend, more string) *node {
	t.Helper()
	dir := t.TempDir()
	n := &node{name: "gw", dir: dir, file: filepath.Join(dir, "gateway.yaml"), address: nettest.Free(t), admin: nettest.Free(t)}
	text := fmt.Sprintf("listen: %s\nadmin: {listen: %q}\nbackend: {url: %q}\nprotocol: {preset: voice}\n"+
		"auth: {issuers: [{name: login, audiences: [voice], secret: {env: KEY}}], tenant_claims: [restaurant_id]}\ntrail: {dir: %q, node: gw}\n%s\n",
		n.address, n.admin, backend, filepath.Join(dir, "trail"), more)
	if err := os.WriteFile(n.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	n.process = start(t, dir, func(c *exec.Cmd) { c.Env = append(c.Env, "KEY="+tokenSecret) }, "gateway", "-c", n.file)
	n.waitReady(t)
	return n
}

// A who is somebody at an address: the last byte of 127.0.0.x that they come from.
type who struct {
	tenant, user string
	from         byte
}

// knock shakes hands as somebody; status is what refuses it, or 0.
func (n *node) knock(t *testing.T, w who) (client, int) {
	t.Helper()
	dialer := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, w.from)}}
	token := signedToken(t, jwt.MapClaims{"restaurant_id": w.tenant, "sub": w.user})
	d := ws.Dialer{Timeout: patience, Header: ws.HandshakeHeaderHTTP{"Authorization": {"Bearer " + token}}, NetDial: dialer.DialContext}
	return shake(t, d, "ws://"+n.address+"/voice")
}

// TestSystemLimits tries each limit on the built program: the one too many is refused, and whom the limit does not mean is not.
func TestSystemLimits(t *testing.T) {
	backend := echoServer(t)
	anna, bert := who{ours, "anna", 1}, who{ours, "bert", 1}
	elsewhere, vera := who{ours, "anna", 2}, who{theirs, "vera", 1}
	for _, c := range []struct {
		limits  string
		in      []who // let in first
		tooMany who
		other   who // whom it does not mean; nobody where all are meant
	}{
		{"sockets: 1", []who{anna}, vera, who{}},
		{"tenant: {sockets: 2}", []who{anna, bert}, anna, vera},
		{"user: {sockets: 1}", []who{anna}, elsewhere, bert},
		{"address: {sockets: 1}", []who{anna}, vera, elsewhere},
		{"tenant: {handshakes: 0.1}", []who{anna}, bert, vera},
		{"user: {handshakes: 0.1}", []who{anna}, elsewhere, bert},
		{"address: {handshakes: 0.1}", []who{anna}, vera, elsewhere},
	} {
		t.Run(c.limits, func(t *testing.T) {
			n := newLimited(t, backend, "limits: {"+c.limits+"}")
			for _, w := range c.in {
				if s, status := n.knock(t, w); status != 0 || !s.alive() {
					t.Fatalf("%v: %d", w, status)
				}
			}
			if _, status := n.knock(t, c.tooMany); status != http.StatusTooManyRequests {
				t.Errorf("one too many is answered with %d", status)
			}
			if c.other != (who{}) {
				if s, status := n.knock(t, c.other); status != 0 || !s.alive() {
					t.Errorf("%v, whom it does not mean: %d", c.other, status)
				}
			}
		})
	}
	pad := strings.Repeat("x", 400)
	for _, c := range []struct {
		limits string
		mate   who // shares what is limited with anna
		other  who
	}{
		{"tenant: {messages: 5}", bert, vera},
		{"user: {messages: 5}", elsewhere, bert},
		{"address: {messages: 5}", vera, who{theirs, "vera", 2}},
		{"tenant: {bytes: 2KiB}", bert, vera},
		{"user: {bytes: 2KiB}", elsewhere, bert},
		{"address: {bytes: 2KiB}", vera, who{theirs, "vera", 2}},
	} {
		t.Run(c.limits, func(t *testing.T) {
			n := newLimited(t, backend, "limits: {"+c.limits+"}")
			other, _ := n.knock(t, c.other)
			for _, w := range []who{{ours, "anna", 1}, c.mate} {
				s, status := n.knock(t, w)
				if status != 0 {
					t.Fatalf("%v: %d", w, status)
				}
				for range 40 {
					if wsutil.WriteClientText(s, []byte(`{"type":"heartbeat","pad":"`+pad+`"}`)) != nil {
						break
					}
				}
				if code, err := s.end(patience); code != ws.StatusPolicyViolation {
					t.Errorf("%v: a flood ended with %d, %v", w, code, err)
				}
			}
			if !other.alive() {
				t.Errorf("%v, whom it does not mean, is cut off", c.other)
			}
		})
	}
}

// TestSystemSizes tries what is too large on the built program: a message, a header, a request's body.
func TestSystemSizes(t *testing.T) {
	var reached atomic.Int32
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			reached.Add(1)
		}
	}))
	t.Cleanup(plain.Close)
	n := newLimited(t, plain.URL, "limits: {header_bytes: 4KiB, body_bytes: 1KiB}")
	post := func(head string, body int) int {
		r, err := http.NewRequest("POST", "http://"+n.address+"/orders", bytes.NewReader(make([]byte, body)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+signedToken(t, nil))
		r.Header.Set("X-Pad", head)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	if got := post("", 1<<10); got != http.StatusOK || reached.Load() != 1 {
		t.Errorf("a body of the limit: %d", got)
	}
	if got := post("", 1<<10+1); got != http.StatusRequestEntityTooLarge {
		t.Errorf("a larger body: %d", got)
	}
	if got := post(strings.Repeat("h", 16<<10), 0); got != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a large header: %d", got)
	}
	if reached.Load() != 1 {
		t.Errorf("%d requests reached the back end whole", reached.Load())
	}

	m := newLimited(t, echoServer(t), "limits: {message_bytes: 4KiB}")
	for size, want := range map[int]ws.StatusCode{4 << 10: 0, 4<<10 + 1: ws.StatusMessageTooBig} {
		s, status := m.knock(t, who{ours, "anna", 1})
		if status != 0 {
			t.Fatal(status)
		}
		head := `{"type":"heartbeat","pad":"`
		text := head + strings.Repeat("x", size-len(head)-2) + `"}`
		if err := wsutil.WriteClientText(s, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if want == 0 {
			_ = s.SetReadDeadline(time.Now().Add(patience))
			if b, _, err := wsutil.ReadServerData(s); err != nil || string(b) != text {
				t.Errorf("a message of the limit: %d bytes, %v", len(b), err)
			}
			continue
		}
		if code, err := s.end(patience); code != want {
			t.Errorf("a larger message: %d, %v", code, err)
		}
	}
}

// TestSystemURLTokens: a URL's token counts only where the configuration asks for it, and is in no log and no record in either case.
func TestSystemURLTokens(t *testing.T) {
	for more, want := range map[string]int{"": http.StatusUnauthorized, "token: {from: [query]}": 0} {
		n := newLimited(t, echoServer(t), more)
		token := signedToken(t, jwt.MapClaims{"sub": "by-url"})
		conn, _, _, err := ws.Dial(context.Background(), "ws://"+n.address+"/voice?access_token="+token)
		var refused ws.StatusError
		if got := 0; errors.As(err, &refused) {
			got = int(refused)
			if got != want {
				t.Errorf("%q: %d, want %d", more, got, want)
			}
		} else if err != nil || want != 0 {
			t.Errorf("%q: let in, %v", more, err)
		} else if (client{conn}).alive() {
			conn.Close()
		}
		if err := n.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		n.code()
		said := n.stderr.String() + n.stdout.String()
		journal, err := filepath.Glob(filepath.Join(n.dir, "trail", "*"))
		if err != nil || len(journal) == 0 {
			t.Fatalf("%d files of the journal, %v", len(journal), err)
		}
		for _, file := range journal {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			said += string(b)
		}
		for _, part := range strings.Split(token, ".")[1:] {
			if strings.Contains(said, part[:20]) { // records are bounded: some of it is too much
				t.Errorf("%q: the log or the journal holds the token: %s", more, tail(n.stderr.String()))
			}
		}
	}
}

// TestSystemOperation tries what operators look at on the built program: metrics stand on their own listener and not on the clients',
// they reach an OpenTelemetry collector where one is named, and /readyz says no from the beginning of a drain on, while the sockets
// that are open still work.
func TestSystemOperation(t *testing.T) {
	sent := make(chan string, 64)
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		select {
		case sent <- r.URL.Path + " " + r.Header.Get("X-Key") + " " + string(b):
		default:
		}
	}))
	t.Cleanup(collector.Close)
	n := newLimited(t, echoServer(t), fmt.Sprintf("metrics: {otlp: {url: {value: %q}, headers: {X-Key: {env: KEY}}, interval: 1s}}\ndrain: {delay: 2s, spread: 100ms}",
		collector.URL+"/v1/metrics"))
	s, status := n.knock(t, who{ours, "anna", 1})
	if status != 0 || !s.alive() {
		t.Fatal(status)
	}
	get := func(address, path string) (int, string) {
		answer, err := http.Get("http://" + address + path)
		if err != nil {
			return 0, ""
		}
		defer answer.Body.Close()
		b, _ := io.ReadAll(answer.Body)
		return answer.StatusCode, string(b)
	}
	if code, text := get(n.admin, "/metrics"); code != http.StatusOK || !strings.Contains(text, "ringfence_gateway_sockets 1") {
		t.Errorf("metrics on their own listener: %d %.200s", code, text)
	}
	for _, path := range []string{"/metrics", "/healthz", "/readyz"} {
		if code, text := get(n.address, path); code != http.StatusUnauthorized || strings.Contains(text, "ringfence_") {
			t.Errorf("%s on the clients' listener: %d %.80s", path, code, text)
		}
	}
	select {
	case got := <-sent:
		if !strings.HasPrefix(got, "/v1/metrics "+tokenSecret+" ") || !strings.Contains(got, "ringfence_gateway_sockets") {
			t.Errorf("the collector got %.100q", got)
		}
	case <-time.After(patience):
		t.Error("the collector got nothing")
	}
	if code, _ := get(n.admin, "/readyz"); code != http.StatusOK {
		t.Errorf("readyz before the drain: %d", code)
	}
	if err := n.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	n.until(t, "readyz says no", func() bool {
		code, text := get(n.admin, "/readyz")
		return code == http.StatusServiceUnavailable && strings.Contains(text, "draining")
	})
	if !s.alive() {
		t.Error("a socket ended before its drain's delay")
	}
	if _, status := n.knock(t, who{ours, "bert", 1}); status != http.StatusServiceUnavailable {
		t.Errorf("a new socket during the drain: %d", status)
	}
	if code, err := s.end(patience); code != 1012 {
		t.Errorf("drained with %d, %v", code, err)
	}
	s.Close()
	if code := n.code(); code != 0 {
		t.Errorf("exit %d: %s", code, tail(n.stderr.String()))
	}
	if text := n.stderr.String() + n.stdout.String(); strings.Contains(text, tokenSecret) {
		t.Error("the log holds a secret")
	}
}
