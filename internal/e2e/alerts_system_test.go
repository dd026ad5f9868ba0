//go:build system

package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ringfencehq/ringfence/internal/metrics"
	"github.com/ringfencehq/ringfence/internal/metrics/alerts"
	"github.com/ringfencehq/ringfence/internal/nettest"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// written runs the binary for a file of the monitor's.
func written(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if out, err := exec.Command(binary(t), append(append([]string{"monitor"}, args...), "-o", file)...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return file
}

func promtool(t *testing.T, args ...string) (string, error) {
	t.Helper()
	if _, err := exec.LookPath("promtool"); err != nil {
		t.Fatal("promtool is not on the machine: apt-get install prometheus")
	}
	out, err := exec.Command("promtool", args...).CombinedOutput()
	return string(out), err
}

// The real promtool takes the rules and every one of their unit tests, and finds a rule that was made to fire too late.
func TestSystemAlertRules(t *testing.T) {
	dir := t.TempDir()
	rules := written(t, dir, alerts.RulesFile, "rules")
	tests := written(t, dir, "ringfence.tests.yml", "rules", "--tests")
	if out, err := promtool(t, "check", "rules", rules); err != nil || !strings.Contains(out, "9 rules found") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := promtool(t, "test", "rules", tests); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(rules)
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{{"> 300", "> 3000"}, {"[5m])) > 0", "[5m])) > 1"}, {"< 300)", "< 0)"}, {"> 0.2", "> 0.9"}, {"> 0.5", "> 50"}, {"!= 0", "> 90"}} {
		if err := os.WriteFile(rules, []byte(strings.ReplaceAll(string(text), change[0], change[1])), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := promtool(t, "test", "rules", tests); err == nil || !strings.Contains(string(text), change[0]) {
			t.Errorf("rules with %s for %s pass their tests:\n%s", change[1], change[0], out)
		}
	}
}

const alertKey = "a shared secret of at least thirty-two bytes"

// tried asks the gateway, as one tenant, for another's data.
func tried(t *testing.T, address string) {
	t.Helper()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"iss": "login", "aud": "voice", "sub": "anna", "jti": "t1", "exp": time.Now().Add(time.Minute).Unix(),
		"restaurant_id": "7b0c8f0e-2f3e-4c59-9d5e-0a1b2c3d4e5f"}).SignedString([]byte(alertKey))
	if err != nil {
		t.Fatal(err)
	}
	req, _ := http.NewRequest("GET", "http://"+address+"/orders?restaurant_id=11111111-2222-4333-8444-555555555555", nil)
	req.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusForbidden {
		t.Fatalf("the attempt was answered %s", answer.Status)
	}
}

// Series that were scraped from running processes, before and after one attempt on another tenant, make the rule for attempts fire and
// no other one; and every metric that a rule names is there.
func TestSystemAlertsOnRunningProcesses(t *testing.T) {
	db := pgtest.DB(t)
	back := httptest.NewServer(http.NotFoundHandler())
	defer back.Close()
	dir := t.TempDir()
	clients, admin, watch := nettest.Free(t), nettest.Free(t), nettest.Free(t)
	config := fmt.Sprintf(`
listen: %s
admin: {listen: %q}
backend: {url: %q}
protocol: {preset: voice}
http: {query: [restaurant_id]}
auth: {issuers: [{name: login, audiences: [voice], secret: {env: KEY}}], tenant_claims: [restaurant_id]}
trail: {dir: trail, node: gw-1}
`, clients, admin, back.URL)
	if err := os.WriteFile(filepath.Join(dir, "gateway.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	gateway := start(t, dir, func(c *exec.Cmd) { c.Env = append(c.Env, "KEY="+alertKey) }, "gateway", "-c", "gateway.yaml")
	monitor := start(t, dir, nil, "monitor", "run", db.DSN(pg.Superuser), "--listen", watch, "--skip", "errors", "-q")
	defer func() {
		for _, p := range []*process{gateway, monitor} {
			_ = p.Process.Signal(os.Interrupt)
			<-p.ended
		}
	}()
	before, posture := nettest.Metrics(t, admin), nettest.Metrics(t, watch)
	tried(t, clients)
	after := nettest.Metrics(t, admin)

	rules := written(t, dir, alerts.RulesFile, "rules")
	text, err := os.ReadFile(rules)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range regexp.MustCompile(`ringfence_[a-z_]+`).FindAllString(string(text), -1) {
		if !emitted(name, before) && !emitted(name, posture) {
			t.Errorf("a rule names %s, and neither process emits it", name)
		}
	}
	var input strings.Builder
	for _, of := range []struct {
		instance    string
		first, then map[string]string
	}{{"gw-1", before, after}, {"monitor-1", posture, posture}} {
		for series, v := range of.first {
			name, labels, _ := strings.Cut(strings.TrimSuffix(series, "}"), "{")
			if name == metrics.StartTime().Name {
				continue // of long ago: here time begins at 0
			}
			labels = strings.TrimSuffix(fmt.Sprintf(`job="ringfence",instance=%q,%s`, of.instance, labels), ",")
			fmt.Fprintf(&input, "  - {series: '%s{%s}', values: '%sx9 %sx9'}\n", name, labels, v, of.then[series])
		}
	}
	test := "rule_files: [" + alerts.RulesFile + "]\nevaluation_interval: 1m\ntests:\n- interval: 1m\n  input_series:\n" + input.String() + "  alert_rule_test:\n"
	for _, name := range alerts.Names() {
		test += "  - {eval_time: 12m, alertname: " + name + "}\n"
	}
	file := filepath.Join(dir, "scraped.yml")
	if err := os.WriteFile(file, []byte(test), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := promtool(t, "test", "rules", file)
	fired := slices.Compact(regexp.MustCompile(`alertname="(\w+)"`).FindAllString(out, -1))
	if err == nil || !slices.Equal(fired, []string{`alertname="CrossTenantAttempt"`}) {
		t.Errorf("one attempt makes %v fire, %v:\n%s", fired, err, out)
	}
}

// emitted reports whether a scrape has a series of the name; a histogram's parts are names of their own there.
func emitted(name string, in map[string]string) bool {
	for series := range in {
		if got, _, _ := strings.Cut(series, "{"); got == name {
			return true
		}
	}
	return false
}
