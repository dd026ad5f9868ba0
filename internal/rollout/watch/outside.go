package watch

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/ringfencehq/ringfence/internal/rollout"
)

// outside asks what the database does not know: the application's latency, alerts, and when the last backup ended.
func (e *eyes) outside(ctx context.Context, r *Reading) {
	if run := e.t.Hook(ctx, "backup_age"); run != nil {
		at, err := time.Parse(time.RFC3339, run.Last())
		if run.Exit != 0 || err != nil {
			r.unknown("backup", "the hook backup_age did not print a time")
		} else {
			age := e.t.Now().Sub(at).Seconds()
			r.BackupAge = &age
		}
	}
	if run := e.t.Hook(ctx, "p95"); run != nil {
		seconds, err := strconv.ParseFloat(run.Last(), 64)
		if run.Exit != 0 || err != nil {
			r.unknown("p95", "the hook p95 did not print seconds")
		} else {
			r.P95 = &seconds
		}
	}
	if e.t.Prometheus == "" {
		return
	}
	if e.rules.P95 != "" {
		v, err := rollout.Instant(ctx, e.t.Prometheus, e.rules.P95, time.Time{})
		if err != nil {
			r.unknown("p95", "Prometheus gives no 95th percentile: %v", err)
		} else {
			r.P95 = &v
		}
	}
	alerts, err := firing(ctx, e.t.Prometheus)
	if err != nil {
		r.unknown("alerts", "Prometheus does not tell which alerts fire: %v", err)
	}
	r.Alerts = alerts
}

// firing lists our alerts that fire.
func firing(ctx context.Context, base string) ([]string, error) {
	var answer struct {
		Data struct {
			Alerts []struct {
				State  string            `json:"state"`
				Labels map[string]string `json:"labels"`
			} `json:"alerts"`
		} `json:"data"`
	}
	if err := rollout.AskPrometheus(ctx, base, "api/v1/alerts", nil, &answer); err != nil {
		return nil, err
	}
	var out []string
	for _, a := range answer.Data.Alerts {
		if name := a.Labels["alertname"]; a.State == "firing" && slices.Contains(rollout.AlertNames, name) && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out, nil
}
