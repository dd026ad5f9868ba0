package routers

import (
	"context"
	"crypto/ed25519"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/auth"
	"github.com/ringfencehq/ringfence/ringfencetest"
)

const (
	orgA = "00000000-0000-4000-8000-00000000000a"
	orgB = "00000000-0000-4000-8000-00000000000b"
	row  = "11111111-1111-4111-8111-111111111111"
	none = "22222222-2222-4222-8222-222222222222"
)

const schema = `
CREATE TABLE orders (id uuid PRIMARY KEY, org_id uuid NOT NULL, title text NOT NULL);
INSERT INTO orders VALUES ('` + row + `', '` + orgA + `', 'two of the house red');
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
ALTER TABLE orders FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON orders USING (org_id = (SELECT nullif(current_setting('app.org', true), '')::uuid));
`

// TestRouters walks each router: who has no token, an empty, a malformed or an expired one is refused before any SQL, another tenant's
// finds nothing, and the owner's finds the row, in the owner's context.
func TestRouters(t *testing.T) {
	db := ringfencetest.Postgres(t)
	app := db.Role(t, "app", "LOGIN")
	db.Load(t, schema+"GRANT SELECT ON orders TO "+app+";")
	observer := ringfencetest.Observe(t, db.DSN(app), "app.org")
	recorder := discard{}
	pool, err := ringfence.Open(t.Context(), ringfence.Config{DSN: observer.DSN(), Setting: "app.org", Recorder: recorder})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	issue := func(org string, at time.Time) string {
		issuer, err := auth.NewIssuer(auth.IssuerOptions{Name: "https://login.example", Audience: "orders", TenantClaim: "org", Key: key, Now: func() time.Time { return at }})
		if err != nil {
			t.Fatal(err)
		}
		token, err := issuer.Issue(ringfence.Identity{Tenant: tenant(t, org), User: "anna"})
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	issuer, err := auth.NewIssuer(auth.IssuerOptions{Name: "https://login.example", Audience: "orders", TenantClaim: "org", Key: key})
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := auth.New(auth.Options{Issuers: []auth.TrustedIssuer{issuer.Trust()}, TenantClaims: []string{"org"}, Recorder: recorder})
	if err != nil {
		t.Fatal(err)
	}
	guard := Guard(verifier, recorder)
	r, e := Chi(guard, pool), Echo(guard, pool)
	g, engine := Gin(guard, pool)
	for name, c := range map[string]struct {
		handler http.Handler
		routes  func(add func(method, pattern string))
	}{
		"net/http": {Plain(guard, pool), func(add func(method, pattern string)) {
			add("GET", "/healthz")
			add("GET", "/orders/{id}")
		}},
		"chi": {r, func(add func(method, pattern string)) {
			_ = chi.Walk(r, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
				add(method, route)
				return nil
			})
		}},
		"echo": {e, func(add func(method, pattern string)) {
			for _, r := range e.Routes() {
				add(r.Method, r.Path)
			}
		}},
		"gin": {g, func(add func(method, pattern string)) {
			for _, r := range engine.Routes() {
				add(r.Method, r.Path)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			routes := ringfencetest.Collect(c.routes)
			for i := range routes {
				if routes[i].Pattern == "/healthz" {
					routes[i].Public = true
					continue
				}
				at := strings.LastIndexByte(routes[i].Pattern, '/') + 1
				routes[i].Path, routes[i].Missing, routes[i].Shows = routes[i].Pattern[:at]+row, routes[i].Pattern[:at]+none, true
			}
			got := ringfencetest.Walk{
				Handler: c.handler, Routes: routes, Observer: observer, Markers: []string{"two of the house red"},
				Own: issue(orgA, time.Now()), Other: issue(orgB, time.Now()), Expired: issue(orgA, time.Now().Add(-24*time.Hour)),
				OwnTenant: tenant(t, orgA), OtherTenant: tenant(t, orgB),
			}.Run(t)
			if got.Routes != 2 || got.Public != 1 || got.Served != 1 {
				t.Errorf("%+v", got)
			}
		})
	}
}

var key = ed25519.NewKeyFromSeed([]byte("an Ed25519 seed, of 32 bytes...."))

func tenant(t *testing.T, org string) ringfence.Tenant {
	t.Helper()
	id, err := ringfence.ParseTenant(org)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// discard keeps nothing: the trail has tests of its own.
type discard struct{}

func (discard) Record(context.Context, ringfence.Event) error { return nil }
