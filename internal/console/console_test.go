package console

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/internal/audit"
	"github.com/ringfencehq/ringfence/internal/bench"
	"github.com/ringfencehq/ringfence/internal/prove"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/report"
	"github.com/ringfencehq/ringfence/internal/tenancy"
	"github.com/ringfencehq/ringfence/trail"
)

const token = "a token for the tests"

// hostile is a name that a table may have: everything in it must reach a page as text.
const hostile = `public."<script>alert(1)</script><img src=x onerror=alert(2)> ""'&"`

// sample makes the documents of a database with n tables, the first of a hostile name.
func sample(n int) *Posture {
	a := &report.Audit{Schema: report.AuditVersion, Server: report.Server{VersionNum: 150018, Database: "app"},
		Model: report.Model{TenantColumns: []string{"tenant_id"}, Contexts: []string{"app.tid"}}, Summary: map[string]int{"critical": n}}
	p := &report.Prove{Schema: report.ProveVersion, Server: a.Server}
	one := "1"
	for i := range n {
		name := fmt.Sprintf("public.orders_of_a_kind_%04d", i)
		if i == 0 {
			name = hostile
		}
		a.Model.Tables = append(a.Model.Tables, report.Table{Name: name, Class: tenancy.Owned, Key: []string{"tenant_id"}, Why: "it has the key", Confidence: tenancy.Certain})
		a.Findings = append(a.Findings, audit.Finding{ID: "RLS001", Rule: "row-security-off", Title: "row level security is off", Severity: audit.Critical, Object: name, Table: name, Role: "app",
			Fix: &audit.Fix{Step: "enable_rls", SQL: "ALTER TABLE " + name + " ENABLE ROW LEVEL SECURITY"}})
		for _, c := range report.Columns {
			for _, variant := range []string{"", "blind"} {
				p.Cells = append(p.Cells, prove.Cell{Role: "app", Relation: name, Command: c, Variant: variant, Kind: reach.Isolation, Verdict: prove.Leak, Why: "row level security is off",
					Path: []reach.Hop{{Via: "set_role", Name: "owner"}}, Witness: &prove.Witness{Row: map[string]*string{"tenant_id": &one}, Statement: "SELECT * FROM " + name, Executed: "no"}})
			}
		}
	}
	p.Summary.Isolation, p.Summary.Inference, p.Summary.Accepted = prove.Summary(p.Cells)
	return NewPosture(&tenancy.Model{}, a, p, time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC))
}

// A site is a console on a socket, and a reader who has logged in.
type site struct {
	*httptest.Server
	client *http.Client
}

func newSite(t *testing.T, o Options) *site {
	t.Helper()
	o.Token = token
	s := &site{Server: httptest.NewUnstartedServer(nil)}
	o.Hosts = []string{s.Listener.Addr().String()}
	c, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	s.Config.Handler = c
	s.Start()
	t.Cleanup(s.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	s.client = &http.Client{Jar: jar}
	return s
}

func (s *site) login(t *testing.T) {
	t.Helper()
	if status, _, _ := s.post(t, "/login", url.Values{"token": {token}}); status != http.StatusOK {
		t.Fatalf("logging in: %d", status)
	}
}

func (s *site) get(t *testing.T, path string) (status int, body string, h http.Header) {
	t.Helper()
	return answer(t, func() (*http.Response, error) { return s.client.Get(s.URL + path) })
}

func (s *site) post(t *testing.T, path string, form url.Values) (status int, body string, h http.Header) {
	t.Helper()
	return answer(t, func() (*http.Response, error) { return s.client.PostForm(s.URL+path, form) })
}

func answer(t *testing.T, ask func() (*http.Response, error)) (int, string, http.Header) {
	t.Helper()
	r, err := ask()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b), r.Header
}

// all are the paths of all pages over sample, and of what they hold.
func all() []string {
	var out []string
	for _, p := range pages() {
		out = append(out, p.Path)
	}
	return append(out, "/table?name="+url.QueryEscape(hostile), "/rule?id=RLS001", "/matrix?verdict=leak&page=2", "/findings?severity=critical&q=orders", "/map?q=orders", "/trail?type=cross_tenant")
}

func looked(n int) func(context.Context) (*Posture, error) {
	return func(context.Context) (*Posture, error) { return sample(n), nil }
}

// events gives the same events to whoever asks.
type events struct {
	mu   sync.Mutex
	list []trail.Event
}

func (e *events) add(id byte, user string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append([]trail.Event{{ID: trail.ID{id}, Event: ringfence.Event{Type: ringfence.CrossTenant, Severity: ringfence.Critical, User: user}, Count: 1}}, e.list...)
}

func (e *events) read(_ context.Context, f trail.Filter) ([]trail.Event, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []trail.Event
	for i := range e.list {
		if matches(f, &e.list[i]) {
			out = append(out, e.list[i])
		}
	}
	return out, nil
}

func timed() *bench.Document {
	return &bench.Document{Schema: bench.SchemaVersion, Bench: []bench.Case{{Table: hostile, Query: "count", Role: "app", With: &bench.Timing{Runs: 5, Median: 2}, Without: &bench.Timing{Runs: 5, Median: 1}}}}
}

// What could not be timed is unknown, not a query without an index; and it is no bar of the chart.
func TestTimesUnknown(t *testing.T) {
	d := timed()
	d.Bench = append(d.Bench, bench.Case{Table: "public.empty", Query: "count", Role: "app", Unknown: "it holds no row"})
	s := newSite(t, Options{Database: Database{Look: looked(1), Bench: []*bench.Document{d}}})
	s.login(t)
	_, body, _ := s.get(t, "/times")
	if !strings.Contains(body, "unknown: it holds no row") || strings.Count(body, ">none<") != 1 { // the one that was timed used none
		t.Errorf("the page: %s", body)
	}
	d.Bench = d.Bench[1:]
	if status, _, _ := s.get(t, "/chart"); status != http.StatusNotFound {
		t.Errorf("a chart of nothing: %d", status)
	}
}

// Every page answers, holds what is to be seen, and nothing that a hostile name could have put there.
func TestPages(t *testing.T) {
	var e events
	e.add(1, "<b>mallory</b>")
	s := newSite(t, Options{Database: Database{Look: looked(150), Events: e.read, Bench: []*bench.Document{timed(), timed()}}})
	s.login(t)
	for _, path := range all() {
		status, body, h := s.get(t, path)
		if status != http.StatusOK {
			t.Errorf("%s: %d %s", path, status, body)
		}
		if h.Get("Content-Security-Policy") != policy || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: headers %v", path, h)
		}
		for _, bad := range []string{"<script>", "onerror=alert(2)>", "<b>mallory", " style=", " onclick=", "javascript:", "ZgotmplZ", "http://", "https://"} {
			if strings.Contains(body, bad) {
				t.Errorf("%s holds %q", path, bad)
			}
		}
	}
	if _, body, _ := s.get(t, "/matrix?q=kind_0007"); !strings.Contains(body, `"table?command=SELECT&amp;name=public.orders_of_a_kind_0007"`) {
		t.Errorf("the matrix leads nowhere: %s", body)
	}
	for path, want := range map[string]string{
		"/": "150 tables are open or unproven", "/matrix": "1–100 of 150", "/matrix?page=2": "101–150 of 150", "/matrix?q=kind_0149": "orders_of_a_kind_0149", "/findings": "ENABLE ROW LEVEL SECURITY",
		"/map": "tenant_id", "/drift": "Unknown", "/trail": "&lt;b&gt;mallory&lt;/b&gt;", "/times": "2.00 ms", "/table?name=" + url.QueryEscape(hostile): "The statement that shows it",
	} {
		if _, body, _ := s.get(t, path); !strings.Contains(body, want) {
			t.Errorf("%s does not hold %q:\n%s", path, want, body)
		}
	}
	if status, body, h := s.get(t, "/chart?theme=dark"); status != http.StatusOK || h.Get("Content-Type") != "image/png" || !strings.HasPrefix(body, "\x89PNG") {
		t.Errorf("the chart: %d %s", status, h.Get("Content-Type"))
	}
	for _, path := range []string{"/nowhere", "/table?name=nowhere", "/rule?id=X", "/rollout?name=../../etc"} {
		if status, _, _ := s.get(t, path); status != http.StatusNotFound {
			t.Errorf("%s: %d", path, status)
		}
	}
}

// Nothing but the log-in and its looks is served to who has not logged in; a wrong token and a closed session are nobody.
func TestLogin(t *testing.T) {
	var e events
	s := newSite(t, Options{Database: Database{Look: looked(1), Events: e.read}})
	s.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	closed := func(when string) {
		t.Helper()
		for _, path := range append(all(), "/chart", "/nowhere") {
			if status, _, h := s.get(t, path); status != http.StatusSeeOther || h.Get("Location") != "/login" {
				t.Errorf("%s, %s: %d", when, path, status)
			}
		}
		if status, _, _ := s.get(t, "/trail/stream"); status != http.StatusUnauthorized {
			t.Errorf("%s, the stream: %d", when, status)
		}
		if status, _, _ := s.post(t, "/look", nil); status != http.StatusUnauthorized {
			t.Errorf("%s, looking again: %d", when, status)
		}
	}
	closed("before the log-in")
	for _, wrong := range []string{"", "x", token + "x", token[1:]} {
		status, body, h := s.post(t, "/login", url.Values{"token": {wrong}})
		if status != http.StatusUnauthorized || h.Get("Set-Cookie") != "" || !strings.Contains(body, "not the token") {
			t.Errorf("%q: %d", wrong, status)
		}
	}
	closed("after wrong tokens")
	status, _, h := s.post(t, "/login", url.Values{"token": {token}})
	cookie := h.Get("Set-Cookie")
	if status != http.StatusSeeOther || !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Strict") || strings.Contains(cookie, token) {
		t.Errorf("the log-in: %d %s", status, cookie)
	}
	if status, _, _ := s.get(t, "/"); status != http.StatusOK {
		t.Errorf("after the log-in: %d", status)
	}
	kept := s.client.Jar.Cookies(mustParse(t, s.URL))
	if status, _, _ := s.post(t, "/logout", nil); status != http.StatusSeeOther {
		t.Errorf("the log-out: %d", status)
	}
	s.client.Jar.SetCookies(mustParse(t, s.URL), kept) // somebody kept it
	closed("after the log-out")
}

func mustParse(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// Other names that lead here, and requests that another site's page makes, are refused; so are many tries.
func TestStrangers(t *testing.T) {
	s := newSite(t, Options{Database: Database{Look: looked(1)}})
	for host, want := range map[string]int{"evil.example": http.StatusMisdirectedRequest, s.Listener.Addr().String(): http.StatusOK} {
		r, err := http.NewRequest(http.MethodGet, s.URL+"/login", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		if status, _, _ := answer(t, func() (*http.Response, error) { return s.client.Do(r) }); status != want {
			t.Errorf("as %s: %d", host, status)
		}
	}
	for origin, want := range map[string]int{"https://evil.example": http.StatusForbidden, s.URL: http.StatusOK} {
		r, err := http.NewRequest(http.MethodPost, s.URL+"/login", strings.NewReader(url.Values{"token": {token}}.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", origin)
		if status, _, _ := answer(t, func() (*http.Response, error) { return s.client.Do(r) }); status != want {
			t.Errorf("from %s: %d", origin, status)
		}
	}
	var got []int
	for range 3 * triesPerSec {
		status, _, _ := s.post(t, "/login", url.Values{"token": {"wrong"}})
		got = append(got, status)
	}
	if !slices.Contains(got, http.StatusTooManyRequests) {
		t.Errorf("many tries: %v", got)
	}
	if _, err := New(t.Context(), Options{Database: Database{Look: looked(1)}, Token: "short"}); err == nil {
		t.Error("a short token is taken")
	}
}

// A database that cannot be read is unknown: never fine, and never the last state without a word.
func TestUnreadable(t *testing.T) {
	var fault error
	look := func(context.Context) (*Posture, error) {
		if fault != nil {
			return nil, fault
		}
		return sample(1), nil
	}
	fault = errors.New("the server is away")
	s := newSite(t, Options{Database: Database{Look: look}})
	if status, _, _ := s.post(t, "/login", url.Values{"token": {token}}); status != http.StatusServiceUnavailable {
		t.Errorf("never read: %d", status)
	}
	if status, body, _ := s.get(t, "/matrix"); status != http.StatusServiceUnavailable || !strings.Contains(body, "nothing is known") || !strings.Contains(body, "the server is away") {
		t.Errorf("never read: %d %s", status, body)
	}
	fault = nil
	if _, body, _ := s.post(t, "/look", nil); strings.Contains(body, "Unknown since") || !strings.Contains(body, "1 table is open") {
		t.Errorf("read again: %s", body)
	}
	fault = errors.New("the server is away")
	if status, body, _ := s.post(t, "/look", nil); status != http.StatusOK || !strings.Contains(body, "Unknown since") || !strings.Contains(body, "What is shown is older") {
		t.Errorf("away again: %d %s", status, body)
	}
}

// What happens while a page is open reaches it, through the page's filter; what was there before does not come again.
func TestStream(t *testing.T) {
	var e events
	e.add(1, "before")
	s := newSite(t, Options{Database: Database{Look: looked(1), Events: e.read}})
	s.login(t)
	r, err := s.client.Get(s.URL + "/trail/stream?user=anna")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if got := r.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatalf("%s", got)
	}
	in := bufio.NewScanner(r.Body)
	in.Scan() // the comment that says that it is open
	go func() {
		for i := range 50 { // whenever the first look at the table was, some of these come after it
			e.add(byte(10+2*i), "anna")
			e.add(byte(11+2*i), "berta")
			time.Sleep(100 * time.Millisecond)
		}
	}()
	for in.Scan() {
		row, ok := strings.CutPrefix(in.Text(), "data: ")
		switch {
		case !ok:
		case strings.Contains(row, "berta"), strings.Contains(row, "before"):
			t.Fatalf("came: %s", row)
		case strings.Contains(row, "anna") && strings.HasPrefix(row, "<tr>") && strings.HasSuffix(row, "</tr>"):
			return
		}
	}
	t.Fatalf("nothing came: %v", in.Err())
}

// A page is live only while the trail can be read; who comes later is told too.
func TestStreamUnread(t *testing.T) {
	var mu sync.Mutex
	fault := errors.New("there is no table")
	s := newSite(t, Options{Database: Database{Look: looked(1), Events: func(context.Context, trail.Filter) ([]trail.Event, error) {
		mu.Lock()
		defer mu.Unlock()
		return nil, fault
	}}})
	s.login(t)
	open := func() func(want string) {
		r, err := s.client.Get(s.URL + "/trail/stream")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Body.Close() })
		in := bufio.NewScanner(r.Body)
		return func(want string) {
			t.Helper()
			for in.Scan() {
				if in.Text() != "event: state" {
					continue
				}
				if in.Scan(); in.Text() != "data: "+want {
					t.Errorf("%q, want %q", in.Text(), want)
				}
				return
			}
			t.Fatal("the stream ended")
		}
	}
	first := open()
	first(unread)
	second := open()
	second(unread)
	mu.Lock()
	fault = nil
	mu.Unlock()
	first(live)
	second(live)
}

// Two thousand tables stay readable: no page over 500 kB.
func TestManyTables(t *testing.T) {
	s := newSite(t, Options{Database: Database{Look: looked(2000)}})
	s.login(t)
	for _, path := range all() {
		if _, body, _ := s.get(t, path); len(body) > 500_000 || len(body) < 500 {
			t.Errorf("%s: %d bytes", path, len(body))
		}
	}
}

// A circle of parents, and a parent that is no tenant's, leave no table out of the map.
func TestMapLeavesNothingOut(t *testing.T) {
	p := sample(4)
	for i := range p.Audit.Model.Tables {
		p.Audit.Model.Tables[i].Class = tenancy.Child
	}
	name := func(i int) string { return p.Audit.Model.Tables[i].Name }
	p.parents = map[string]parent{name(0): {name(1), "a", ""}, name(1): {name(0), "b", ""}, name(2): {"public.gone", "c", ""}, name(3): {name(2), "d", ""}}
	var got []string
	for _, l := range p.trees() {
		got = append(got, fmt.Sprintf("%d %s", l.Level, l.Table.Name))
	}
	want := []string{"0 " + name(2), "1 " + name(3), "0 " + name(0), "1 " + name(1)}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func BenchmarkPage2000(b *testing.B) {
	c, err := New(b.Context(), Options{Database: Database{Look: looked(2000)}, Token: token, Hosts: []string{"example.com"}})
	if err != nil {
		b.Fatal(err)
	}
	id, _ := c.logins.begin(token)
	for _, path := range all() {
		b.Run(path, func(b *testing.B) {
			for b.Loop() {
				r := httptest.NewRequest(http.MethodGet, path, nil)
				r.AddCookie(&http.Cookie{Name: cookieName, Value: id})
				w := httptest.NewRecorder()
				c.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatal(w.Code)
				}
			}
		})
	}
}
