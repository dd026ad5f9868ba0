package auth

import (
	"context"
	"crypto/ed25519"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence"
)

func newIssuer(t *testing.T, change func(*IssuerOptions)) *Issuer {
	t.Helper()
	o := IssuerOptions{Name: issName, Audience: audience, TenantClaim: "org_id", Key: signingKeys()["EdDSA"].(ed25519.PrivateKey),
		Now: func() time.Time { return start }}
	if change != nil {
		change(&o)
	}
	i, err := NewIssuer(o)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// What is issued is read back as the same identity, with the keys at hand and by the published document.
func TestIssue(t *testing.T) {
	tenant, _ := ringfence.ParseTenant(tenantA)
	want := ringfence.Identity{Tenant: tenant, User: "u", Session: "s", Token: "t", Device: "d", Roles: []string{"a", "b"}, Issued: start.Local(), Expires: start.Add(10 * time.Minute).Local()}
	i := newIssuer(t, nil)
	given := want
	given.Expires = time.Time{}
	token, err := i.Issue(given)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(i)
	defer web.Close()
	published, err := NewRemoteKeys(RemoteOptions{URL: web.URL})
	if err != nil {
		t.Fatal(err)
	}
	for name, trust := range map[string]TrustedIssuer{"at hand": i.Trust(), "published": {Name: issName, Audiences: []string{audience}, Keys: published}} {
		v, _ := verifier(t, func(o *Options) { o.Issuers = []TrustedIssuer{trust} })
		got, err := v.Authorize(context.Background(), credential(token))
		if d := cmp.Diff(want, got, comparT); err != nil || d != "" {
			t.Errorf("%s: %v\n%s", name, err, d)
		}
	}
	given.Token, given.Expires = "", start.Add(time.Minute)
	first, _ := i.Issue(given)
	second, _ := i.Issue(given)
	v, _ := verifier(t, func(o *Options) { o.Issuers = []TrustedIssuer{i.Trust()} })
	a, _ := v.Authorize(context.Background(), credential(first))
	b, _ := v.Authorize(context.Background(), credential(second))
	if a.Token == "" || a.Token == b.Token || !a.Expires.Equal(start.Add(time.Minute)) {
		t.Errorf("%+v, %+v", a, b)
	}
}

// Keys rotate without a token being refused that is in order, and the last key is forgotten when it is not published any more.
func TestIssuerRotation(t *testing.T) {
	old, next := newIssuer(t, nil), signingKeys()["other EdDSA"].(ed25519.PrivateKey)
	oldKey := signingKeys()["EdDSA"].Public().(ed25519.PublicKey)
	tenant, _ := ringfence.ParseTenant(tenantA)
	token, _ := old.Issue(ringfence.Identity{Tenant: tenant, User: "u"})
	both := newIssuer(t, func(o *IssuerOptions) { o.Key, o.Others = next, []ed25519.PublicKey{oldKey} })
	v, _ := verifier(t, func(o *Options) { o.Issuers = []TrustedIssuer{both.Trust()} })
	fresh, _ := both.Issue(ringfence.Identity{Tenant: tenant, User: "u"})
	for _, tok := range []string{token, fresh} {
		if _, err := v.Authorize(context.Background(), credential(tok)); err != nil {
			t.Error(err)
		}
	}
	alone := newIssuer(t, func(o *IssuerOptions) { o.Key = next })
	last, rec := verifier(t, func(o *Options) { o.Issuers = []TrustedIssuer{alone.Trust()} })
	refused(t, last, rec, token, ringfence.TokenInvalid, ReasonKey)
}

func TestIssueRefuses(t *testing.T) {
	tenant, _ := ringfence.ParseTenant(tenantA)
	i := newIssuer(t, nil)
	for name, id := range map[string]ringfence.Identity{
		"no tenant":     {User: "u"},
		"no user":       {Tenant: tenant},
		"ended already": {Tenant: tenant, User: "u", Expires: start},
		"a line":        {Tenant: tenant, User: "u\n"},
		"a long id":     {Tenant: tenant, User: "u", Session: strings.Repeat("s", 257)},
	} {
		if token, err := i.Issue(id); err == nil || token != "" {
			t.Errorf("%s: issued", name)
		}
	}
	for name, change := range map[string]func(*IssuerOptions){
		"no name":     func(o *IssuerOptions) { o.Name = "" },
		"no audience": func(o *IssuerOptions) { o.Audience = "" },
		"no key":      func(o *IssuerOptions) { o.Key = nil },
		"a long life": func(o *IssuerOptions) { o.Lifetime = 2 * time.Hour },
		"a bad other": func(o *IssuerOptions) { o.Others = []ed25519.PublicKey{nil} },
	} {
		o := IssuerOptions{Name: "n", Audience: "a", Key: signingKeys()["EdDSA"].(ed25519.PrivateKey)}
		change(&o)
		if _, err := NewIssuer(o); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestIssuerDocument(t *testing.T) {
	i := newIssuer(t, nil)
	w := httptest.NewRecorder()
	i.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	keys, left, err := parseJWKS(w.Body.Bytes(), 64, "RS256")
	if err != nil || left != 0 || len(keys) != 1 || strings.Contains(w.Body.String(), `"d"`) {
		t.Errorf("%v, %d left out, %d keys: %s", err, left, len(keys), w.Body)
	}
	w = httptest.NewRecorder()
	i.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
}
