//go:build system

package rollout

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ringfencehq/ringfence/internal/nettest"
)

// scrapedSeries are what a gateway and an application gave, a sample a minute: well for two hours around the beginning, and badly for two after.
var scrapedSeries = []struct {
	name   string
	counts bool
	value  func(bad float64) float64 // by the minutes of the bad hours
}{
	{"ringfence_start_time_seconds", false, func(float64) float64 { return 1 }},
	{"ringfence_gateway_sockets", false, func(float64) float64 { return 10 }},
	{`ringfence_gateway_cuts_total{reason="silent"}`, true, func(bad float64) float64 { return 3 + bad }},
	{`ringfence_gateway_cuts_total{reason="revoked"}`, true, func(bad float64) float64 { return 3 }},
	{"ringfence_gateway_backend_failures_total", true, func(float64) float64 { return 0 }},
	{"ringfence_gateway_authorizer_faults_total", true, func(bad float64) float64 { return bad }},
	{`ringfence_refusals_total{event="cross_tenant"}`, true, func(bad float64) float64 { return 5 + 2*bad }},
	{`ringfence_refusals_unrecorded_total{event="cross_tenant"}`, true, func(bad float64) float64 { return bad }},
	{"ringfence_trail_backlog", false, func(bad float64) float64 { return min(bad, 1) * 900 }},
	{"process_resident_memory_bytes", false, func(bad float64) float64 { return 100e6 + min(bad, 1)*180e6 }},
	{`shop_memory`, false, func(float64) float64 { return 1e9 }},
}

// TestSystemMetricFacts asks a Prometheus that has four hours of samples.
func TestSystemMetricFacts(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Minute)
	turn := now.Add(-2 * time.Hour)
	var text strings.Builder
	series := func(name string, counts bool, value func(at time.Time) float64) {
		kind := "gauge"
		if counts {
			kind = "counter"
		}
		fmt.Fprintf(&text, "# TYPE %s %s\n", strings.TrimSuffix(strings.SplitN(name, "{", 2)[0], "_total"), kind)
		labels := `{job="r",instance="n1"}`
		if base, rest, found := strings.Cut(name, "{"); found {
			name, labels = base, `{job="r",instance="n1",`+rest
		}
		for at := now.Add(-4 * time.Hour); !at.After(now); at = at.Add(time.Minute) {
			fmt.Fprintf(&text, "%s%s %g %d\n", name, labels, value(at), at.Unix())
		}
	}
	for _, s := range scrapedSeries {
		series(s.name, s.counts, func(at time.Time) float64 { return s.value(max(0, at.Sub(turn).Minutes())) })
	}
	series("process_cpu_seconds_total", true, func(at time.Time) float64 {
		return 0.1*at.Sub(now.Add(-4*time.Hour)).Seconds() + 0.2*max(0, at.Sub(turn).Seconds())
	})
	text.WriteString("# EOF\n")

	target := begunAt(now.Add(-3 * time.Hour))
	stands := func(at time.Time, want map[string]string) {
		t.Helper()
		target.Now = func() time.Time { return at }
		for _, c := range []*Collector{&scraped, &ownErrors, &attemptsRecorded, &socketsStable, &journal, &cpu, &memory, &backlog} {
			f := c.Collect(t.Context(), target)
			if got := strings.TrimSpace(f.Outcome.String() + " " + f.Value); got != want[c.Name] {
				t.Errorf("%s is %q, want %q: %s", c.Name, got, want[c.Name], f.Why)
			}
		}
	}
	nothing := map[string]string{}
	for _, c := range []*Collector{&scraped, &ownErrors, &attemptsRecorded, &socketsStable, &journal, &cpu, &memory, &backlog} {
		nothing[c.Name] = "unknown"
	}
	stands(now, nothing)
	target.Prometheus = prometheusOf(t, "# EOF\n")
	stands(now, nothing)

	target.Prometheus = prometheusOf(t, text.String())
	stands(turn, map[string]string{"metrics_scraped": "pass 1 processes", "own_errors": "pass 0 errors", "attempts_recorded": "pass 5 of 5", "sockets_stable": "pass 0 faults a socket and hour",
		"journal": "pass 0 records", "cpu": "pass 0.1 cores", "memory": "pass 100 MB", "backlog": "pass 0 records"})
	stands(now, map[string]string{"metrics_scraped": "pass 1 processes", "own_errors": "fail 120 errors", "attempts_recorded": "fail 125 of 245", "sockets_stable": "fail 6 faults a socket and hour",
		"journal": "fail 900 records", "cpu": "fail 0.3 cores", "memory": "fail 280 MB", "backlog": "fail 900 records"})
	target.Watch.Memory = "shop_memory"
	if f := memory.Collect(t.Context(), target); f.Outcome != Pass || f.Value != "1000 MB" {
		t.Errorf("the application's own memory: %+v", f)
	}
	target.State.Stages["production"].Begun = now.Add(-48 * time.Hour)
	if f := cpu.Collect(t.Context(), target); f.Outcome != Unknown || !strings.HasPrefix(f.Why, "before the stage was begun: ") {
		t.Errorf("of the time before nothing is known: %+v", f)
	}
}

// prometheusOf starts a Prometheus that holds the samples, and gives its address.
func prometheusOf(t *testing.T, samples string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"samples": samples, "config.yml": "{}\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(dir, "data")
	if out, err := exec.Command("promtool", "tsdb", "create-blocks-from", "openmetrics", filepath.Join(dir, "samples"), data).CombinedOutput(); err != nil {
		t.Fatalf("promtool (apt-get install prometheus): %v\n%s", err, out)
	}
	address := nettest.Free(t)
	server := exec.Command("prometheus", "--config.file="+filepath.Join(dir, "config.yml"), "--storage.tsdb.path="+data, "--web.listen-address="+address)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Process.Kill(); server.Wait() })
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		_, err := Instant(t.Context(), "http://"+address, "vector(1)", time.Time{})
		if err == nil {
			return "http://" + address
		}
		if time.Now().After(deadline) {
			t.Fatalf("Prometheus does not answer: %v", err)
		}
	}
}
