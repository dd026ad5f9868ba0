package ringfence

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// gate is an Authorizer that knows a few words.
type gate struct {
	asked []Credential
	err   error
}

const rightToken = "right.token.of-the-tenant"

func (g *gate) Authorize(_ context.Context, c Credential) (Identity, error) {
	g.asked = append(g.asked, c)
	switch {
	case g.err != nil:
		return Identity{}, g.err
	case c.Token == rightToken:
		tenant, err := ParseTenant(aTenant)
		return Identity{Tenant: tenant, User: "u"}, err
	case c.Token == "tenantless":
		return Identity{User: "u"}, nil
	case c.Token == "":
		return Identity{}, Refuse(Event{Type: TokenMissing}, nil)
	}
	return Identity{}, Refuse(Event{Type: TokenInvalid, Tenant: "another"}, nil)
}

// log keeps events in memory, or fails.
type eventLog struct {
	events []Event
	err    error
}

func (l *eventLog) Record(ctx context.Context, e Event) error {
	l.events = append(l.events, e)
	return errors.Join(l.err, ctx.Err())
}

// served runs a request through the middleware; tenant is what the handler saw, "-" where it was not reached.
func served(g *gate, o MiddlewareOptions, r *http.Request) (answer *httptest.ResponseRecorder, tenant string) {
	tenant = "-"
	h := Middleware(g, o)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t, err := TenantFrom(r.Context())
		id, ok := IdentityFrom(r.Context())
		if tenant = t.String(); (err == nil) != ok || id.Tenant != t {
			tenant = fmt.Sprintf("identity and tenant differ: %v, %v", id, err)
		}
	}))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w, tenant
}

// request makes one; headers are given as "Name: value".
func request(method, target string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	r.RemoteAddr = "203.0.113.7:1234"
	r.Header.Set("User-Agent", "test/1.0")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	return r
}

const (
	unauthorized = `401 {"error":"unauthorized"}`
	forbidden    = `403 {"error":"forbidden"}`
	unavailable  = `503 {"error":"unavailable"}`
)

func TestMiddleware(t *testing.T) {
	bearer, other := "Authorization: Bearer "+rightToken, "Authorization: Bearer wrong"
	cookie, otherCookie := "Cookie: session="+rightToken, "Cookie: session=wrong"
	foreign := "Sec-Fetch-Site: cross-site"
	cases := map[string]struct {
		r      *http.Request
		tenant string // what the handler sees; "-": not reached
		answer string
	}{
		"header":                    {request("GET", "/x", bearer), aTenant, "200 "},
		"scheme in capitals":        {request("GET", "/x", "Authorization: BEARER "+rightToken), aTenant, "200 "},
		"no token":                  {request("GET", "/x"), "-", unauthorized},
		"empty":                     {request("GET", "/x", "Authorization: Bearer "), "-", unauthorized},
		"another scheme":            {request("GET", "/x", "Authorization: Basic "+rightToken), "-", unauthorized},
		"no scheme":                 {request("GET", "/x", "Authorization: "+rightToken), "-", unauthorized},
		"wrong":                     {request("GET", "/x", other), "-", unauthorized},
		"two tokens in a header":    {request("GET", "/x", bearer+", Bearer wrong"), "-", unauthorized},
		"two headers":               {request("GET", "/x", bearer, other), "-", unauthorized},
		"two headers, the same":     {request("GET", "/x", bearer, bearer), "-", unauthorized},
		"in the URL":                {request("GET", "/x?access_token="+rightToken+"&token="+rightToken), "-", unauthorized},
		"a header of the client's":  {request("GET", "/x", "X-Tenant-Id: "+aTenant, "X-Access-Token: "+rightToken), "-", unauthorized},
		"a token without tenant":    {request("GET", "/x", "Authorization: Bearer tenantless"), "-", forbidden},
		"cookie":                    {request("GET", "/x", cookie), aTenant, "200 "},
		"cookie of another name":    {request("GET", "/x", "Cookie: Session="+rightToken), "-", unauthorized},
		"cookie twice":              {request("GET", "/x", cookie, cookie), "-", unauthorized},
		"cookie and header agree":   {request("GET", "/x", cookie, bearer), aTenant, "200 "},
		"cookie and header differ":  {request("GET", "/x", otherCookie, bearer), "-", unauthorized},
		"cookie, a foreign read":    {request("GET", "/x", cookie, foreign), aTenant, "200 "},
		"cookie, a foreign write":   {request("POST", "/x", cookie, foreign), "-", forbidden},
		"cookie, a foreign origin":  {request("POST", "/x", cookie, "Origin: https://evil.example.com"), "-", forbidden},
		"cookie, a trusted origin":  {request("POST", "/x", cookie, foreign, "Origin: https://app.example.com"), aTenant, "200 "},
		"cookie, its own origin":    {request("POST", "/x", cookie, "Sec-Fetch-Site: same-origin"), aTenant, "200 "},
		"header, a foreign write":   {request("POST", "/x", bearer, foreign), aTenant, "200 "},
		"public":                    {request("GET", "/healthz"), "", "200 "},
		"public, with a token":      {request("GET", "/healthz", bearer), "", "200 "},
		"public, with a wrong one":  {request("GET", "/healthz", other), "", "200 "},
		"public, with a query":      {request("GET", "/healthz?x=1"), "", "200 "},
		"public, another method":    {request("POST", "/healthz"), "-", unauthorized},
		"public, in capitals":       {request("GET", "/HEALTHZ"), "-", unauthorized},
		"public, below it":          {request("GET", "/healthz/x"), "-", unauthorized},
		"public, with a slash":      {request("GET", "/healthz/"), "-", unauthorized},
		"public, two slashes":       {request("GET", "//healthz"), "-", unauthorized},
		"public, by a detour":       {request("GET", "/x/../healthz"), "-", unauthorized},
		"public, with escapes":      {request("GET", "/health%7a"), "-", unauthorized},
		"public, an escaped detour": {request("GET", "/x%2f..%2fhealthz"), "-", unauthorized},
	}
	for name, c := range cases {
		events := &eventLog{}
		o := MiddlewareOptions{Cookie: "session", Public: []string{"GET /healthz"}, TrustedOrigins: []string{"https://app.example.com"}, Recorder: events}
		w, tenant := served(&gate{}, o, c.r)
		if got := fmt.Sprintf("%d %s", w.Code, strings.TrimSpace(w.Body.String())); tenant != c.tenant || got != c.answer {
			t.Errorf("%s: the handler saw %q, the answer was %s", name, tenant, got)
		}
		if len(events.events) > 1 {
			t.Errorf("%s: recorded %d times", name, len(events.events))
		}
	}
}

// What the Authorizer is told is the token and where it came from.
func TestMiddlewareCredential(t *testing.T) {
	g := &gate{}
	served(g, MiddlewareOptions{}, request("GET", "/x", "Authorization: Bearer "+rightToken, "X-Forwarded-For: 192.0.2.1"))
	served(g, MiddlewareOptions{ClientAddress: func(r *http.Request) string { return r.Header.Get("X-Real-Ip") }}, request("GET", "/x", "X-Real-Ip: 192.0.2.2"))
	want := []Credential{{Token: rightToken, Address: "203.0.113.7", UserAgent: "test/1.0"}, {Address: "192.0.2.2", UserAgent: "test/1.0"}}
	if len(g.asked) != 2 || g.asked[0] != want[0] || g.asked[1] != want[1] {
		t.Errorf("%d were asked, not as they should be", len(g.asked))
	}
}

// All refusals of one status are one answer, byte for byte; only faults of ours say another thing, and are logged.
func TestMiddlewareAnswers(t *testing.T) {
	var log bytes.Buffer
	o := MiddlewareOptions{Logger: slog.New(slog.NewTextHandler(&log, nil))}
	want := map[string]http.Header{}
	for _, e := range EventTypes {
		w, _ := served(&gate{err: fmt.Errorf("x: %w", Refuse(Event{Type: e, Tenant: aTenant, User: "u"}, nil))}, o, request("GET", "/x", "Authorization: Bearer "+rightToken))
		answer := fmt.Sprintf("%d %s", w.Code, strings.TrimSpace(w.Body.String()))
		token := e == TokenMissing || e == TokenInvalid || e == TokenExpired || e == TokenRevoked
		if expected := map[bool]string{true: unauthorized, false: forbidden}[token]; answer != expected && e != MembershipFailing {
			t.Errorf("%s: %s", e, answer)
		}
		if first, ok := want[answer]; ok && !cmp.Equal(first, w.Header()) {
			t.Errorf("%s: %v is not %v", e, w.Header(), first)
		}
		want[answer] = w.Header()
	}
	if log.Len() != 0 || len(want) != 3 {
		t.Errorf("%d answers; logged: %s", len(want), log.String())
	}
	for _, err := range []error{errors.New("keys cannot be had"), Refuse(Event{Type: MembershipFailing}, errors.New("connection refused"))} {
		log.Reset()
		w, tenant := served(&gate{err: err}, o, request("GET", "/x", "Authorization: Bearer "+rightToken))
		if w.Code != 503 || tenant != "-" || !strings.Contains(log.String(), "level=ERROR") || strings.Contains(w.Body.String(), "keys") {
			t.Errorf("%v: %d %s; logged: %s", err, w.Code, w.Body, log.String())
		}
	}
}

// What the middleware refuses itself is on record once, also when the client has hung up; a record that fails is logged.
func TestMiddlewareRecords(t *testing.T) {
	var log bytes.Buffer
	events := &eventLog{}
	o := MiddlewareOptions{Recorder: events, Logger: slog.New(slog.NewTextHandler(&log, nil))}
	two := request("GET", "/x", "Authorization: Bearer "+rightToken, "Authorization: Bearer "+rightToken)
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	served(&gate{}, o, two.WithContext(gone))
	want := []Event{{Type: TokenInvalid, Address: "203.0.113.7", UserAgent: "test/1.0", Detail: map[string]string{"reason": "request"}}}
	if d := cmp.Diff(want, events.events); d != "" || log.Len() != 0 {
		t.Errorf("%s%s", d, log.String())
	}
	events.err = errors.New("disk full")
	if w, _ := served(&gate{}, o, two); w.Code != 401 || !strings.Contains(log.String(), "disk full") {
		t.Errorf("%d, %s", w.Code, log.String())
	}
	if strings.Contains(log.String()+fmt.Sprint(events.events), rightToken) {
		t.Error("a token is told")
	}
}

func TestMiddlewareOptionsThatCannotBeMeant(t *testing.T) {
	for name, f := range map[string]func(){
		"no authorizer":  func() { Middleware(nil, MiddlewareOptions{}) },
		"no method":      func() { Middleware(&gate{}, MiddlewareOptions{Public: []string{"/healthz"}}) },
		"a wildcard":     func() { Middleware(&gate{}, MiddlewareOptions{Public: []string{"GET /{x}"}}) },
		"a host":         func() { Middleware(&gate{}, MiddlewareOptions{Public: []string{"GET example.com/x"}}) },
		"a query":        func() { Middleware(&gate{}, MiddlewareOptions{Public: []string{"GET /x?y"}}) },
		"a false origin": func() { Middleware(&gate{}, MiddlewareOptions{TrustedOrigins: []string{"app.example.com"}}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: taken", name)
				}
			}()
			f()
		}()
	}
}

func TestCredentialDoesNotPrint(t *testing.T) {
	c := Credential{Token: rightToken, Address: "203.0.113.7", UserAgent: "test/1.0"}
	var b bytes.Buffer
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "c", c, "all", []any{c, &c})
	fmt.Fprintf(&b, "%v %+v %#v %s %q %x %v", c, c, c, c, c, c, []Credential{c})
	data, err := json.Marshal(c)
	b.Write(data)
	if err != nil || strings.Contains(b.String(), rightToken) || strings.Contains(b.String(), fmt.Sprintf("%x", rightToken)) || !strings.Contains(b.String(), "203.0.113.7") {
		t.Errorf("%v: %s", err, b.String())
	}
}
