package rollout

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/ringfencehq/ringfence/internal/metrics/alerts"
)

var (
	alertRules   = Collector{Name: "alert_rules", How: "the rules that Prometheus has loaded", Holds: 24 * time.Hour, Collect: collectAlertRules}
	alertArrival = Collector{Name: "alert_arrival", How: "a test alert that came back", Holds: 24 * time.Hour, Collect: collectAlertArrival}
	onCallAnswer = Collector{Name: "on_call_answer", How: "a person's signed answer to a call", Holds: 24 * time.Hour, Attested: true}
)

// AlertNames are the rules that have to be loaded.
var AlertNames = alerts.Names()

// collectAlertRules asks Prometheus which rules it has loaded.
func collectAlertRules(ctx context.Context, t *Target) Finding {
	if t.Prometheus == "" {
		return unknown("no Prometheus is given")
	}
	loaded, err := loadedRules(ctx, t.Prometheus)
	if err != nil {
		return unknown("Prometheus could not be asked: %v", err)
	}
	var missing []string
	for _, name := range AlertNames {
		if !loaded[name] {
			missing = append(missing, name)
		}
	}
	f := known(len(missing) == 0, fmt.Sprintf("%d of %d", len(AlertNames)-len(missing), len(AlertNames)), "every rule is loaded")
	if len(missing) > 0 {
		f.Why = "not loaded: " + strings.Join(missing, ", ")
	}
	f.Raw = loaded
	return f
}

func loadedRules(ctx context.Context, base string) (map[string]bool, error) {
	var answer struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name string } `json:"rules"`
			} `json:"groups"`
		} `json:"data"`
	}
	if err := AskPrometheus(ctx, base, "api/v1/rules", url.Values{"type": {"alert"}}, &answer); err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, g := range answer.Data.Groups {
		for _, r := range g.Rules {
			out[r.Name] = true
		}
	}
	return out, nil
}

// collectAlertArrival runs the hook alert, which fires a test alert and returns when it came back.
func collectAlertArrival(ctx context.Context, t *Target) Finding {
	return t.answer(ctx, "alert", "a test alert came back", "the test alert did not come back")
}
