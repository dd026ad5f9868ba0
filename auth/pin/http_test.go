package pin

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// site is a rig behind HTTP.
type site struct {
	*rig
	url string
}

func newSite(t *testing.T, with func(*Options)) *site {
	t.Helper()
	r := newRig(t, with)
	web := httptest.NewServer(r.Handler(HandlerOptions{Authorizer: r.verify, Origins: []string{"https://app.example.com"}}))
	t.Cleanup(web.Close)
	return &site{r, web.URL + "/login"}
}

// send sends a request and returns its answer: status, header and body.
func (s *site) send(t *testing.T, method, path, body string, header ...string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, string(text)
}

func quote(pairs ...string) string {
	m := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	text, _ := json.Marshal(m)
	return string(text)
}

// get sends a body and reads the texts of a good answer.
func (s *site) get(t *testing.T, path, body string, header ...string) map[string]string {
	t.Helper()
	status, _, text := s.send(t, "POST", path, body, header...)
	if status != 200 {
		t.Fatalf("%s: %d %s", path, status, text)
	}
	var all map[string]any
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for k, v := range all {
		out[k] = fmt.Sprint(v)
	}
	return out
}

// The whole way of a device and of people: a code, a device, a login, a refresh, a manager's work, a rotation, a logout.
func TestHTTP(t *testing.T) {
	s := newSite(t, nil)
	code, err := s.Operator().Code(t.Context(), s.tenant, "", "till 2", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	device := s.get(t, "/device", quote("code", code))["device"]
	anna := s.get(t, "", quote("device", device, "user", "anna", "pin", right))
	if anna["tenant"] != mine || anna["user"] != "anna" || anna["roles"] != "[manager]" || anna["token_type"] != "Bearer" {
		t.Errorf("the login gave %v", anna)
	}
	next := s.get(t, "/refresh", quote("device", device, "refresh_token", anna["refresh_token"]))
	if next["session"] != anna["session"] {
		t.Error("another session")
	}
	manager := []string{"Authorization", "Bearer " + next["access_token"]}
	for _, c := range []struct {
		method, path, body string
		want               int
	}{
		{"POST", "/members/ben/pin", quote("pin", "90412"), 204},
		{"POST", "/members/ben/pin", quote("pin", "1234"), 400},
		{"POST", "/members/zoe/pin", quote("pin", "90412"), 404}, // no member
		{"POST", "/members/ben/lock", "{}", 204},
		{"POST", "/members/zoe/lock", "{}", 404},
		{"POST", "/members/ben/unlock", "", 204},
		{"POST", "/codes", quote("label", "till 3"), 200},
		{"DELETE", "/members/zoe/pin", "", 404},
	} {
		if status, _, text := s.send(t, c.method, c.path, c.body, manager...); status != c.want {
			t.Errorf("%s %s: %d %s", c.method, c.path, status, text)
		}
	}
	ben := s.get(t, "", quote("device", device, "user", "ben", "pin", "90412"))
	for who, header := range map[string]string{"staff": "Bearer " + ben["access_token"], "a refresh token": "Bearer " + ben["refresh_token"], "nobody": ""} {
		want := 401
		if who == "staff" {
			want = 403
		}
		if status, _, _ := s.send(t, "POST", "/members/anna/lock", "{}", "Authorization", header); status != want {
			t.Errorf("%s locks: %d", who, status)
		}
	}
	if status, _, text := s.send(t, "POST", "/pin", quote("device", device, "user", "ben", "pin", "90412", "new_pin", "739164")); status != 204 {
		t.Errorf("rotation: %d %s", status, text)
	}
	if status, _, _ := s.send(t, "POST", "/refresh", quote("device", device, "refresh_token", ben["refresh_token"])); status != 401 {
		t.Errorf("a refresh after the rotation: %d", status)
	}
	if status, _, _ := s.send(t, "POST", "/logout", quote("device", device, "refresh_token", next["refresh_token"])); status != 204 {
		t.Errorf("logout: %d", status)
	}
	if status, _, _ := s.send(t, "POST", "/refresh", quote("device", device, "refresh_token", next["refresh_token"])); status != 401 {
		t.Errorf("a refresh after the logout: %d", status)
	}
	if status, _, text := s.send(t, "GET", "/keys", ""); status != 200 || !strings.Contains(text, "Ed25519") {
		t.Errorf("keys: %d %s", status, text)
	}
}

// Refused tries get one answer, byte for byte.
func TestRefusalsReadTheSame(t *testing.T) {
	s := newSite(t, func(o *Options) { o.Limits.Tries = 10 })
	tries := s.refusals(t)
	if err := s.Operator().Lock(t.Context(), s.tenant, "anna"); err != nil {
		t.Fatal(err)
	}
	var first string
	for name, try := range tries {
		status, header, text := s.send(t, "POST", "", quote("device", try.Device, "tenant", try.Tenant, "user", try.User, "pin", try.PIN))
		header.Del("Date")
		got := fmt.Sprint(status, header, text)
		if first == "" {
			first = got
		}
		if status != 401 || got != first {
			t.Errorf("%s: %s", name, cmp.Diff(first, got))
		}
	}
}

// What is not read one way only, not JSON by its type, too long, or from another page, is not looked at.
func TestBodies(t *testing.T) {
	s := newSite(t, nil)
	good := quote("device", s.device, "user", "anna", "pin", right)
	for _, c := range []struct {
		name, body string
		want       int
		header     []string
	}{
		{"good", good, 200, nil},
		{"its own page", good, 200, []string{"Origin", strings.TrimSuffix(s.url, "/login")}},
		{"a known page", good, 200, []string{"Origin", "https://app.example.com"}},
		{"a strange page", good, 403, []string{"Origin", "https://evil.example.com"}},
		{"a form", good, 400, []string{"Content-Type", "text/plain"}},
		{"a key twice", strings.Replace(good, "{", `{"user":"ben",`, 1), 400, nil},
		{"a key of another case", strings.Replace(good, "{", `{"USER":"ben",`, 1), 400, nil},
		{"a number", `{"device":"x","user":"anna","pin":8305}`, 400, nil},
		{"more after it", good + "{}", 400, nil},
		{"bad UTF-8", "{\"user\":\"\xff\"}", 400, nil},
		{"too long", quote("user", strings.Repeat("x", maxBody)), 400, nil},
		{"nothing", "", 401, nil},
	} {
		if status, _, text := s.send(t, "POST", "", c.body, c.header...); status != c.want {
			t.Errorf("%s: %d %s", c.name, status, text)
		}
	}
	if status, header, _ := s.send(t, "GET", "", ""); status != 405 || !slices.Contains(header.Values("Allow"), "POST") {
		t.Errorf("GET: %d", status)
	}
}

// Who is throttled is told for how long, and nothing else.
func TestThrottledAnswer(t *testing.T) {
	s := newSite(t, func(o *Options) { o.Limits.Device = 1 })
	body := quote("device", s.device, "user", "anna", "pin", wrong)
	s.send(t, "POST", "", body)
	status, header, text := s.send(t, "POST", "", body)
	if status != 429 || text != "{\"error\":\"too_many\"}\n" || header.Get("Retry-After") == "" {
		t.Errorf("%d %v %s", status, header, text)
	}
}
