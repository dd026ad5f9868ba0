package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// publish writes the public part of a signing key as a JWK.
func publish(id, alg string) map[string]any {
	b64 := base64.RawURLEncoding.EncodeToString
	switch p := signingKeys()[alg].Public().(type) {
	case *rsa.PublicKey:
		return map[string]any{"kty": "RSA", "kid": id, "alg": alg, "use": "sig", "n": b64(p.N.Bytes()), "e": b64(big.NewInt(int64(p.E)).Bytes())}
	case *ecdsa.PublicKey:
		point, _ := p.Bytes()
		size := (len(point) - 1) / 2
		return map[string]any{"kty": "EC", "kid": id, "alg": alg, "crv": p.Curve.Params().Name, "x": b64(point[1 : 1+size]), "y": b64(point[1+size:])}
	case ed25519.PublicKey:
		return map[string]any{"kty": "OKP", "kid": id, "alg": alg, "crv": "Ed25519", "x": b64(p)}
	}
	panic("no such key: " + alg)
}

// but changes members of a JWK; nil takes one away.
func but(k map[string]any, changes map[string]any) map[string]any {
	for name, v := range changes {
		if k[name] = v; v == nil {
			delete(k, name)
		}
	}
	return k
}

func document(keys ...map[string]any) []byte {
	data, _ := json.Marshal(map[string]any{"keys": keys})
	return data
}

// server publishes a document that tests change, and counts who asks.
type server struct {
	*httptest.Server
	mu     sync.Mutex
	body   []byte
	status int
	hold   chan struct{} // requests wait for it, where set
	asked  atomic.Int64
}

func newServer(t *testing.T, body []byte) *server {
	s := &server{body: body, status: http.StatusOK}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		s.mu.Lock()
		body, status, hold := s.body, s.status, s.hold
		s.mu.Unlock()
		if hold != nil {
			select {
			case <-hold:
			case <-r.Context().Done():
			}
		}
		if status == http.StatusFound {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(status)
		w.Write(body)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) set(status int, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status, s.body = status, body
}

// remote makes keys of a server, on a clock that the test moves.
func remote(t *testing.T, s *server) (*RemoteKeys, func(time.Duration)) {
	t.Helper()
	var at atomic.Int64
	r, err := NewRemoteKeys(RemoteOptions{URL: s.URL + "/jwks?x=secret", Now: func() time.Time { return start.Add(time.Duration(at.Load())) }})
	if err != nil {
		t.Fatal(err)
	}
	return r, func(d time.Duration) { at.Add(int64(d)) }
}

func has(t *testing.T, r KeySource, id, alg string, want error) {
	t.Helper()
	k, err := r.Key(context.Background(), id, alg)
	if !errors.Is(err, want) || (err == nil) != (k != nil) {
		t.Errorf("%s for %s: %T, %v", id, alg, k, err)
	}
}

func TestRemoteRotation(t *testing.T) {
	s := newServer(t, document(publish("a", "RS256")))
	r, wait := remote(t, s)
	has(t, r, "a", "RS256", nil)
	has(t, r, "a", "RS256", nil)
	if n := s.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	s.set(http.StatusOK, document(publish("b", "ES256")))
	has(t, r, "b", "ES256", ErrKeyUnknown) // too early to ask again
	if n := s.asked.Load(); n != 1 {
		t.Errorf("asked %d times within the least interval", n)
	}
	wait(10 * time.Second)
	has(t, r, "b", "ES256", nil)
	has(t, r, "a", "RS256", ErrKeyUnknown) // withdrawn
	has(t, r, "b", "ES384", ErrKeyUnknown)
	if n := s.asked.Load(); n != 2 {
		t.Errorf("asked %d times", n)
	}
	s.set(http.StatusOK, document(publish("c", "EdDSA")))
	wait(15 * time.Minute) // of age: a withdrawn key is not used any more, though it is known
	has(t, r, "b", "ES256", ErrKeyUnknown)
	has(t, r, "c", "EdDSA", nil)
}

func TestRemoteStaleIfError(t *testing.T) {
	s := newServer(t, document(publish("a", "EdDSA")))
	r, wait := remote(t, s)
	has(t, r, "a", "EdDSA", nil)
	s.set(http.StatusInternalServerError, nil)
	wait(23 * time.Hour)
	has(t, r, "a", "EdDSA", nil)
	if st := r.Status(); st.Failures == 0 || !st.Usable || st.Keys != 1 || st.Age != 23*time.Hour || r.Err() == nil {
		t.Errorf("%+v, %v", st, r.Err())
	}
	wait(time.Hour + time.Second)
	has(t, r, "a", "EdDSA", ErrKeysUnavailable) // too old
	if r.Status().Usable {
		t.Error("usable")
	}
	s.set(http.StatusOK, document(publish("a", "EdDSA")))
	wait(10 * time.Second)
	has(t, r, "a", "EdDSA", nil)
	if want := (RemoteStatus{Keys: 1, Usable: true}); r.Status() != want || r.Err() != nil {
		t.Errorf("%+v, %v", r.Status(), r.Err())
	}
}

// Of many who ask at once, with made-up key ids too, one fetch comes.
func TestRemoteSingleFlight(t *testing.T) {
	s := newServer(t, document(publish("a", "EdDSA")))
	s.hold = make(chan struct{})
	r, _ := remote(t, s)
	var group sync.WaitGroup
	var got atomic.Int64
	for i := range 50 {
		group.Go(func() {
			id := "a"
			if i%2 == 1 {
				id = "made up"
			}
			if _, err := r.Key(context.Background(), id, "EdDSA"); err == nil {
				got.Add(1)
			}
		})
	}
	close(s.hold)
	group.Wait()
	if s.asked.Load() != 1 || got.Load() != 25 {
		t.Errorf("asked %d times, %d got a key", s.asked.Load(), got.Load())
	}
}

// A server that hangs holds nobody up beyond their own deadline, and those with usable keys for a second at most.
func TestRemoteHangs(t *testing.T) {
	s := newServer(t, document(publish("a", "EdDSA")))
	r, wait := remote(t, s)
	r.o.Wait = time.Millisecond
	has(t, r, "a", "EdDSA", nil)
	s.mu.Lock()
	s.hold = make(chan struct{})
	s.mu.Unlock()
	wait(16 * time.Minute)
	has(t, r, "a", "EdDSA", nil) // by Wait, on the keys at hand
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := r.Key(ctx, "made up", "EdDSA"); !errors.Is(err, ErrKeysUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	close(s.hold)
}

func TestRemoteDocuments(t *testing.T) {
	many := make([]map[string]any, 65)
	for i := range many {
		many[i] = publish(strings.Repeat("k", i+1), "EdDSA")
	}
	for name, c := range map[string]struct {
		status int
		body   []byte
	}{
		"redirect":           {http.StatusFound, document(publish("a", "EdDSA"))},
		"not found":          {http.StatusNotFound, document(publish("a", "EdDSA"))},
		"no JSON":            {http.StatusOK, []byte("<html>")},
		"no list":            {http.StatusOK, []byte(`{}`)},
		"nothing usable":     {http.StatusOK, document()},
		"too large":          {http.StatusOK, append(document(publish("a", "EdDSA")), make([]byte, 256<<10)...)},
		"too many":           {http.StatusOK, document(many...)},
		"two of one id":      {http.StatusOK, document(publish("a", "EdDSA"), publish("a", "EdDSA"))},
		"trailing":           {http.StatusOK, append(document(publish("a", "EdDSA")), "{}"...)},
		"only a private key": {http.StatusOK, document(but(publish("a", "EdDSA"), map[string]any{"d": "AAAA"}))},
	} {
		s := newServer(t, c.body)
		s.set(c.status, c.body)
		r, _ := remote(t, s)
		_, err := r.Key(context.Background(), "a", "EdDSA")
		if !errors.Is(err, ErrKeysUnavailable) || r.Err() == nil || strings.Contains(r.Err().Error(), "secret") {
			t.Errorf("%s: %v; %v", name, err, r.Err())
		}
	}
}

func TestRemoteAddress(t *testing.T) {
	for _, good := range []string{"https://id.example.com/jwks", "http://127.0.0.1:8080/x", "http://[::1]/x", "http://localhost/x"} {
		if _, err := NewRemoteKeys(RemoteOptions{URL: good}); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "http://id.example.com/jwks", "ftp://127.0.0.1/", "file:///etc/passwd", "https://", "//id.example.com/x",
		"https://user:pass@id.example.com/", "http://127.0.0.1.example.com/", "http://localhost.example.com/", "https://id.example.com/#x"} {
		if _, err := NewRemoteKeys(RemoteOptions{URL: bad}); err == nil || strings.Contains(err.Error(), "pass@") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	for name, o := range map[string]RemoteOptions{"negative": {Refresh: -1}, "stale": {MaxStale: time.Minute}, "algorithm": {RSAAlgorithm: "HS256"}} {
		o.URL = "https://id.example.com/"
		if _, err := NewRemoteKeys(o); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// Each key is typed to one algorithm when it is read, or left out.
func TestParseJWKS(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	weakN := base64.RawURLEncoding.EncodeToString(weak.N.Bytes())
	cases := []struct {
		name string
		key  map[string]any
		want string // the algorithm; empty: left out
	}{
		{"RSA", publish("a", "PS384"), "PS384"},
		{"RSA without algorithm", but(publish("a", "RS256"), map[string]any{"alg": nil}), "RS512"},
		{"EC without algorithm", but(publish("a", "ES384"), map[string]any{"alg": nil}), "ES384"},
		{"P-521", publish("a", "ES512"), "ES512"},
		{"Ed25519 without algorithm", but(publish("a", "EdDSA"), map[string]any{"alg": nil}), "EdDSA"},
		{"Ed25519 by its new name", but(publish("a", "EdDSA"), map[string]any{"alg": "Ed25519"}), "EdDSA"},
		{"for verifying", but(publish("a", "EdDSA"), map[string]any{"key_ops": []string{"verify"}}), "EdDSA"},
		{"for encrypting", but(publish("a", "RS256"), map[string]any{"use": "enc"}), ""},
		{"for signing only", but(publish("a", "EdDSA"), map[string]any{"key_ops": []string{"sign"}}), ""},
		{"a private part", but(publish("a", "EdDSA"), map[string]any{"d": "AAAA"}), ""},
		{"a shared secret", map[string]any{"kty": "oct", "kid": "a", "alg": "HS256", "k": "AAAA"}, ""},
		{"RSA for HS256", but(publish("a", "RS256"), map[string]any{"alg": "HS256"}), ""},
		{"RSA for none", but(publish("a", "RS256"), map[string]any{"alg": "none"}), ""},
		{"RSA for encryption", but(publish("a", "RS256"), map[string]any{"alg": "RSA-OAEP"}), ""},
		{"RSA for ES256", but(publish("a", "RS256"), map[string]any{"alg": "ES256"}), ""},
		{"RSA of 1024 bits", but(publish("a", "RS256"), map[string]any{"n": weakN}), ""},
		{"RSA of no bits", but(publish("a", "RS256"), map[string]any{"n": ""}), ""},
		{"RSA with exponent 1", but(publish("a", "RS256"), map[string]any{"e": "AQ"}), ""},
		{"RSA with an even exponent", but(publish("a", "RS256"), map[string]any{"e": "BA"}), ""},
		{"RSA with a huge exponent", but(publish("a", "RS256"), map[string]any{"e": "_____w"}), ""},
		{"RSA with a huge modulus", but(publish("a", "RS256"), map[string]any{"n": strings.Repeat("_", 4000)}), ""},
		{"EC of another curve's algorithm", but(publish("a", "ES256"), map[string]any{"alg": "ES384"}), ""},
		{"EC of an unknown curve", but(publish("a", "ES256"), map[string]any{"crv": "secp256k1"}), ""},
		{"EC off its curve", but(publish("a", "ES256"), map[string]any{"y": publish("a", "ES256")["x"]}), ""},
		{"EC with a short point", but(publish("a", "ES256"), map[string]any{"x": "AAAA"}), ""},
		{"OKP of X25519", but(publish("a", "EdDSA"), map[string]any{"crv": "X25519"}), ""},
		{"OKP with a short point", but(publish("a", "EdDSA"), map[string]any{"x": "AAAA"}), ""},
		{"an unknown kind", map[string]any{"kty": "PQ", "kid": "a"}, ""},
		{"a long id", publish(strings.Repeat("a", 257), "EdDSA"), ""},
		{"an id that is no text", but(publish("a", "EdDSA"), map[string]any{"kid": 7}), ""},
	}
	for _, c := range cases {
		set, left, err := parseJWKS(document(c.key), 64, "RS512")
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		got := map[string]bool{}
		for name := range set {
			got[name.algorithm] = true
		}
		want := map[string]bool{}
		if c.want != "" {
			want[c.want] = true
		}
		if !cmp.Equal(got, want) || left != 1-len(want) {
			t.Errorf("%s: %v, %d left out", c.name, got, left)
		}
	}
}
