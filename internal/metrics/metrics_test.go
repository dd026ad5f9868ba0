package metrics

import (
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"

	ringfence "github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/auth"
	"github.com/ringfencehq/ringfence/auth/pin"
	"github.com/ringfencehq/ringfence/gateway"
	"github.com/ringfencehq/ringfence/trail"
)

var began = time.Unix(1000, 0)

// whole registers what the processes register.
func whole(p Process) *Registry {
	r := New(began)
	if p == Monitor {
		r.Monitor()
		return r
	}
	r.PIN(r.Gateway(func() bool { return false }))
	r.Auth(nil)
	r.Trail(func() trail.Stats { return trail.Stats{} })
	return r
}

// series returns every series of ours with its value; a histogram's is its count.
func series(t *testing.T, r *Registry) map[string]float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "ringfence_") {
			continue
		}
		for _, m := range f.Metric {
			out[name(f.GetName(), m.Label)] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return out
}

func name(metric string, labels []*dto.LabelPair) string {
	for _, l := range labels {
		metric += " " + l.GetName() + "=" + l.GetValue()
	}
	return metric
}

// Each process has exactly the series that the descriptions list, all at 0 before anything happens.
func TestEverySeriesIsBornAtZero(t *testing.T) {
	for _, p := range []Process{Gateway, Monitor} {
		want := map[string]float64{}
		for _, m := range OfProcess(p) {
			for _, s := range m.series() {
				full := m.Name
				pairs := make([]string, len(s))
				for i, v := range s {
					pairs[i] = " " + m.Labels[i] + "=" + v
				}
				slices.Sort(pairs)
				want[full+strings.Join(pairs, "")] = 0
			}
		}
		want[startTime.Name] = 1000
		if d := cmp.Diff(want, series(t, whole(p))); d != "" {
			t.Errorf("%s: %s", p, d)
		}
	}
}

// Names are as Prometheus wants them, labels are few and closed, and everything says what it is.
func TestDescriptions(t *testing.T) {
	nameForm := regexp.MustCompile(`^ringfence_[a-z_]+[a-z]$`)
	seen := map[string]bool{}
	for _, m := range All() {
		counter := strings.HasSuffix(m.Name, "_total")
		switch {
		case seen[m.Name]:
			t.Errorf("%s is there twice", m.Name)
		case !nameForm.MatchString(m.Name) || counter != (m.Kind == Counter):
			t.Errorf("%s: a counter, and only a counter, ends in _total", m.Name)
		case len(m.Help) < 15 || !strings.HasSuffix(m.Help, ".") || m.Of == "":
			t.Errorf("%s: help %q, of %q", m.Name, m.Help, m.Of)
		case (m.Kind == Histogram) != (len(m.Buckets) > 0) || !slices.IsSorted(m.Buckets):
			t.Errorf("%s: buckets %v", m.Name, m.Buckets)
		case (len(m.Labels) == 0) != (len(m.Series) == 0) || len(m.Series) > 100:
			t.Errorf("%s has %d series", m.Name, len(m.Series))
		}
		for _, s := range m.Series {
			if len(s) != len(m.Labels) {
				t.Errorf("%s: series %v of labels %v", m.Name, s, m.Labels)
			}
		}
		seen[m.Name] = true
	}
	if len(seen) < 40 {
		t.Errorf("only %d metrics are described", len(seen))
	}
}

// Whatever is told moves the series that is meant for it, and no other one.
func TestCounting(t *testing.T) {
	r := New(began)
	g := r.Gateway(func() bool { return true })
	g.Sockets(2)
	g.Sockets(-1)
	g.Requests()
	g.Forwarded(gateway.FromBackend, 3, 70)
	g.Dropped(gateway.FromClient)
	g.Judged(time.Microsecond)
	g.Refused(ringfence.CrossTenant)
	g.Refused("made up")
	g.Unrecorded(ringfence.TokenMissing)
	g.Cut(gateway.CutExpired)
	g.BackendFailed()
	g.Faulted()
	g.RevocationApplied(4, 0)
	g.RevocationApplied(1, time.Millisecond)
	p := r.PIN(g)
	p.Tried(pin.Wrong)
	p.Tried("made up")
	p.Unrecorded(ringfence.PINFailed)
	p.Hashed(time.Second)
	r.Trail(func() trail.Stats {
		return trail.Stats{Offered: 9, Lost: 1, Inherited: 4, Missing: 6, Types: map[ringfence.EventType]int64{ringfence.SelfTest: 8}, Backlog: 2, BacklogAge: time.Minute, Tampered: 3, Failing: true, SelfTest: time.Unix(5, 0),
			Sinks: map[string]trail.SinkStats{"a": {Sent: 5, Dropped: 1, Failing: true}, "b": {Sent: 7}}}
	})
	a := r.Auth(func() []auth.RemoteStatus {
		return []auth.RemoteStatus{{Usable: true, Age: time.Minute}, {Usable: true, Failures: 2, Age: time.Hour}, {Failures: 1}}
	})
	for _, err := range []error{nil, auth.ErrNotMember, errors.New("the database is down")} {
		_, _ = a.Members(answer{err}).Member(t.Context(), ringfence.Tenant{}, "u")
	}
	got := series(t, r)
	for k, v := range got {
		if v == 0 || k == startTime.Name {
			delete(got, k)
		}
	}
	want := map[string]float64{
		"ringfence_gateway_sockets": 1, "ringfence_gateway_draining": 1, "ringfence_gateway_requests_total": 1,
		"ringfence_gateway_messages_total direction=backend": 3, "ringfence_gateway_bytes_total direction=backend": 70,
		"ringfence_gateway_dropped_messages_total direction=client": 1, "ringfence_gateway_judgement_seconds": 1,
		"ringfence_refusals_total event=cross_tenant severity=CRITICAL": 1, "ringfence_refusals_unrecorded_total event=token_missing severity=WARNING": 1,
		"ringfence_gateway_cuts_total reason=expired": 1, "ringfence_gateway_backend_failures_total": 1, "ringfence_gateway_authorizer_faults_total": 1,
		"ringfence_gateway_revocations_total": 2, "ringfence_gateway_revoked_sockets_total": 5, "ringfence_gateway_revocation_lag_seconds": 1,
		"ringfence_pin_attempts_total outcome=wrong": 1, "ringfence_pin_attempts_total outcome=uncounted": 1, "ringfence_refusals_unrecorded_total event=pin_failed severity=WARNING": 1, "ringfence_pin_hash_seconds": 1,
		"ringfence_trail_inherited": 4, "ringfence_trail_missing": 6, "ringfence_trail_events_total event=self_test severity=INFO": 8,
		"ringfence_trail_offered_total": 9, "ringfence_trail_lost_total": 1, "ringfence_trail_backlog": 2, "ringfence_trail_backlog_age_seconds": 60,
		"ringfence_trail_tampered_total": 3, "ringfence_trail_store_failing": 1, "ringfence_trail_self_test_timestamp_seconds": 5,
		"ringfence_trail_sinks_sent_total": 12, "ringfence_trail_sinks_dropped_total": 1, "ringfence_trail_sinks_failing": 1,
		"ringfence_auth_key_sources state=usable": 1, "ringfence_auth_key_sources state=stale": 1, "ringfence_auth_key_sources state=unusable": 1,
		"ringfence_auth_keys_age_seconds": 3600, "ringfence_membership_loads_total": 3, "ringfence_membership_failures_total": 1,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

type answer struct{ err error }

func (a answer) Member(context.Context, ringfence.Tenant, string) ([]string, error) {
	return nil, a.err
}

// A check's state is one outcome at a time, and no value makes a series.
func TestMonitorStates(t *testing.T) {
	r := New(began)
	m := r.Monitor()
	m.Ran("audit", "bad", time.Unix(7, 0), time.Second)
	m.Ran("audit", "unknown", time.Unix(9, 0), 2*time.Second)
	m.Set(MonitorFindings, 3, "high")
	m.Set(MonitorFindings, 3, "made up")
	m.Add(MonitorErrors, 2, "42501")
	m.Add(MonitorErrors, 2, "99999")
	m.Queried("tenant_latest", time.Second)
	m.Queried("made up", time.Second)
	got := series(t, r)
	for k, v := range got {
		if v == 0 || k == startTime.Name {
			delete(got, k)
		}
	}
	want := map[string]float64{
		"ringfence_monitor_state check=audit outcome=unknown": 1, "ringfence_monitor_checks_total check=audit outcome=bad": 1,
		"ringfence_monitor_checks_total check=audit outcome=unknown": 1, "ringfence_monitor_last_run_timestamp_seconds check=audit": 9,
		"ringfence_monitor_check_seconds check=audit": 2, "ringfence_monitor_findings severity=high": 3, "ringfence_monitor_sqlstate_total sqlstate=42501": 2,
		"ringfence_trail_query_seconds query=tenant_latest": 1,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// A scrape is text that Prometheus reads.
func TestHandler(t *testing.T) {
	w := httptest.NewRecorder()
	whole(Gateway).Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	body, _ := io.ReadAll(w.Result().Body)
	for _, want := range []string{"\nringfence_refusals_total{event=\"cross_tenant\",severity=\"CRITICAL\"} 0\n", "\nringfence_start_time_seconds 1000\n", "\nprocess_start_time_seconds "} {
		if !strings.Contains(string(body), want) {
			t.Errorf("the scrape has no %q", want)
		}
	}
}
