//go:build system

package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/golang-jwt/jwt/v5"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/auth"
	"github.com/ringfencehq/ringfence/internal/nettest"
)

// secured is one gateway behind TLS, which takes its issuer's keys from a URL.
type secured struct {
	*node
	roots  *x509.CertPool
	key    ed25519.PrivateKey
	keyID  string
	keys   *httptest.Server
	tokens []string // all that were shown: none may be in the log
}

// certificate writes a certificate for 127.0.0.1 and its key, and returns who trusts it.
func certificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]*pem.Block{"tls.crt": {Type: "CERTIFICATE", Bytes: der}, "tls.key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	own, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(own)
	return pool
}

func newSecured(t *testing.T) *secured {
	t.Helper()
	dir := t.TempDir()
	s := &secured{node: &node{name: "gw", dir: dir, file: filepath.Join(dir, "gateway.yaml"), address: nettest.Free(t), admin: nettest.Free(t)}, roots: certificate(t, dir)}
	var err error
	if _, s.key, err = ed25519.GenerateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	issuer, err := auth.NewIssuer(auth.IssuerOptions{Name: "login", Audience: "voice", Key: s.key})
	if err != nil {
		t.Fatal(err)
	}
	s.keys = httptest.NewServer(issuer)
	t.Cleanup(s.keys.Close)
	tenant, err := ringfence.ParseTenant(ours)
	if err != nil {
		t.Fatal(err)
	}
	first, err := issuer.Issue(ringfence.Identity{Tenant: tenant, User: "first"})
	if err != nil {
		t.Fatal(err)
	}
	parsed, _, err := jwt.NewParser().ParseUnverified(first, jwt.MapClaims{})
	if err != nil {
		t.Fatal(err)
	}
	s.keyID, _ = parsed.Header["kid"].(string)
	s.write(t, "https://app.example.com", echoServer(t))
	s.process = start(t, dir, nil, "gateway", "-c", s.file)
	s.waitReady(t)
	return s
}

func (s *secured) write(t *testing.T, origin, backend string) {
	t.Helper()
	text := fmt.Sprintf(`listen: %s
admin: {listen: %q}
tls: {cert_file: %q, key_file: %q}
origins: [%q]
backend: {url: %q}
token: {from: [header, cookie, subprotocol, query, message], message: {reply: '{"type":"auth.ok"}'}}
protocol: {preset: voice}
limits: {user: {sockets: 3}}
drain: {spread: 500ms}
auth: {issuers: [{name: login, audiences: [voice], jwks: %q}], tenant_claims: [restaurant_id]}
trail: {dir: %q, node: gw}
`, s.address, s.admin, filepath.Join(s.dir, "tls.crt"), filepath.Join(s.dir, "tls.key"), origin, backend, s.keys.URL, filepath.Join(s.dir, "trail"))
	if err := os.WriteFile(s.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// token signs claims of a user.
func (s *secured) token(t *testing.T, user string, claims jwt.MapClaims) string {
	t.Helper()
	all := jwt.MapClaims{"iss": "login", "aud": "voice", "sub": user, "restaurant_id": ours, "iat": time.Now().Unix(), "exp": time.Now().Add(10 * time.Minute).Unix()}
	for k, v := range claims {
		all[k] = v
	}
	j := jwt.NewWithClaims(jwt.SigningMethodEdDSA, all)
	j.Header["kid"] = s.keyID
	text, err := j.SignedString(s.key)
	if err != nil {
		t.Fatal(err)
	}
	s.tokens = append(s.tokens, text)
	return text
}

// dial shakes hands over TLS; status is what refuses it, or 0.
func (s *secured) dial(t *testing.T, query string, h http.Header, protocols ...string) (client, int) {
	t.Helper()
	d := ws.Dialer{Timeout: patience, Header: ws.HandshakeHeaderHTTP(h), Protocols: protocols, TLSConfig: &tls.Config{RootCAs: s.roots}}
	return shake(t, d, "wss://"+s.address+"/voice"+query)
}

// shake shakes hands; status is what refuses it, or 0.
func shake(t *testing.T, d ws.Dialer, url string) (client, int) {
	t.Helper()
	conn, early, _, err := d.Dial(context.Background(), url)
	var refused ws.StatusError
	switch {
	case errors.As(err, &refused):
		return client{}, int(refused)
	case err != nil:
		t.Fatal(err)
	case early != nil:
		ws.PutReader(early)
	}
	t.Cleanup(func() { conn.Close() })
	return client{conn}, 0
}

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

// TestSystemGatewayBinary tries the built program as its operators and clients meet it: TLS, a token from every place that it may come
// from, keys from a URL that goes away, clocks that differ, expiry, limits, origins, reload and drain. No token is in its log.
func TestSystemGatewayBinary(t *testing.T) {
	s := newSecured(t)
	for place, dial := range map[string]func(string) (client, int){
		"header": func(k string) (client, int) { return s.dial(t, "", bearer(k)) },
		"cookie": func(k string) (client, int) {
			return s.dial(t, "", http.Header{"Cookie": {"a=b; ringfence_token=" + k}})
		},
		"subprotocol": func(k string) (client, int) { return s.dial(t, "", nil, "bearer."+k) },
		"query":       func(k string) (client, int) { return s.dial(t, "?access_token="+k, nil) },
		"message": func(k string) (client, int) {
			c, status := s.dial(t, "", nil)
			if status == 0 {
				_ = wsutil.WriteClientText(c, []byte(`{"type":"auth","token":"`+k+`"}`))
				_ = c.SetReadDeadline(time.Now().Add(patience))
				if b, _, err := wsutil.ReadServerData(c); err != nil || string(b) != `{"type":"auth.ok"}` {
					return c, http.StatusUnauthorized
				}
			}
			return c, status
		},
	} {
		c, status := dial(s.token(t, "by-"+place, nil))
		if status != 0 || !c.alive() {
			t.Errorf("%s: %d", place, status)
		}
		if _, status := dial(s.token(t, "by-"+place, jwt.MapClaims{"aud": "another"})); status != http.StatusUnauthorized {
			t.Errorf("%s: a token for another is answered with %d", place, status)
		}
	}

	// The keys' server goes away: what it gave is used on, and clocks may differ by less than the skew.
	s.keys.Close()
	for what, c := range map[string]struct {
		claims jwt.MapClaims
		want   int
	}{
		"with known keys":  {nil, 0},
		"a little early":   {jwt.MapClaims{"iat": time.Now().Add(10 * time.Second).Unix(), "nbf": time.Now().Add(10 * time.Second).Unix()}, 0},
		"far too early":    {jwt.MapClaims{"nbf": time.Now().Add(5 * time.Minute).Unix()}, http.StatusUnauthorized},
		"expired":          {jwt.MapClaims{"exp": time.Now().Add(-time.Minute).Unix()}, http.StatusUnauthorized},
		"without a tenant": {jwt.MapClaims{"restaurant_id": nil}, http.StatusForbidden},
	} {
		if _, status := s.dial(t, "", bearer(s.token(t, "skew "+what, c.claims))); status != c.want {
			t.Errorf("%s: %d, want %d", what, status, c.want)
		}
	}

	// A socket ends with its token.
	short := time.Now().Add(2 * time.Second).Truncate(time.Second).Add(time.Second)
	c, status := s.dial(t, "", bearer(s.token(t, "short", jwt.MapClaims{"exp": short.Unix()})))
	if status != 0 {
		t.Fatal(status)
	}
	code, err := c.end(patience)
	late := time.Since(short)
	if code != ws.StatusPolicyViolation || late < 0 || late > 5*time.Second {
		t.Errorf("a socket ended %v after its token, with %d, %v", late, code, err)
	}
	t.Logf("cut %v after expiry", late)

	// Limits and origins.
	for i := range 4 {
		_, status := s.dial(t, "", bearer(s.token(t, "greedy", nil)))
		if want := map[bool]int{true: http.StatusTooManyRequests}[i == 3]; status != want {
			t.Errorf("socket %d of a user who may have three: %d", i+1, status)
		}
	}
	from := func(origin string) int {
		h := bearer(s.token(t, "browser", nil))
		h.Set("Origin", origin)
		c, status := s.dial(t, "", h)
		if status == 0 {
			c.Close()
		}
		return status
	}
	if a, b := from("https://app.example.com"), from("https://evil.example.com"); a != 0 || b != http.StatusForbidden {
		t.Errorf("origins: the own is answered with %d, a foreign one with %d", a, b)
	}

	// A reload drops no socket, and counts for the next one.
	live, status := s.dial(t, "", bearer(s.token(t, "live", nil)))
	if status != 0 {
		t.Fatal(status)
	}
	s.write(t, "https://evil.example.com", echoServer(t))
	if err := s.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.until(t, "the reload counts", func() bool { return from("https://app.example.com") == http.StatusForbidden })
	if !live.alive() {
		t.Error("the reload dropped a socket")
	}

	// A drain says when to come back.
	if err := s.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = live.SetReadDeadline(time.Now().Add(patience))
	for {
		f, err := ws.ReadFrame(live)
		if err != nil {
			t.Fatal(err)
		}
		if f.Header.OpCode != ws.OpClose {
			continue
		}
		if code, reason := ws.ParseCloseFrameData(f.Payload); code != 1012 || !strings.HasPrefix(reason, "restart; retry-after-ms=") {
			t.Errorf("drained with %d %q", code, reason)
		}
		break
	}
	live.Close()
	if code := s.code(); code != 0 {
		t.Errorf("exit %d: %s", code, tail(s.stderr.String()))
	}
	for _, token := range s.tokens {
		for _, part := range strings.Split(token, ".")[1:] {
			if strings.Contains(s.stderr.String()+s.stdout.String(), part) {
				t.Fatalf("the log holds a token: %s", tail(s.stderr.String()))
			}
		}
	}
}
