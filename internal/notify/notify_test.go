package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var at = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// A taker is a receiver that answers with what the test gives, in turn, and keeps what it got. Behind the last answer it says 202.
type taker struct {
	*httptest.Server
	mu      sync.Mutex
	bodies  []string
	headers []http.Header
	answers []func(http.ResponseWriter)
}

func take(t *testing.T, answers ...func(http.ResponseWriter)) *taker {
	k := &taker{answers: answers}
	k.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		k.mu.Lock()
		k.bodies, k.headers = append(k.bodies, string(body)), append(k.headers, r.Header)
		n := len(k.bodies)
		k.mu.Unlock()
		if n <= len(k.answers) {
			k.answers[n-1](w)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"status":"success","message":"Event processed","dedup_key":"k-1"}`)
	}))
	t.Cleanup(k.Close)
	return k
}

func status(code int, header ...string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	}
}

// patient is a Sender whose waiting is recorded and takes no time.
func patient(waited *[]time.Duration) *Sender {
	return &Sender{Now: func() time.Time { return at }, Wait: func(_ context.Context, d time.Duration) error {
		*waited = append(*waited, d)
		return nil
	}}
}

func message() Message {
	return Message{Key: "monitor/app/drift", Severity: Error, Summary: "2 changes let tenants reach more", Source: "db.example/app",
		Component: "monitor", Details: map[string]string{"widened": "2"}, Links: []Link{{"runbook", "https://example.com/r"}}}
}

// What PagerDuty gets is an event of its API v2, to the letter.
func TestPagerDuty(t *testing.T) {
	k := take(t)
	var waited []time.Duration
	s := patient(&waited)
	e := Endpoint{Name: "on-call", Kind: &pagerDuty, URL: k.URL, Key: "R0UT1NG"}
	if r := s.Send(t.Context(), e, message()); r.Err != nil || r.ID != "k-1" || r.Status != 202 || r.Attempts != 1 || !r.At.Equal(at) {
		t.Errorf("%+v", r)
	}
	m := message()
	m.Action = Resolve
	if r := s.Send(t.Context(), e, m); r.Err != nil {
		t.Error(r.Err)
	}
	want := []string{
		`{"routing_key":"R0UT1NG","event_action":"trigger","dedup_key":"monitor/app/drift","payload":{"summary":"2 changes let tenants reach more",` +
			`"source":"db.example/app","severity":"error","timestamp":"2026-03-01T12:00:00Z","component":"monitor","custom_details":{"widened":"2"}},` +
			`"links":[{"text":"runbook","href":"https://example.com/r"}],"client":"Ringfence"}`,
		`{"routing_key":"R0UT1NG","event_action":"resolve","dedup_key":"monitor/app/drift","client":"Ringfence"}`,
	}
	if d := cmp.Diff(want, k.bodies); d != "" {
		t.Error(d)
	}
}

// A webhook's receiver can tell who sent a body, and sees a second delivery for what it is.
func TestWebhook(t *testing.T) {
	k := take(t, status(503))
	var waited []time.Duration
	e := Endpoint{Name: "ops", Kind: &webhook, URL: k.URL, Key: "shared"}
	if r := patient(&waited).Send(t.Context(), e, message()); r.Err != nil || r.Attempts != 2 {
		t.Errorf("%+v", r)
	}
	var body webhookBody
	if err := json.Unmarshal([]byte(k.bodies[0]), &body); err != nil {
		t.Fatal(err)
	}
	delivery := k.headers[0].Get(DeliveryHeader)
	want := webhookBody{Schema: "ringfence/notification/v1", Delivery: delivery, Key: "monitor/app/drift", Action: Trigger, Severity: Error,
		Summary: "2 changes let tenants reach more", Source: "db.example/app", Component: "monitor", At: at,
		Details: map[string]string{"widened": "2"}, Links: []Link{{"runbook", "https://example.com/r"}}}
	if d := cmp.Diff(want, body); d != "" {
		t.Error(d)
	}
	if delivery == "" || k.headers[1].Get(DeliveryHeader) != delivery || k.bodies[1] != k.bodies[0] {
		t.Errorf("the second attempt is another delivery: %v", k.headers)
	}
	if got := k.headers[0].Get(SignatureHeader); got != "t=1772366400,v1="+sign("shared", "1772366400", []byte(k.bodies[0])) {
		t.Errorf("signature %q", got)
	}
}

// What may pass is tried again, as long as that can help; what is final is not.
func TestAttempts(t *testing.T) {
	for name, c := range map[string]struct {
		answers  []func(http.ResponseWriter)
		attempts int
		fault    string
	}{
		"busy, then taken":  {[]func(http.ResponseWriter){status(429), status(500)}, 3, ""},
		"never well":        {[]func(http.ResponseWriter){status(500), status(500), status(500), status(500), status(500)}, 5, "telling ops: it answers 500"},
		"refused":           {[]func(http.ResponseWriter){status(400)}, 1, "telling ops: it answers 400"},
		"elsewhere":         {[]func(http.ResponseWriter){status(307, "Location", "/other")}, 1, "telling ops: it answers 307: redirects are not followed"},
		"a body of nothing": {[]func(http.ResponseWriter){status(204)}, 1, ""},
	} {
		k := take(t, c.answers...)
		var waited []time.Duration
		r := patient(&waited).Send(t.Context(), Endpoint{Name: "ops", Kind: &webhook, URL: k.URL}, message())
		if fmt.Sprint(r.Err) != map[bool]string{true: "<nil>", false: c.fault}[c.fault == ""] || r.Attempts != c.attempts || len(k.bodies) != c.attempts {
			t.Errorf("%s: %+v, %d requests", name, r, len(k.bodies))
		}
		for i, d := range waited {
			if least := time.Second << i / 2; d < least || d > 2*least {
				t.Errorf("%s: wait %d took %v", name, i, d)
			}
		}
	}
	k := take(t, status(429, "Retry-After", "20"), status(429, "Retry-After", "9000"), status(503, "Retry-After", "-1"))
	var waited []time.Duration
	patient(&waited).Send(t.Context(), Endpoint{Name: "ops", Kind: &webhook, URL: k.URL}, message())
	if waited[0] != 20*time.Second || waited[1] != 30*time.Second || waited[2] > 4*time.Second {
		t.Errorf("waited %v", waited)
	}
}

// Neither an address nor a key is in what comes back, whatever goes wrong.
func TestNoSecretComesBack(t *testing.T) {
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _, _ := w.(http.Hijacker).Hijack()
		_ = c.Close()
	}))
	defer broken.Close()
	tls := httptest.NewUnstartedServer(http.NotFoundHandler())
	tls.Config.ErrorLog = log.New(io.Discard, "", 0)
	tls.StartTLS()
	defer tls.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	var waited []time.Duration
	ended, end := context.WithCancel(t.Context())
	end()
	for name, c := range map[string]struct {
		ctx  context.Context
		url  string
		want string
	}{
		"broken":      {t.Context(), broken.URL, "telling ops: the connection broke"},
		"refused":     {t.Context(), gone.URL, "telling ops: dial: connect: connection refused"},
		"certificate": {t.Context(), tls.URL, "telling ops: its certificate does not hold"},
		"cancelled":   {ended, gone.URL, "telling ops: context canceled"},
		"no URL":      {t.Context(), "::s3cret", "telling ops: its URL is no http or https URL"},
	} {
		for _, kind := range Kinds() {
			address := c.url
			if c.url != "::s3cret" {
				address += "/s3cret?token=s3cret"
			}
			r := patient(&waited).Send(c.ctx, Endpoint{Name: "ops", Kind: kind, URL: address, Key: "s3cret"}, message())
			if r.Err == nil || r.Err.Error() != c.want || strings.Contains(fmt.Sprintf("%+v", r), "s3cret") {
				t.Errorf("%s, %s: %+v, want %s", name, kind.Name, r, c.want)
			}
		}
	}
}

// A message ends when its context does, also between attempts.
func TestSendEndsWithItsContext(t *testing.T) {
	k := take(t, status(500))
	s := &Sender{Wait: func(context.Context, time.Duration) error { return context.Canceled }}
	r := s.Send(t.Context(), Endpoint{Name: "ops", Kind: &webhook, URL: k.URL}, message())
	if !errors.Is(r.Err, context.Canceled) || r.Attempts != 1 || !strings.Contains(r.Err.Error(), "it answers 500") {
		t.Errorf("%+v", r)
	}
}

// Receipts are in the order of the endpoints, and one that fails takes nothing from the others.
func TestSendAll(t *testing.T) {
	good, bad := take(t), take(t, status(403))
	to := []Endpoint{{Name: "a", Kind: &webhook, URL: bad.URL}, {Name: "b", Kind: &webhook, URL: good.URL}}
	got := new(Sender).SendAll(t.Context(), to, message())
	if got[0].Err == nil || got[0].Endpoint != "a" || got[1].Err != nil || got[1].Endpoint != "b" {
		t.Errorf("%+v", got)
	}
}

// Texts of strangers become one bounded line.
func TestMessagesAreBounded(t *testing.T) {
	m := Message{Key: strings.Repeat("k", 300), Summary: "a\nb\x00c\xff" + strings.Repeat("é", 2000), Severity: "?", Details: map[string]string{}}
	for i := range 100 {
		m.Details[fmt.Sprintf("d%03d", i)] = strings.Repeat("v", 5000)
	}
	b := m.bounded()
	if len(b.Key) > maxKey || len(b.Summary) > maxSummary || !strings.HasPrefix(b.Summary, "a b c\uFFFDé") || !strings.HasSuffix(b.Summary, "é…") {
		t.Errorf("%q %q", b.Key, b.Summary)
	}
	if b.Severity != Critical || b.Action != Trigger || b.Source != "ringfence" || len(b.Details) != maxDetails || len(b.Details["d000"]) > maxDetail {
		t.Errorf("%+v", b)
	}
}

func TestContacts(t *testing.T) {
	env := func(name string) (string, bool) {
		v, ok := map[string]string{"URL": "https://hooks.example.com/s3cret", "PLAIN": "http://hooks.example.com/s3cret", "KEY": "s3cret\n", "LOCAL": "http://127.0.0.1:9/x"}[name]
		return v, ok
	}
	for _, c := range []struct {
		contact Contact
		want    string
	}{
		{Contact{Name: "a", URL: "URL"}, "webhook https://hooks.example.com/s3cret "},
		{Contact{Name: "a", URL: "PLAIN", Secret: "KEY"}, "webhook http://hooks.example.com/s3cret s3cret"},
		{Contact{Name: "a", Routing: "KEY"}, "pagerduty https://events.pagerduty.com/v2/enqueue s3cret"},
		{Contact{Name: "a", Routing: "KEY", URL: "LOCAL"}, "pagerduty http://127.0.0.1:9/x s3cret"},
		{Contact{Name: "a", Routing: "KEY", URL: "PLAIN"}, `the contact "a": its URL is http, and the routing key would go over the network in the clear`},
		{Contact{Name: "a", Routing: "KEY", Secret: "KEY"}, `the contact "a": secret_env is for webhooks, and routing_env makes it PagerDuty`},
		{Contact{Name: "a", URL: "NONE"}, `the contact "a": the environment has no NONE`},
		{Contact{Name: "a"}, `the contact "a": there is no URL`},
		{Contact{Name: "a", URL: "KEY"}, `the contact "a": its URL is no http or https URL`},
		{Contact{URL: "URL"}, "a contact has no name"},
	} {
		e, err := c.contact.Endpoint(env)
		got := fmt.Sprint(err)
		if err == nil {
			got = e.Kind.Name + " " + e.URL + " " + e.Key
		}
		if got != c.want {
			t.Errorf("%+v\n  gives %s\n  want  %s", c.contact, got, c.want)
		}
	}
}
