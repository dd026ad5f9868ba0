package watch

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
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
		v, err := instant(ctx, e.t.Prometheus, e.rules.P95)
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

const answerLimit = 8 << 20

// ask reads one of Prometheus's documents.
func ask(ctx context.Context, base, path string, query url.Values, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	at, err := url.JoinPath(base, path)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at+"?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s", response.Status)
	}
	return json.NewDecoder(io.LimitReader(response.Body, answerLimit)).Decode(into)
}

// instant evaluates a query that gives one number.
func instant(ctx context.Context, base, query string) (float64, error) {
	var answer struct {
		Data struct {
			Result []struct {
				Value [2]any `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	if err := ask(ctx, base, "api/v1/query", url.Values{"query": {query}}, &answer); err != nil {
		return 0, err
	}
	if len(answer.Data.Result) != 1 {
		return 0, fmt.Errorf("the query gives %d values", len(answer.Data.Result))
	}
	text, _ := answer.Data.Result[0].Value[1].(string)
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || v != v {
		return 0, fmt.Errorf("the query gives no number")
	}
	return v, nil
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
	if err := ask(ctx, base, "api/v1/alerts", nil, &answer); err != nil {
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
