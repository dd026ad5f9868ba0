package ringfence_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/auth"
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/harden"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/signed"
	"github.com/ringfencehq/ringfence/internal/tenancy"
	securitytrail "github.com/ringfencehq/ringfence/trail"
)

// signedPath is the way from a token to a row: the middleware takes the tenant from a token, the pool signs it for each transaction, the
// policies that a plan wrote ask the database's verifier, and what is refused goes to a journal on disk.
type signedPath struct {
	pool    *ringfence.Pool
	trail   *securitytrail.Trail
	journal string // its directory
	issuer  *auth.Issuer
	handler http.Handler
	log     bytes.Buffer
	told    strings.Builder // every error and answer
	secrets map[string]string
}

func newSignedPath(t *testing.T) *signedPath {
	a := newAppOn(t, pgtest.Server(t, 0).DB(t))
	a.Exec(t, "DROP POLICY p ON doc")
	applySigned(t, a)
	secret, seed := make([]byte, 32), make([]byte, ed25519.SeedSize)
	_, _ = rand.Read(secret)
	_, _ = rand.Read(seed)
	key, err := signed.NewKey("k1", secret)
	if err != nil {
		t.Fatal(err)
	}
	inner, outer := key.Pads()
	a.Exec(t, signed.InsertKey, key.ID(), inner, outer)
	signer, err := ringfence.NewKeySigner("k1", secret)
	if err != nil {
		t.Fatal(err)
	}
	s := &signedPath{journal: t.TempDir(), secrets: map[string]string{
		"context key": string(secret), "context key, hexadecimal": hex.EncodeToString(secret), "context key, base64": base64.StdEncoding.EncodeToString(secret),
		"context key, as bytes": fmt.Sprint(secret), "signing seed, hexadecimal": hex.EncodeToString(seed), "signing seed, as bytes": fmt.Sprint(seed),
	}}
	log := slog.New(slog.NewJSONHandler(&s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if s.trail, err = securitytrail.Open(securitytrail.Options{Dir: s.journal, Node: "app-1", Log: log}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.trail.Close(context.Background()) })
	s.pool = a.open(t, func(c *ringfence.Config) { c.Signer, c.Recorder, c.Logger = signer, s.trail, log })
	if s.issuer, err = auth.NewIssuer(auth.IssuerOptions{Name: "https://login.example", Audience: "docs", TenantClaim: "org", Key: ed25519.NewKeyFromSeed(seed)}); err != nil {
		t.Fatal(err)
	}
	verifier, err := auth.New(auth.Options{Issuers: []auth.TrustedIssuer{s.issuer.Trust()}, TenantClaims: []string{"org"}, Recorder: s.trail})
	if err != nil {
		t.Fatal(err)
	}
	guard := ringfence.Middleware(verifier, ringfence.MiddlewareOptions{Public: []string{"GET /public"}, Recorder: s.trail, Logger: log})
	s.handler = guard(http.HandlerFunc(s.serve))
	return s
}

// applySigned plans a signed context over the schema and runs the plan's statements.
func applySigned(t *testing.T, a *app) {
	t.Helper()
	snap, err := catalog.Read(t.Context(), a.Super, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := tenancy.Infer(snap, tenancy.Options{AppRoles: []string{a.role}, Config: &tenancy.Config{Context: "signed", TenantColumns: []string{"org"}}})
	if err != nil {
		t.Fatal(err)
	}
	p, err := harden.Plan(m, plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	conn := a.Conn(t, pg.Superuser)
	if _, err := conn.Exec(t.Context(), "SET search_path = pg_catalog"); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, step := range p.Steps {
		kinds[step.Kind]++
		for _, sql := range step.Do {
			if _, err := conn.Exec(t.Context(), sql); err != nil {
				t.Fatalf("%s: %v\n%s", step.Object, err, sql)
			}
		}
	}
	if kinds["signed_context"] != 1 || kinds["create_policy"] < 2 {
		t.Fatalf("the plan has %v", kinds)
	}
}

// serve runs what the request names: the rows that are seen, and ways to see others.
func (s *signedPath) serve(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	const seen = "SELECT coalesce(string_agg(DISTINCT org::text, ' '), '') FROM doc"
	var got string
	var err error
	switch r.URL.Path {
	case "/inside": // what no lexer sees: a block sets the plain context, and then the token, to another's
		err = s.pool.RunTx(ctx, ringfence.TxOptions{}, func(tx *ringfence.Tx) error {
			if _, err := tx.Exec(ctx, "DO $$ BEGIN PERFORM pg_catalog.set_config('"+setting+"', '"+tenantB+"', true); END $$"); err != nil {
				return err
			}
			return tx.QueryRow(ctx, seen).Scan(&got)
		})
	case "/forged":
		err = s.pool.RunTx(ctx, ringfence.TxOptions{}, func(tx *ringfence.Tx) error {
			if _, err := tx.Exec(ctx, "DO $$ BEGIN PERFORM pg_catalog.set_config('ringfence.'||'token', replace(current_setting('ringfence.'||'token'), '"+tenantA+"', '"+tenantB+"'), true); END $$"); err != nil {
				return err
			}
			return tx.QueryRow(ctx, seen).Scan(&got)
		})
	case "/control":
		_, err = s.pool.Exec(ctx, "SELECT set_config('"+setting+"', $1, true)", tenantB)
	case "/write":
		_, err = s.pool.Exec(ctx, "INSERT INTO doc (org, id) VALUES ($1, 99)", tenantB)
	default:
		err = s.pool.QueryRow(ctx, seen).Scan(&got)
	}
	if err != nil {
		fmt.Fprintf(&s.told, "%v %+v\n", err, err)
		ringfence.WriteRefusal(w, err)
		return
	}
	_, _ = w.Write([]byte(got))
}

func (s *signedPath) ask(path, token string) string {
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", path, nil)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	s.handler.ServeHTTP(w, r)
	answer := strings.TrimSpace(fmt.Sprint(w.Code, " ", w.Body.String()))
	fmt.Fprintln(&s.told, answer)
	return answer
}

func (s *signedPath) token(t *testing.T, tenant, user string) string {
	t.Helper()
	id, err := ringfence.ParseTenant(tenant)
	if err != nil {
		t.Fatal(err)
	}
	token, err := s.issuer.Issue(ringfence.Identity{Tenant: id, User: user})
	if err != nil {
		t.Fatal(err)
	}
	for i, part := range strings.Split(token, ".")[1:] {
		s.secrets[fmt.Sprintf("part %d of %s's token", i+2, user)] = part
	}
	return token
}

// TestSignedPath takes tokens from the header to rows that the database itself verified, and holds logs, events, errors and answers free of
// every secret on the way.
func TestSignedPath(t *testing.T) {
	const unauthorized, forbidden = `401 {"error":"unauthorized"}`, `403 {"error":"forbidden"}`
	s := newSignedPath(t)
	anna, ben := s.token(t, tenantA, "anna"), s.token(t, tenantB, "ben")
	for _, c := range []struct{ path, token, want string }{
		{"/docs", anna, "200 " + tenantA},
		{"/docs", ben, "200 " + tenantB},
		{"/inside", anna, "200 " + tenantA}, // the plain setting counts for nothing
		{"/forged", anna, "200"},            // a token that was changed is no token: no rows
		{"/control", anna, forbidden},
		{"/write", anna, forbidden},
		{"/public", anna, forbidden}, // a route without a tenant has none, whatever token the request has
		{"/docs", "", unauthorized},
		{"/docs", anna[:len(anna)-4], unauthorized},
		{"/docs", "eyJhbGciOiJub25lIn0.eyJvcmciOiIi." + ben, unauthorized},
	} {
		if got := s.ask(c.path, c.token); got != c.want {
			t.Errorf("%s: %s, want %s", c.path, got, c.want)
		}
	}
	if err := s.trail.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	var events []string
	var kinds []ringfence.EventType
	for e, err := range securitytrail.ReadJournal(s.journal) {
		if err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, string(raw), string(securitytrail.AppendText(nil, &e)), string(securitytrail.AppendOCSF(nil, &e)))
		if e.Type.Refusal() {
			kinds = append(kinds, e.Type)
		}
	}
	slices.Sort(kinds)
	if want := []ringfence.EventType{ringfence.ControlForbidden, ringfence.NoContext, ringfence.RowForbidden, ringfence.TokenInvalid, ringfence.TokenInvalid, ringfence.TokenMissing}; !slices.Equal(slices.Compact(kinds), slices.Compact(want)) {
		t.Errorf("on the trail: %v, want %v", kinds, want)
	}
	files, err := os.ReadDir(s.journal)
	if err != nil {
		t.Fatal(err)
	}
	places := map[string]string{"the log": s.log.String(), "events": strings.Join(events, "\n"), "answers and errors": s.told.String()}
	for _, f := range files {
		raw, err := os.ReadFile(filepath.Join(s.journal, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		places["the journal's file "+f.Name()] = string(raw)
	}
	for place, text := range places {
		for name, secret := range s.secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s hold the %s", place, name)
			}
		}
	}
	if len(s.secrets) < 10 || s.log.Len()+s.told.Len() == 0 || len(events) < 9 {
		t.Errorf("%d secrets were looked for in %d events, and %d bytes", len(s.secrets), len(events), s.log.Len()+s.told.Len())
	}
}
