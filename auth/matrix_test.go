package auth

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ringfencehq/ringfence"
)

// raw signs any header and payload with Ed25519, whatever they are.
func raw(t testing.TB, header, payload string, key crypto.Signer) string {
	t.Helper()
	b64 := base64.RawURLEncoding.EncodeToString
	signed := b64([]byte(header)) + "." + b64([]byte(payload))
	sig, err := key.Sign(nil, []byte(signed), crypto.Hash(0))
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + b64(sig)
}

// claimsJSON are good claims with one of them as given.
func claimsJSON(t testing.TB, name, value string) string {
	t.Helper()
	c := with(jwt.MapClaims{name: json.RawMessage(value)})
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestMatrix tries every algorithm against every key and every way to name it: a token is taken where, and only where, the
// algorithm, the key id and the signing key are those of one published key.
func TestMatrix(t *testing.T) {
	keys := signingKeys()
	var published []Key
	for _, alg := range asymmetric {
		published = append(published, Key{ID: "k-" + alg, Algorithm: alg, Public: keys[alg].Public()})
	}
	source, err := NewStaticKeys(published...)
	if err != nil {
		t.Fatal(err)
	}
	secret := []byte(strings.Repeat("s", 32))
	shared, _ := NewSecret("", secret)
	v, rec := verifier(t, func(o *Options) {
		o.Issuers[0].Keys = source
		o.Issuers = append(o.Issuers, TrustedIssuer{Name: "https://hs.example.com/", Audiences: []string{audience}, Keys: shared})
	})
	tried, taken := 0, 0
	try := func(name, token string, want bool) {
		tried++
		_, err := v.Authorize(context.Background(), credential(token))
		if (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			taken++
			return
		}
		if r, ok := ringfence.RefusalOf(err); !ok || r.Event.Type != ringfence.TokenInvalid {
			t.Errorf("%s: %v", name, err)
		}
		secretFree(t, token, err, rec.take())
	}
	for _, alg := range asymmetric {
		for _, by := range asymmetric {
			if !fits(alg, by) {
				continue // the signer cannot make such a signature at all
			}
			for _, owner := range []string{"", "other "} {
				for _, kid := range append([]string{"", "k-unknown", "../k-" + alg, "k-" + alg + "\x00", "K-" + alg}, kids(published)...) {
					header := map[string]any{"kid": kid}
					if kid == "" {
						header = nil
					}
					token := sign(t, alg, keys[owner+by], header, good())
					try(fmt.Sprintf("%s by %q under %q", alg, owner+by, kid), token, owner == "" && kid == "k-"+alg)
				}
			}
		}
	}
	for _, alg := range symmetric {
		for name, key := range confused(t, keys) {
			for _, kid := range append(kids(published), "") {
				header := map[string]any{"kid": kid}
				if kid == "" {
					header = nil
				}
				try(alg+" signed with "+name+" under "+kid, sign(t, alg, key, header, good()), false)
				other := sign(t, alg, key, header, with(jwt.MapClaims{"iss": "https://hs.example.com/"}))
				try(alg+" signed with "+name+" of the secret's issuer", other, false)
			}
		}
		right := with(jwt.MapClaims{"iss": "https://hs.example.com/"})
		try(alg+" with the secret", sign(t, alg, secret, nil, right), true)
		try(alg+" with the secret and a kid", sign(t, alg, secret, map[string]any{"kid": "x"}, right), false)
		try(alg+" with the secret, of the other issuer", sign(t, alg, secret, nil, good()), false)
		try(alg+" with another secret", sign(t, alg, []byte(strings.Repeat("t", 32)), nil, right), false)
	}
	for _, iss := range []string{issName, "https://hs.example.com/"} {
		for _, kid := range append(kids(published), "") {
			token := sign(t, "none", jwt.UnsafeAllowNoneSignatureType, map[string]any{"kid": kid}, with(jwt.MapClaims{"iss": iss}))
			try("none under "+kid, token, false)
			for _, spelling := range []string{"None", "NONE", "nOnE", "", "HS1", "RS1"} {
				head, _ := json.Marshal(map[string]any{"alg": spelling, "kid": "k-EdDSA"})
				try(spelling, raw(t, string(head), claimsJSON(t, "iss", fmt.Sprintf("%q", iss)), keys["EdDSA"]), false)
			}
		}
	}
	for _, alg := range asymmetric { // an asymmetric token of the secret's issuer, and the embedded key of a stranger
		try(alg+" of the secret's issuer", sign(t, alg, keys[alg], map[string]any{"kid": "k-" + alg}, with(jwt.MapClaims{"iss": "https://hs.example.com/"})), false)
		embedded := map[string]any{"kid": "k-" + alg, "jwk": map[string]any{"kty": "OKP"}, "jku": "https://evil.example.com/jwks", "x5u": "https://evil.example.com/x"}
		try(alg+" with a key of its own", sign(t, alg, keys["other "+alg], embedded, good()), false)
	}
	if want := len(asymmetric) + len(symmetric); taken < want || tried < 1000 {
		t.Errorf("%d of %d were taken, %d are the least", taken, tried, want)
	}
	t.Logf("%d combinations tried, %d taken", tried, taken)
}

// fits reports whether a key of one algorithm can sign by another.
func fits(alg, by string) bool {
	family := func(a string) string { return strings.NewReplacer("PS", "RS", "384", "256", "512", "256").Replace(a) }
	if strings.HasPrefix(alg, "ES") {
		return alg == by
	}
	return family(alg) == family(by)
}

func kids(keys []Key) (ids []string) {
	for _, k := range keys {
		ids = append(ids, k.ID)
	}
	return ids
}

// confused are the public keys in the forms that a verifier could mistake for a shared secret.
func confused(t *testing.T, keys map[string]crypto.Signer) map[string][]byte {
	t.Helper()
	out := map[string][]byte{"nothing": {}}
	for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
		der, err := x509.MarshalPKIXPublicKey(keys[alg].Public())
		if err != nil {
			t.Fatal(err)
		}
		text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
		out[alg+" DER"], out[alg+" PEM"], out[alg+" PEM trimmed"] = der, text, []byte(strings.TrimSpace(string(text)))
	}
	return out
}

// An issuer's shorter list is held to, also for keys that it publishes.
func TestAlgorithmsOfAnIssuer(t *testing.T) {
	source, _ := NewStaticKeys(Key{ID: "a", Algorithm: "ES256", Public: signingKeys()["ES256"].Public()},
		Key{ID: "b", Algorithm: "EdDSA", Public: signingKeys()["EdDSA"].Public()})
	v, rec := verifier(t, func(o *Options) { o.Issuers[0].Keys, o.Issuers[0].Algorithms = source, []string{"ES256"} })
	if _, err := v.Authorize(context.Background(), credential(sign(t, "ES256", signingKeys()["ES256"], map[string]any{"kid": "a"}, good()))); err != nil {
		t.Error(err)
	}
	refused(t, v, rec, sign(t, "EdDSA", signingKeys()["EdDSA"], map[string]any{"kid": "b"}, good()), ringfence.TokenInvalid, ReasonAlgorithm)
}

// A source that hands out a secret, or a key of another kind, without being configured as one, is not believed.
func TestKeySourceIsNotBelieved(t *testing.T) {
	secret := []byte(strings.Repeat("s", 32))
	for name, c := range map[string]struct {
		key   any
		token string
	}{
		"a secret for EdDSA": {secret, edToken(t, good())},
		"another kind":       {signingKeys()["RS256"].Public(), edToken(t, good())},
		"a curve too large":  {signingKeys()["ES384"].Public(), sign(t, "ES256", signingKeys()["ES256"], nil, good())},
		"nothing":            {nil, edToken(t, good())},
	} {
		v, rec := verifier(t, func(o *Options) { o.Issuers[0].Keys = anyKey{c.key} })
		t.Run(name, func(t *testing.T) { refused(t, v, rec, c.token, ringfence.TokenInvalid, ReasonKey) })
	}
}

type anyKey struct{ key any }

func (a anyKey) Key(context.Context, string, string) (any, error) { return a.key, nil }

// Keys that cannot be had are a fault of ours, not a refusal, and nobody is let in.
func TestKeysUnavailable(t *testing.T) {
	r, err := NewRemoteKeys(RemoteOptions{URL: "http://127.0.0.1:1/jwks", Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	v, rec := verifier(t, func(o *Options) { o.Issuers[0].Keys = r })
	token := edToken(t, good())
	id, err := v.Authorize(context.Background(), credential(token))
	if _, ok := ringfence.RefusalOf(err); ok || err == nil || id.Tenant.Valid() || len(rec.take()) != 0 {
		t.Errorf("%v, %v", id, err)
	}
	secretFree(t, token, err, nil)
}
