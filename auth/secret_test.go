package auth

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/ringfencehq/ringfence"
)

// shreds are the parts of a token that must stand nowhere: each segment, and each long piece of one.
func shreds(token string) []string {
	var out []string
	for part := range strings.SplitSeq(token, ".") {
		const piece = 24
		for i := 0; i+piece <= len(part); i += piece {
			out = append(out, part[i:i+piece])
		}
	}
	return out
}

// told is all that an error chain and events say, in every way they are usually printed.
func told(t testing.TB, err error, events []ringfence.Event) string {
	t.Helper()
	var b bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&b, nil))
	for e := err; e != nil; e = errors.Unwrap(e) {
		fmt.Fprintf(&b, "%v\n%+v\n%#v\n%s\n", e, e, e, e)
	}
	log.Error("refused", "err", err, "events", events)
	fmt.Fprintf(&b, "%v %+v %#v\n", events, events, events)
	if err := json.NewEncoder(&b).Encode(events); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// secretFree holds that nothing of a token is told.
func secretFree(t testing.TB, token string, err error, events []ringfence.Event) {
	t.Helper()
	text := told(t, err, events)
	for _, s := range shreds(token) {
		if strings.Contains(text, s) {
			t.Errorf("%q of the token is told: %s", s, text)
		}
	}
}

// The grep itself finds what it looks for.
func TestSecretFreeCanFail(t *testing.T) {
	token := edToken(t, good())
	for name, text := range map[string]string{
		"error": told(t, fmt.Errorf("verifying %s", token), nil),
		"event": told(t, nil, []ringfence.Event{{Detail: map[string]string{"token": token}}}),
	} {
		if !strings.Contains(text, shreds(token)[0]) {
			t.Errorf("%s: a token told is not found", name)
		}
	}
}

// Whatever holds a key or a secret prints without it, wherever it is printed from.
func TestSecretsDoNotPrint(t *testing.T) {
	text := "a secret of thirty-two bytes, at least"
	secret, _ := NewSecret("id", []byte(text))
	seed := []byte("an Ed25519 seed, of 32 bytes....")
	issuer, err := NewIssuer(IssuerOptions{Name: "i", Audience: "a", Key: ed25519.NewKeyFromSeed(seed)})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{TenantClaims: []string{"t"}, Issuers: []TrustedIssuer{{Name: "x", Audiences: []string{"a"}, Keys: secret}, issuer.Trust()}}
	v, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&b, nil))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
		fmt.Fprintf(&b, verb+" "+verb+" "+verb+"\n", secret, issuer, o)
	}
	fmt.Fprintf(&b, "%v %+v\n", v, v)
	log.Info("x", "secret", secret, "issuer", issuer, "options", o)
	if data, err := json.Marshal(secret); err == nil {
		b.Write(data)
	}
	for _, raw := range [][]byte{[]byte(text), seed} {
		for _, form := range []string{string(raw), hex.EncodeToString(raw), base64.StdEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw),
			strings.Trim(fmt.Sprint(raw), "[]"), strings.Trim(fmt.Sprintf("%#v", raw), "[]byte{}")} {
			if strings.Contains(b.String(), form) {
				t.Errorf("a secret prints as %.20q…", form)
			}
		}
	}
}

// FuzzAuthorize holds that only what the issuer signed is taken, that nothing panics, and that nothing of a token is told.
func FuzzAuthorize(f *testing.F) {
	key := ed25519.NewKeyFromSeed([]byte("an Ed25519 seed, of 32 bytes....")) // the same in each worker's process
	source, _ := NewStaticKeys(Key{ID: "ed", Algorithm: "EdDSA", Public: key.Public()})
	right := sign(f, "EdDSA", key, map[string]any{"kid": "ed"}, good())
	head, rest, _ := strings.Cut(right, ".")
	for _, seed := range []string{right, "", ".", "..", "e30.e30.", head + ".." + head, head + ".bnVsbA.", rest, right + ".", strings.ToUpper(right),
		"eyJhbGciOiJub25lIn0." + strings.SplitN(rest, ".", 2)[0] + "."} {
		f.Add(seed)
	}
	v, rec := verifier(f, func(o *Options) { o.Issuers[0].Keys = source })
	f.Fuzz(func(t *testing.T, token string) {
		id, err := v.Authorize(context.Background(), credential(token))
		events := rec.take()
		if err == nil {
			if token != right || !id.Tenant.Valid() {
				t.Fatalf("%q is taken: %+v", token, id)
			}
			return
		}
		if _, ok := ringfence.RefusalOf(err); !ok || len(events) != 1 {
			t.Fatalf("%v, %d events", err, len(events))
		}
		if len(token) > 200 { // short ones are words that may stand anywhere
			secretFree(t, token, err, events)
		}
	})
}
