package rollout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	answerLimit        = 8 << 20
	prometheusPatience = 10 * time.Second
)

// AskPrometheus reads one of its documents.
func AskPrometheus(ctx context.Context, base, path string, query url.Values, into any) error {
	ctx, cancel := context.WithTimeout(ctx, prometheusPatience)
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

// errNoNumber says that Prometheus answered, and has no number for the query.
var errNoNumber = errors.New("the query gives no number")

// Instant evaluates a query that gives one number, as of a time; the zero time: now.
func Instant(ctx context.Context, base, query string, at time.Time) (float64, error) {
	ask := url.Values{"query": {query}}
	if !at.IsZero() {
		ask.Set("time", at.UTC().Format(time.RFC3339))
	}
	var answer struct {
		Data struct {
			Result []struct {
				Value [2]any `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	if err := AskPrometheus(ctx, base, "api/v1/query", ask, &answer); err != nil {
		return 0, err
	}
	switch len(answer.Data.Result) {
	case 0:
		return 0, errNoNumber
	case 1:
	default:
		return 0, fmt.Errorf("the query gives %d values", len(answer.Data.Result))
	}
	text, _ := answer.Data.Result[0].Value[1].(string)
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || v != v {
		return 0, errNoNumber
	}
	return v, nil
}
