package api_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/auth"
	"github.com/ringfencehq/ringfence/examples/callcenter"
	"github.com/ringfencehq/ringfence/examples/callcenter/api"
	"github.com/ringfencehq/ringfence/examples/callcenter/start"
	"github.com/ringfencehq/ringfence/ringfencetest"
	securitytrail "github.com/ringfencehq/ringfence/trail"
)

const (
	orgA     = "00000000-0000-4000-8000-000000000001"
	orgB     = "00000000-0000-4000-8000-000000000002"
	nobody   = "99999999-9999-4999-8999-999999999999"
	password = "correct horse battery staple"
	agent    = "walk/1.0"
)

var (
	now           = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	webhookSecret = []byte("a secret that the provider shares with us")
	seed          = []byte("an Ed25519 seed, of 32 bytes....")
)

// trail is the real one, journal and table, and keeps what it is told in memory as well.
type trail struct {
	*securitytrail.Trail
	dir string

	mu     sync.Mutex
	events []ringfence.Event
}

func (l *trail) Record(ctx context.Context, e ringfence.Event) error {
	l.mu.Lock()
	l.events = append(l.events, e)
	l.mu.Unlock()
	return l.Trail.Record(ctx, e)
}

func (l *trail) all() []ringfence.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]ringfence.Event(nil), l.events...)
}

// center is the running call centre.
type center struct {
	*api.Server
	system   *start.System
	observer *ringfencetest.Observer
	trail    *trail
	log      *bytes.Buffer
	users    map[string]string // a member of each organisation
	tokens   []string          // all that were made: none may stand in a log
}

func open(t *testing.T) *center {
	t.Helper()
	hash, err := api.HashPassword(password)
	if err != nil {
		t.Fatal(err)
	}
	system, err := start.Run(t.Context(), start.Options{PasswordHash: hash})
	if err != nil {
		t.Fatal(err)
	}
	c := &center{system: system, trail: &trail{dir: t.TempDir()}, log: &bytes.Buffer{}, users: map[string]string{}}
	t.Cleanup(func() { _ = system.Close() })
	store := securitytrail.NewPostgres(func(ctx context.Context) (*pgx.Conn, error) { return pgx.Connect(ctx, system.TrailDSN()) })
	t.Cleanup(func() { _ = store.Close(context.Background()) })
	c.trail.Trail, err = securitytrail.Open(securitytrail.Options{Dir: c.trail.dir, Node: "callcenter-1", Store: store, SelfTestEvery: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.trail.Close(context.Background()) })
	c.observer = ringfencetest.Observe(t, system.DSN(), api.Setting)
	logger := slog.New(slog.NewJSONHandler(c.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c.Server, err = api.New(t.Context(), api.Config{DSN: c.observer.DSN(), Recorder: c.trail, Key: ed25519.NewKeyFromSeed(seed),
		WebhookSecret: webhookSecret, Logger: logger, Now: func() time.Time { return now }})
	if err != nil {
		r, _ := ringfence.RefusalOf(err)
		t.Fatalf("%v: %+v", err, r)
	}
	t.Cleanup(c.Server.Close)
	for _, org := range []string{orgA, orgB} {
		c.users[org] = c.value(t, "SELECT user_id FROM callcenter.org_members WHERE organization_id = '"+org+"'")
	}
	return c
}

// value is one text, as the superuser sees it.
func (c *center) value(t *testing.T, sql string) (v string) {
	t.Helper()
	if err := c.system.Super().QueryRow(t.Context(), sql).Scan(&v); err != nil {
		t.Fatalf("%v: %s", err, sql)
	}
	return v
}

func tenant(t *testing.T, org string) ringfence.Tenant {
	t.Helper()
	id, err := ringfence.ParseTenant(org)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// token makes one as the server's login does, at a time.
func (c *center) token(t *testing.T, org, user string, at time.Time) string {
	t.Helper()
	issuer, err := auth.NewIssuer(auth.IssuerOptions{Name: api.Issuer, Audience: api.Audience, TenantClaim: "org", Key: ed25519.NewKeyFromSeed(seed),
		Now: func() time.Time { return at }})
	if err != nil {
		t.Fatal(err)
	}
	token, err := issuer.Issue(ringfence.Identity{Tenant: tenant(t, org), User: user})
	if err != nil {
		t.Fatal(err)
	}
	c.tokens = append(c.tokens, token)
	return token
}

// ask sends one request.
func (c *center) ask(method, path, token, body string, header ...string) (int, string) {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("User-Agent", agent)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	return w.Code, strings.TrimSpace(w.Body.String())
}

// bodies are what the routes that write are sent; ROW stands for the id of the owner's parent row.
var bodies = map[string]string{
	"POST /api/campaign-calls":             `{"campaign_id":"ROW campaigns","phone":"+31"}`,
	"POST /api/artifacts":                  `{"campaign_id":"ROW campaigns","kind":"script"}`,
	"POST /api/campaigns":                  `{"name":"Autumn","status":"draft"}`,
	"PATCH /api/campaigns/{id}":            `{"status":"paused"}`,
	"POST /api/collections/accounts":       `{"debtor":"Someone","balance":12.5}`,
	"PATCH /api/collections/accounts/{id}": `{"balance":11}`,
	"POST /api/collections/letters":        `{"account_id":"ROW collection_accounts","body":"Dear debtor"}`,
	"POST /api/collections/payments":       `{"account_id":"ROW collection_accounts","amount":1,"paid_on":"2026-05-04"}`,
	"POST /api/collections/tasks":          `{"account_id":"ROW collection_accounts","title":"Call"}`,
	"PATCH /api/collections/tasks/{id}":    `{"title":"Call again","due_on":"2026-06-01"}`,
	"POST /api/contacts":                   `{"email":"new@example.com","full_name":"New"}`,
	"PATCH /api/contacts/{id}":             `{"phone":"+32"}`,
	"POST /api/surveys":                    `{"question":"Well?","score":9}`,
}

// publics are how the routes without a tenant are asked.
func (c *center) publics() map[string]ringfencetest.Route {
	hook := fmt.Sprintf(`{"trunk":%q,"call":%q,"event":"call.ended","at":%d}`, nobody, nobody, now.Unix())
	return map[string]ringfencetest.Route{
		"POST /login":              {Body: `{"email":"user1@example.com","password":"wrong","organization":"` + orgA + `"}`, Status: 401},
		"POST /webhooks/telephony": {Body: hook, Status: 404, Header: http.Header{"X-Signature": {api.Sign(webhookSecret, []byte(hook))}}},
	}
}

// rowOf is the key of a row of the first organisation, in a table.
func (c *center) rowOf(t *testing.T, table string) string {
	t.Helper()
	schema, name, _ := strings.Cut(table, ".")
	relation := pgx.Identifier{schema, name}.Sanitize()
	switch name {
	case "webhook_event_types":
		return "call.ended"
	case "org_members":
		return c.users[orgA]
	case "users":
		return c.users[orgA]
	case "campaign_calls", "artifacts":
		return c.value(t, "SELECT x.id::text FROM "+relation+" x JOIN callcenter.campaigns c ON c.id = x.campaign_id WHERE c.organization_id = '"+orgA+"' LIMIT 1")
	}
	return c.value(t, "SELECT id::text FROM "+relation+" WHERE organization_id = '"+orgA+"' ORDER BY created_at, id LIMIT 1")
}

// routes says how each route of the server is asked for.
func (c *center) routes(t *testing.T) (routes []ringfencetest.Route, markers []string) {
	t.Helper()
	publics := c.publics()
	for _, r := range c.Routes() {
		name := r.Method + " " + r.Pattern
		route := publics[name]
		route.Method, route.Pattern, route.Public = r.Method, r.Pattern, r.Public
		if r.Public {
			routes = append(routes, route)
			continue
		}
		route.Shows = r.Method == "GET" && !r.Global
		missing := nobody
		if strings.HasSuffix(r.Table, "telnyx_call_events") {
			missing = "999999999"
		}
		if strings.Contains(r.Pattern, "{id}") {
			row := c.rowOf(t, r.Table)
			if r.Method == "DELETE" { // one that nothing refers to
				row = c.value(t, deletable[r.Table])
			}
			route.Path, route.Missing = strings.Replace(r.Pattern, "{id}", row, 1), strings.Replace(r.Pattern, "{id}", missing, 1)
		}
		if r.Global {
			route.Missing = ""
		} else if strings.HasSuffix(r.Table, "telnyx_call_events") { // its own id is a small number, which stands anywhere
			markers = append(markers, c.value(t, "SELECT call_id::text FROM callcenter.telnyx_call_events WHERE id = "+c.rowOf(t, r.Table)))
		} else if r.Table != "" {
			markers = append(markers, c.rowOf(t, r.Table))
		}
		if body := bodies[name]; body != "" {
			table := body[max(0, strings.Index(body, "ROW ")):]
			if strings.HasPrefix(table, "ROW ") {
				table = strings.TrimPrefix(table[:strings.IndexByte(table, '"')], "ROW ")
				route.MissingBody = strings.Replace(body, "ROW "+table, nobody, 1)
				body = strings.Replace(body, "ROW "+table, c.rowOf(t, "callcenter."+table), 1)
			}
			route.Body = body
		} else if r.Method == "POST" || r.Method == "PATCH" {
			t.Errorf("%s: the test has no body for it", name)
		}
		routes = append(routes, route)
	}
	return routes, append(markers, orgA)
}

// deletable makes a row of the first organisation that can be deleted.
var deletable = map[string]string{
	"callcenter.campaigns":        "INSERT INTO callcenter.campaigns (organization_id, name) VALUES ('" + orgA + "', 'Gone') RETURNING id::text",
	"callcenter.collection_tasks": "INSERT INTO callcenter.collection_tasks (organization_id, title) VALUES ('" + orgA + "', 'Gone') RETURNING id::text",
}

// TestCallCenter serves the hardened system and tries every route as everybody.
func TestCallCenter(t *testing.T) {
	c := open(t)
	own, other := c.token(t, orgA, c.users[orgA], now), c.token(t, orgB, c.users[orgB], now)
	expired := c.token(t, orgA, c.users[orgA], now.Add(-time.Hour))
	t.Run("walk", func(t *testing.T) { c.walk(t, own, other, expired) })
	t.Run("trail", func(t *testing.T) { c.refusalsAreOnTheTrail(t) })
	t.Run("tables", func(t *testing.T) { c.everyTableIsServed(t) })
	t.Run("login", func(t *testing.T) { c.logsIn(t) })
	t.Run("webhook", func(t *testing.T) { c.takesWebhooks(t) })
	t.Run("members", func(t *testing.T) { c.asksForMembership(t) })
	t.Run("bodies", func(t *testing.T) { c.takesNoOtherOrganization(t, own) })
	t.Run("rows", func(t *testing.T) { c.reachesTheTable(t) })
	t.Run("secrets", func(t *testing.T) { c.tellsNoSecret(t) })
}

func (c *center) walk(t *testing.T, own, other, expired string) {
	routes, markers := c.routes(t)
	got := ringfencetest.Walk{Handler: c, Routes: routes, Own: own, Other: other, Expired: expired, OwnTenant: tenant(t, orgA), OtherTenant: tenant(t, orgB),
		Markers: markers, Observer: c.observer}.Run(t)
	if got.Routes < 50 || got.Public != 4 || got.Served != got.Routes-got.Public || got.Statements < 2*got.Served {
		t.Errorf("%+v", got)
	}
	t.Logf("%+v", got)
}

// refusalsAreOnTheTrail holds that each refused request of the walk is recorded once, with where it came from.
func (c *center) refusalsAreOnTheTrail(t *testing.T) {
	want := map[ringfence.EventType]int{}
	for _, r := range c.Routes() {
		if !r.Public {
			want[ringfence.TokenMissing] += 2
			want[ringfence.TokenInvalid] += 2
			want[ringfence.TokenExpired]++
		}
	}
	got := map[ringfence.EventType]int{}
	for _, e := range c.trail.all() {
		got[e.Type]++
		if e.Type.Refusal() && e.Address == "" {
			t.Errorf("no address: %+v", e)
		}
	}
	for kind, n := range want {
		if got[kind] != n {
			t.Errorf("%s: %d recorded, %d refused", kind, got[kind], n)
		}
	}
}

// reachesTheTable holds that every occurrence that was told is in the table when the trail is closed: as rows and their counts, type by
// type, with nothing lost or doubled, and chains that verify.
func (c *center) reachesTheTable(t *testing.T) {
	if err := c.trail.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := map[ringfence.EventType]int64{}
	for _, e := range c.trail.all() {
		want[e.Type]++
	}
	got := map[ringfence.EventType]int64{}
	for e, err := range securitytrail.ReadEvents(t.Context(), c.system.Super(), securitytrail.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Type != ringfence.NodeStarted && e.Type != ringfence.SelfTest {
			got[e.Type] += e.Count
		}
	}
	if !maps.Equal(got, want) || want[ringfence.TokenMissing] < 90 || want[ringfence.ServiceCall] == 0 {
		t.Errorf("told %v\nrows %v", want, got)
	}
	v, err := securitytrail.VerifyTable(t.Context(), c.system.Super(), securitytrail.VerifyOptions{})
	if err != nil || len(v.Findings) > 0 {
		t.Errorf("%v: %+v", err, v)
	}
	account, err := securitytrail.Reconcile(t.Context(), c.system.Super(), c.trail.dir)
	if err != nil || !account.Whole() || account.Total.Backlog != 0 {
		t.Errorf("%v: %+v", err, account)
	}
	if n := c.value(t, "SELECT count(*)::text FROM ringfence.security_audit_logs WHERE authenticated_organization_id = '"+orgA+"' OR authenticated_organization_id = ''"); n == "0" {
		t.Error("the view has no row")
	}
}

// everyTableIsServed holds the routes against the reference's list.
func (c *center) everyTableIsServed(t *testing.T) {
	served := map[string]bool{}
	for _, r := range c.Routes() {
		schema, table, _ := strings.Cut(r.Table, ".")
		if schema == "Telephony" {
			schema = `"Telephony"`
		}
		served[schema+"."+table] = true
	}
	for _, table := range callcenter.Tables() {
		if !served[table] {
			t.Errorf("no route serves %s", table)
		}
	}
}

func (c *center) logsIn(t *testing.T) {
	email := c.value(t, "SELECT email FROM callcenter.users WHERE id::text = '"+c.users[orgA]+"'")
	try := func(email, password, org string) (int, string) {
		body, _ := json.Marshal(map[string]string{"email": email, "password": password, "organization": org})
		return c.ask("POST", "/login", "", string(body))
	}
	status, body := try(email, password, orgA)
	var in struct{ Token string }
	if err := json.Unmarshal([]byte(body), &in); status != 200 || err != nil {
		t.Fatalf("%d", status)
	}
	c.tokens = append(c.tokens, in.Token)
	status, body = c.ask("GET", "/api/whoami", in.Token, "")
	if status != 200 || !strings.Contains(body, orgA) || !strings.Contains(body, `"agent"`) {
		t.Errorf("%d %s", status, body)
	}
	_, first := try(email, "wrong", orgA)
	for name, who := range map[string][3]string{"unknown user": {"nobody@example.com", password, orgA}, "foreign organisation": {email, password, orgB},
		"no organisation": {email, password, nobody}} {
		if status, body := try(who[0], who[1], who[2]); status != 401 || body != first {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	calls := 0
	for _, e := range c.trail.all() {
		if e.Type == ringfence.ServiceCall && e.Detail["operation"] == "login" {
			calls++
		}
	}
	if calls < 5 {
		t.Errorf("%d look-ups are on the trail", calls)
	}
}

func (c *center) takesWebhooks(t *testing.T) {
	trunk := c.value(t, `SELECT id::text FROM "Telephony".sip_trunks WHERE organization_id = '`+orgA+`'`)
	post := func(at time.Time, secret []byte) int {
		body := fmt.Sprintf(`{"trunk":%q,"call":%q,"event":"call.ended","at":%d}`, trunk, nobody, at.Unix())
		status, _ := c.ask("POST", "/webhooks/telephony", "", body, "X-Signature", api.Sign(secret, []byte(body)))
		return status
	}
	count := func() string {
		return c.value(t, "SELECT string_agg(organization_id::text, ',') FROM callcenter.telnyx_call_events WHERE call_id = '"+nobody+"'")
	}
	for name, status := range map[string]int{"another secret": post(now, []byte(password)), "an old one": post(now.Add(-6*time.Minute), webhookSecret)} {
		if status != 401 {
			t.Errorf("%s: %d", name, status)
		}
	}
	if status := post(now, webhookSecret); status != 204 || count() != orgA {
		t.Errorf("%d, %s", status, count())
	}
}

// asksForMembership holds that a token that verifies is not enough.
func (c *center) asksForMembership(t *testing.T) {
	for name, token := range map[string]string{"a stranger": c.token(t, orgA, nobody, now), "a member of another": c.token(t, orgA, c.users[orgB], now),
		"no organisation": c.token(t, nobody, c.users[orgA], now)} {
		if status, body := c.ask("GET", "/api/campaigns", token, ""); status != 403 || body != `{"error":"forbidden"}` {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}

// takesNoOtherOrganization holds that a client's word on the organisation is not taken, in no place.
func (c *center) takesNoOtherOrganization(t *testing.T, own string) {
	for _, body := range []string{`{"name":"x","organization_id":"` + orgB + `"}`, `{"name":"x","Organization_ID":"` + orgB + `"}`, `{"name":"x"} {}`, `[]`, `{"name":null}`, `{`, ""} {
		if status, answer := c.ask("POST", "/api/campaigns", own, body); status != 400 {
			t.Errorf("%s: %d %s", body, status, answer)
		}
	}
	before := c.value(t, "SELECT count(*)::text FROM callcenter.campaigns WHERE organization_id = '"+orgB+"'")
	status, _ := c.ask("POST", "/api/campaigns?organization_id="+orgB, own, `{"name":"x"}`, "X-Organization-Id", orgB, "Cookie", "organization_id="+orgB)
	if after := c.value(t, "SELECT count(*)::text FROM callcenter.campaigns WHERE organization_id = '"+orgB+"'"); status != 201 || after != before {
		t.Errorf("%d; %s rows became %s", status, before, after)
	}
}

// tellsNoSecret greps the log and the trail for all that must stand in neither.
func (c *center) tellsNoSecret(t *testing.T) {
	events, err := json.Marshal(c.trail.all())
	if err != nil || len(c.trail.all()) < 100 {
		t.Fatalf("%d events, %v", len(c.trail.all()), err)
	}
	told := c.log.String() + string(events) + fmt.Sprintf("%+v", c.trail.all()) +
		c.value(t, "SELECT coalesce(string_agg(to_jsonb(e)::text, ' '), '') FROM ringfence.trail_event e")
	for _, token := range c.tokens {
		for part := range strings.SplitSeq(token, ".") {
			if len(part) > 30 && strings.Contains(told, part[:30]) && !strings.HasPrefix(part, "eyJhbGciOi") {
				t.Errorf("a token is told: %.30s", part)
			}
		}
	}
	for _, secret := range []string{password, string(webhookSecret), string(seed), "pbkdf2-sha256$"} {
		if strings.Contains(told, secret) {
			t.Errorf("%q is told", secret)
		}
	}
}
