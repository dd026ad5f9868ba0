package ringfencetest

import (
	"cmp"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ringfencehq/ringfence"
)

// Walk proves something of every route of an application.
type Walk struct {
	// Handler is the whole application, its middleware included.
	Handler http.Handler
	Routes  []Route
	// Own, Other and Expired are tokens: of the tenant whose rows the routes' paths name, of another tenant, and one of the
	// owner's that has ended.
	Own, Other, Expired string
	// OwnTenant and OtherTenant are the tenants of the first two.
	OwnTenant, OtherTenant ringfence.Tenant
	// Markers are texts that stand in the owner's rows and in nobody else's, such as their ids. No answer to another tenant may
	// carry one.
	Markers []string
	// Observer is what the application reaches its server through.
	Observer *Observer
	// Show puts a token into a request; by default as "Authorization: Bearer".
	Show func(r *http.Request, token string)
}

// Result counts what a walk has held, for a test to compare with what it expects.
type Result struct {
	Routes, Public, Requests, Statements int
	Served                               int // routes whose owner was served by SQL in the owner's context
}

// minMarker is the shortest marker, in bytes: one that no answer has by chance.
const minMarker = 8

// Run walks all routes, each in a subtest. A walk that finds no route, or nothing that it can hold them against, fails.
func (w Walk) Run(t *testing.T) Result {
	t.Helper()
	if len(w.Routes) == 0 || w.Handler == nil || w.Observer == nil || !w.OwnTenant.Valid() || !w.OtherTenant.Valid() || w.OwnTenant == w.OtherTenant {
		t.Fatal("walking routes: a handler, routes, an observer and two different tenants are needed")
	}
	if w.Own == "" || w.Other == "" || w.Expired == "" {
		t.Fatal("walking routes: three tokens are needed")
	}
	for _, m := range w.Markers {
		if len(m) < minMarker {
			t.Fatalf("walking routes: the marker %q is so short that it may stand anywhere", m)
		}
	}
	if w.Show == nil {
		w.Show = func(r *http.Request, token string) { r.Header.Set("Authorization", "Bearer "+token) }
	}
	run := &walker{Walk: w}
	for _, route := range w.Routes {
		t.Run(route.String(), func(t *testing.T) {
			for _, p := range run.route(route) {
				t.Error(p)
			}
		})
	}
	return run.result
}

// walker is a walk under way.
type walker struct {
	Walk
	result  Result
	refusal string // the first refusal: all others are the same
	wrong   []string
}

func (w *walker) errorf(format string, args ...any) {
	w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
}

// route holds one route, and returns what is wrong with it.
func (w *walker) route(r Route) []string {
	w.result.Routes++
	w.wrong = nil
	w.Observer.Take()
	if r.Public {
		w.result.Public++
		if got := w.ask(r, r.Path, nil); !r.serves(got.status) {
			w.errorf("it is public, and answers %s without a token", got)
		}
		return w.wrong
	}
	w.refused(r)
	w.foreign(r)
	w.owned(r)
	return w.wrong
}

// refused holds that who has no token that is in order gets one and the same answer, and that no SQL runs.
func (w *walker) refused(r Route) {
	tokens := map[string]*string{"no token": nil, "an empty token": new(string)}
	for name, token := range map[string]string{"a malformed token": "x.y.z", "an expired token": w.Expired, "half a token": w.Own[:len(w.Own)/2]} {
		tokens[name] = &token
	}
	for name, token := range tokens {
		got := w.ask(r, r.Path, token)
		if got.status != http.StatusUnauthorized {
			w.errorf("%s: %s", name, got)
		}
		if w.refusal == "" {
			w.refusal = got.String()
		}
		if got.String() != w.refusal {
			w.errorf("%s: %s is another refusal than %s", name, got, w.refusal)
		}
		if ran := w.Observer.Take(); len(ran) > 0 {
			w.errorf("%s: SQL ran: %.200s", name, ran[0].SQL)
		}
	}
}

// foreign holds that another tenant's token works in that tenant's context alone, and cannot tell the owner's rows from rows
// that are not there.
func (w *walker) foreign(r Route) {
	got := w.ask(r, r.Path, &w.Other)
	w.inContext("another tenant", w.OtherTenant)
	w.unmarked(got)
	if r.Missing == "" && r.MissingBody == "" {
		return
	}
	nobody := r
	nobody.Body = cmp.Or(r.MissingBody, r.Body)
	missing := w.ask(nobody, cmp.Or(r.Missing, r.Path), &w.Own)
	w.inContext("the owner of nothing", w.OwnTenant)
	if got.String() != missing.String() || got.status < 400 {
		w.errorf("another tenant's row answers %s, one that is not there %s", got, missing)
	}
}

func (w *walker) unmarked(got reply) {
	for _, m := range w.Markers {
		if strings.Contains(got.body, m) || strings.Contains(fmt.Sprint(got.header), m) {
			w.errorf("another tenant is shown %q", m)
		}
	}
}

// owned is the positive control: the owner is served, in the owner's context.
func (w *walker) owned(r Route) {
	got := w.ask(r, r.Path, &w.Own)
	ran := w.inContext("the owner", w.OwnTenant)
	if !r.serves(got.status) {
		w.errorf("the owner gets %s", got)
	}
	switch {
	case r.Silent && ran > 0:
		w.errorf("it is said to run no SQL, and ran %d statements", ran)
	case !r.Silent && ran == 0:
		w.errorf("the owner was served without SQL that was seen: is the application's DSN the observer's?")
	case !r.Silent:
		w.result.Served++
	}
	if !r.Shows {
		return
	}
	for _, m := range w.Markers {
		if strings.Contains(got.body, m) {
			return
		}
	}
	w.errorf("the owner is not shown any of the owner's rows: %.200s", got.body)
}

// inContext holds that each statement since the last look ran in a tenant's context, and counts them.
func (w *walker) inContext(who string, tenant ringfence.Tenant) int {
	ran := w.Observer.Take()
	for _, s := range ran {
		if s.Tenant != tenant.String() {
			w.errorf("%s: the context was %q, not %q, for %.200s", who, s.Tenant, tenant, s.SQL)
		}
	}
	w.result.Statements += len(ran)
	return len(ran)
}

// serves reports whether a status is the route's.
func (r Route) serves(status int) bool {
	if r.Status != 0 {
		return status == r.Status
	}
	return status < 400
}

// reply is what came back.
type reply struct {
	status int
	header http.Header
	body   string
}

func (r reply) String() string { return fmt.Sprintf("%d %.300s", r.status, strings.TrimSpace(r.body)) }

// ask sends one request; nil is no token at all.
func (w *walker) ask(r Route, path string, token *string) reply {
	if path == "" {
		path = r.Pattern
	}
	request := httptest.NewRequest(r.Method, path, strings.NewReader(r.Body))
	for name, values := range r.Header {
		request.Header[name] = values
	}
	if token != nil {
		w.Show(request, *token)
	}
	answer := httptest.NewRecorder()
	w.Handler.ServeHTTP(answer, request)
	w.result.Requests++
	return reply{status: answer.Code, header: answer.Header(), body: answer.Body.String()}
}
