package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/fleet"
)

// answered is a database whose questions were answered so.
func answered(name string, lines map[string]fleet.Line) Database {
	return Database{Name: name, Groups: []string{"prod"}, Labels: map[string]string{"region": "<eu>"}, Look: func(context.Context) (*Posture, error) {
		p := sample(2)
		p.Lines = lines
		return p, nil
	}}
}

func told(v fleet.Verdict, weight int) map[string]fleet.Line {
	return map[string]fleet.Line{"audit": {Verdict: fleet.Clean}, "prove": {Verdict: v, Weight: weight, Why: fmt.Sprintf("%d leak", weight)}}
}

// reads reads the fleet as Serve does, and waits for it.
func (s *site) reads(t *testing.T) {
	t.Helper()
	f := s.Config.Handler.(*Console).fleet
	f.read(t.Context(), 0, 0)
}

var rowsOf = regexp.MustCompile(`(?s)<tr><td><span class="tag [a-z]+">([a-z]+)</span></td>\s*<th scope="row"><a href="([^"]+)">`)

func (s *site) fleetRows(t *testing.T, path string) (out []string) {
	t.Helper()
	status, body, _ := s.get(t, path)
	if status != http.StatusOK {
		t.Fatalf("%s: %d", path, status)
	}
	for _, m := range rowsOf.FindAllStringSubmatch(body, -1) {
		out = append(out, m[1]+" "+m[2])
	}
	return out
}

// A fleet is listed worst first, what cannot be read is unknown whatever it was before, and each database leads to pages of its own.
func TestFleet(t *testing.T) {
	away := false
	flaky := answered("flaky", told(fleet.Clean, 0))
	steady := flaky.Look
	flaky.Look = func(ctx context.Context) (*Posture, error) {
		if away {
			return nil, errors.New("it went away")
		}
		return steady(ctx)
	}
	odd := answered("50% <off> ?#&", told(fleet.Found, 1))
	odd.Groups = []string{"test"}
	s := newSite(t, Options{Fleet: []Database{
		answered("calm", told(fleet.Clean, 0)), flaky, odd, answered("leaky", told(fleet.Found, 9)), answered("open", told(fleet.Unknown, 3)),
		{Name: "gone", Look: func(context.Context) (*Posture, error) { return nil, errors.New("connection refused") }},
		{Name: "broken", Look: func(context.Context) (*Posture, error) { panic("s3cret") }},
	}})
	s.login(t)
	before := s.fleetRows(t, "/")
	if len(before) != 7 || strings.Contains(strings.Join(before, ""), "clean") {
		t.Errorf("before anything was read: %q", before)
	}
	if _, body, _ := s.get(t, "/"); strings.Contains(body, "<eu>") || strings.Contains(body, "<off>") {
		t.Errorf("a name or a label is markup: %s", body)
	}
	s.reads(t)
	odds := "/db/50%25%20%3Coff%3E%20%3F%23&amp;/"
	want := []string{"found /db/leaky/", "found " + odds, "unknown /db/open/", "unknown /db/broken/", "unknown /db/gone/", "clean /db/calm/", "clean /db/flaky/"}
	if d := cmp.Diff(want, s.fleetRows(t, "/")); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"found " + odds}, s.fleetRows(t, "/?group=test&verdict=found&q=OFF")); d != "" {
		t.Error(d)
	}
	_, body, _ := s.get(t, "/")
	for _, want := range []string{"connection refused", "the reading broke off: string", "9 leak", "not asked", "region=&lt;eu&gt;"} {
		if !strings.Contains(body, want) {
			t.Errorf("the list does not hold %q", want)
		}
	}
	if strings.Contains(body, "s3cret") {
		t.Error("what a reading broke off with is told")
	}
	for path, want := range map[string]string{
		"/db/leaky/": "2 tables are open", "/db/leaky/matrix": `href="table?`, "/db/leaky/table?name=public.orders_of_a_kind_0001": "The statement that shows it",
		strings.ReplaceAll(odds, "&amp;", "&") + "findings": `href="/db/50%25%20%3Coff%3E%20%3F%23&amp;/matrix"`,
	} {
		if status, body, _ := s.get(t, path); status != http.StatusOK || !strings.Contains(body, want) || !strings.Contains(body, `<a href="/">Fleet</a>`) {
			t.Errorf("%s: %d, without %q:\n%s", path, status, want, body)
		}
	}
	for path, want := range map[string]int{"/db/nowhere/": http.StatusNotFound, "/matrix": http.StatusNotFound, "/db/leaky/nowhere": http.StatusNotFound, "/db/gone/matrix": http.StatusServiceUnavailable} {
		if status, _, _ := s.get(t, path); status != want {
			t.Errorf("%s: %d, want %d", path, status, want)
		}
	}
	away = true
	if status, body, _ := s.post(t, "/db/flaky/look", nil); status != http.StatusOK || !strings.Contains(body, "What is shown is older") || !strings.Contains(body, "2 tables are open") {
		t.Errorf("looking again at one leads elsewhere: %d %s", status, body)
	}
	if rows := s.fleetRows(t, "/?q=flaky"); !cmp.Equal(rows, []string{"unknown /db/flaky/"}) {
		t.Errorf("clean once, and away since: %q", rows)
	}
}

// A fleet is read as soon as it is served, and again when somebody asks for it.
func TestFleetIsReadAgain(t *testing.T) {
	looks := make(chan string)
	ctx, end := context.WithCancel(t.Context())
	c, err := New(ctx, Options{Token: token, Fleet: []Database{{Name: "a", Look: func(ctx context.Context) (*Posture, error) {
		select {
		case looks <- "a":
		case <-ctx.Done():
		}
		return nil, errors.New("away")
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	l := httptest.NewUnstartedServer(nil).Listener
	served := make(chan error, 1)
	go func() { served <- c.Serve(ctx, l) }()
	<-looks
	c.fleet.ask()
	c.fleet.ask()
	<-looks
	end()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func BenchmarkFleet100(b *testing.B) {
	var all []Database
	for i := range 100 {
		all = append(all, answered(fmt.Sprintf("database-%03d", i), told(fleet.Verdicts()[i%3], i)))
	}
	c, err := New(b.Context(), Options{Fleet: all, Token: token, Hosts: []string{"example.com"}, Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	c.fleet.read(b.Context(), 0, 0)
	id, _ := c.logins.begin(token)
	for b.Loop() {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.AddCookie(&http.Cookie{Name: cookieName, Value: id})
		w := httptest.NewRecorder()
		if c.ServeHTTP(w, r); w.Code != http.StatusOK || w.Body.Len() > 500_000 {
			b.Fatal(w.Code, w.Body.Len())
		}
	}
}
