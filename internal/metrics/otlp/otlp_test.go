package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/protobuf/proto"

	ringfence "github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/internal/metrics"
)

// A collector gets what the registry holds, with its value and the header that lets it in; one that fails is told of once, without
// its address.
func TestCollector(t *testing.T) {
	got := make(chan *collector.ExportMetricsServiceRequest, 16)
	var refuse atomic.Bool
	refuse.Store(true)
	refused := make(chan struct{}, 64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if refuse.Load() {
			http.Error(w, "no", http.StatusForbidden)
			refused <- struct{}{}
			return
		}
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			body, _ = gzip.NewReader(r.Body)
		}
		raw, _ := io.ReadAll(body)
		m := new(collector.ExportMetricsServiceRequest)
		if err := proto.Unmarshal(raw, m); err != nil || r.Header.Get("Authorization") != "s3cret" || r.URL.Path != "/s3cret/v1/metrics" {
			t.Errorf("%v, %v %s", err, r.Header, r.URL.Path)
		}
		got <- m
	}))
	defer server.Close()
	registry := metrics.New(time.Now())
	registry.Gateway(func() bool { return false }).Refused(ringfence.CrossTenant)
	var log bytes.Buffer
	stop, err := Start(t.Context(), registry, Options{URL: server.URL + "/s3cret/v1/metrics", Headers: map[string]string{"Authorization": "s3cret"}, Interval: 20 * time.Millisecond,
		Instance: "node-1", Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	<-refused
	<-refused
	refuse.Store(false)
	if v := attempts(<-got); v != 1 {
		t.Errorf("the collector was told of %v attempts", v)
	}
	<-got // by now the first one was noted
	if err := stop(t.Context()); err != nil {
		t.Error(err)
	}
	text := log.String()
	if strings.Count(text, "does not take metrics") != 1 || strings.Count(text, "takes metrics again") != 1 || strings.Contains(text, "s3cret") || strings.Contains(text, "127.0.0.1") {
		t.Error(text)
	}
	if _, err := Start(context.Background(), registry, Options{URL: "collector:4318"}); err == nil || strings.Contains(err.Error(), "4318") {
		t.Errorf("a URL that is none: %v", err)
	}
}

// attempts is the value of the counter of attempts on other tenants; -1: it is not there.
func attempts(m *collector.ExportMetricsServiceRequest) float64 {
	for _, r := range m.ResourceMetrics {
		for _, s := range r.ScopeMetrics {
			for _, x := range s.Metrics {
				if x.Name != metrics.Refusals.Name {
					continue
				}
				for _, p := range x.GetSum().GetDataPoints() {
					for _, a := range p.Attributes {
						if a.Key == "event" && a.Value.GetStringValue() == "cross_tenant" {
							return p.GetAsDouble()
						}
					}
				}
			}
		}
	}
	return -1
}
