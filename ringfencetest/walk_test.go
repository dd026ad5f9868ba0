package ringfencetest

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ringfencehq/ringfence"
)

const (
	setting = "app.tenant"
	acme    = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
	globex  = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
	rowA    = "11111111-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
	rowB    = "22222222-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
	nobody  = "99999999-9999-4999-8999-999999999999"
)

func parse(t testing.TB, s string) ringfence.Tenant {
	t.Helper()
	tenant, err := ringfence.ParseTenant(s)
	if err != nil {
		t.Fatal(err)
	}
	return tenant
}

// words is an Authorizer whose tokens are words.
type words struct{ t testing.TB }

func (w words) Authorize(_ context.Context, c ringfence.Credential) (ringfence.Identity, error) {
	switch c.Token {
	case "token of acme":
		return ringfence.Identity{Tenant: parse(w.t, acme)}, nil
	case "token of globex":
		return ringfence.Identity{Tenant: parse(w.t, globex)}, nil
	case "":
		return ringfence.Identity{}, ringfence.Refuse(ringfence.Event{Type: ringfence.TokenMissing}, nil)
	}
	return ringfence.Identity{}, ringfence.Refuse(ringfence.Event{Type: ringfence.TokenInvalid}, nil)
}

// fixture is a database with a row of each tenant, an observer before it, and pools of both kinds through it.
type fixture struct {
	observer *Observer
	pool     *ringfence.Pool
	raw      *pgxpool.Pool
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	db := Postgres(t)
	app := db.Role(t, "app", "LOGIN")
	db.Load(t, `CREATE TABLE doc (tenant uuid, id uuid PRIMARY KEY, body text);
		INSERT INTO doc VALUES ('`+acme+`', '`+rowA+`', 'of acme'), ('`+globex+`', '`+rowB+`', 'of globex');
		ALTER TABLE doc ENABLE ROW LEVEL SECURITY; ALTER TABLE doc FORCE ROW LEVEL SECURITY;
		CREATE POLICY p ON doc USING (tenant = (SELECT NULLIF(current_setting('`+setting+`', true), '')::uuid));
		CREATE TABLE bare (LIKE doc); INSERT INTO bare SELECT * FROM doc;
		GRANT SELECT ON doc, bare TO `+pgx.Identifier{app}.Sanitize())
	f := &fixture{observer: Observe(t, db.DSN(app), setting)}
	var err error
	if f.pool, err = ringfence.Open(t.Context(), ringfence.Config{DSN: f.observer.DSN(), Setting: setting}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.pool.Close)
	if f.raw, err = pgxpool.New(t.Context(), f.observer.DSN()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.raw.Close)
	return f
}

// querier is what both pools are.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// get answers with one row of a table.
func get(q querier, table string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var body string
		if err := q.QueryRow(r.Context(), "SELECT id || body FROM "+table+" WHERE id = $1::uuid", r.PathValue("id")).Scan(&body); err != nil {
			http.Error(w, "not found", http.StatusNotFound)
			return
		}
		_, _ = w.Write([]byte(body))
	}
}

// walk makes a walker over one route of an application.
func (f *fixture) walk(t *testing.T, app http.Handler) *walker {
	return &walker{Walk: Walk{Handler: app, Own: "token of acme", Other: "token of globex", Expired: "token that ended", OwnTenant: parse(t, acme),
		OtherTenant: parse(t, globex), Markers: []string{rowA}, Observer: f.observer,
		Show: func(r *http.Request, token string) { r.Header.Set("Authorization", "Bearer "+token) }}}
}

// TestWalkFindsFaults gives the walk applications that are wrong in one way each: a walk that cannot fail proves nothing.
func TestWalkFindsFaults(t *testing.T) {
	f := newFixture(t)
	guard := func(public ...string) func(http.Handler) http.Handler {
		return ringfence.Middleware(words{t}, ringfence.MiddlewareOptions{Public: public})
	}
	of := func(h http.HandlerFunc) http.Handler {
		var mux Mux
		mux.HandleFunc("GET /doc/{id}", h)
		return &mux
	}
	right := Route{Method: "GET", Pattern: "/doc/{id}", Path: "/doc/" + rowA, Missing: "/doc/" + nobody, Shows: true}
	change := func(f func(*Route)) Route {
		r := right
		f(&r)
		return r
	}
	session := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tenant, _ := ringfence.TenantFrom(r.Context())
		_, _ = f.raw.Exec(r.Context(), "SET "+setting+" = '"+strings.Replace(tenant.String(), acme, globex, 1)+"'")
		get(f.pool, "doc")(w, r)
		_, _ = f.raw.Exec(r.Context(), "SELECT FROM doc")
	})
	cases := map[string]struct {
		app   http.Handler
		route Route
		want  string // part of what the walk says; empty: it finds nothing wrong
	}{
		"in order":             {guard()(of(get(f.pool, "doc"))), right, ""},
		"public, in order":     {guard("GET /healthz")(of(get(f.pool, "doc"))), Route{Method: "GET", Pattern: "/healthz", Public: true, Status: 404}, ""},
		"no middleware":        {of(get(f.pool, "doc")), right, "no token: 404"},
		"a raw pool":           {guard()(of(get(f.raw, "bare"))), right, "the context was"},
		"a raw pool leaks":     {guard()(of(get(f.raw, "bare"))), right, "another tenant is shown"},
		"tells rows apart":     {guard()(of(get(f.raw, "bare"))), right, "another tenant's row answers 200"},
		"a session's context":  {guard()(of(session)), right, "the context was"},
		"the owner sees none":  {guard()(of(get(f.raw, "doc"))), right, "the owner gets 404"},
		"a body of no marker":  {guard()(of(func(w http.ResponseWriter, r *http.Request) { get(f.pool, "doc")(&empty{w}, r) })), right, "not shown any"},
		"no SQL at all":        {guard()(of(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(rowA)) })), right, "without SQL that was seen"},
		"SQL where none is":    {guard()(of(get(f.pool, "doc"))), change(func(r *Route) { r.Silent = true }), "said to run no SQL"},
		"not there":            {guard()(of(get(f.pool, "doc"))), change(func(r *Route) { r.Path, r.Missing = "/else", "" }), "the owner gets 404"},
		"public that is not":   {guard()(of(get(f.pool, "doc"))), change(func(r *Route) { r.Public = true }), "it is public, and answers 401"},
		"runs before it looks": {looksLate(f, guard()(of(get(f.pool, "doc")))), right, "SQL ran"},
	}
	for name, c := range cases {
		wrong := strings.Join(f.walk(t, c.app).route(c.route), "\n")
		if (c.want == "") != (wrong == "") || !strings.Contains(wrong, c.want) {
			t.Errorf("%s: the walk says: %s", name, cmp.Or(wrong, "nothing"))
		}
	}
}

// empty swallows bodies.
type empty struct{ http.ResponseWriter }

func (empty) Write(p []byte) (int, error) { return len(p), nil }

// looksLate runs SQL in front of the middleware.
func looksLate(f *fixture, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = f.raw.Exec(r.Context(), "SELECT FROM bare")
		next.ServeHTTP(w, r)
	})
}

// All refusals of a walk are one answer.
func TestWalkFindsAnotherRefusal(t *testing.T) {
	f := newFixture(t)
	guard := ringfence.Middleware(words{t}, ringfence.MiddlewareOptions{})(get(f.pool, "doc"))
	w := f.walk(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/other") && r.Header.Get("Authorization") == "" {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		guard.ServeHTTP(w, r)
	}))
	first := w.route(Route{Method: "GET", Pattern: "/doc", Status: 404})
	second := w.route(Route{Method: "GET", Pattern: "/other", Status: 404})
	if len(first) != 0 || !slices.ContainsFunc(second, func(s string) bool { return strings.Contains(s, "another refusal") }) {
		t.Errorf("%q, %q", first, second)
	}
}

func TestRoutes(t *testing.T) {
	var mux Mux
	mux.HandleFunc("POST /b/{id}", func(http.ResponseWriter, *http.Request) {})
	mux.Handle("/a", http.NotFoundHandler())
	got := mux.Routes()
	if len(got) != 2 || got[0].String() != "GET /a" || got[1].String() != "POST /b/{id}" {
		t.Errorf("%v", got)
	}
}
