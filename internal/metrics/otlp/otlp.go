// Package otlp sends what a Prometheus registry holds to an OpenTelemetry collector, by OTLP over HTTP, for whoever does not
// scrape. Only the binary's own parts import it: applications that import Ringfence get nothing of OpenTelemetry.
package otlp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	bridge "go.opentelemetry.io/contrib/bridges/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
)

// Options say where metrics go. Headers may hold secrets: neither they nor the URL are logged.
type Options struct {
	URL      string            // such as https://collector:4318/v1/metrics
	Headers  map[string]string // of each request
	Interval time.Duration     // default 30s
	Service  string            // the attribute service.name; default "ringfence"
	Instance string            // the attribute service.instance.id; may be empty
	Log      *slog.Logger      // told when a collector does not take what is sent, and when it does again; nil: nobody
}

// Start sends what from gathers, at each interval, until stop is called, which sends once more within its context. A collector
// that does not answer delays nothing else.
func Start(ctx context.Context, from prometheus.Gatherer, o Options) (stop func(context.Context) error, err error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("sending metrics: the collector's URL is no http or https URL")
	}
	exporter, err := otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpointURL(o.URL), otlpmetrichttp.WithHeaders(o.Headers), otlpmetrichttp.WithTimeout(10*time.Second))
	if err != nil {
		return nil, errors.New("sending metrics: the exporter cannot be made of these options")
	}
	interval := cmp.Or(o.Interval, 30*time.Second)
	reader := sdk.NewPeriodicReader(&told{Exporter: exporter, log: o.Log}, sdk.WithInterval(interval), sdk.WithProducer(bridge.NewMetricProducer(bridge.WithGatherer(from))))
	attributes := resource.NewSchemaless(serviceAttributes(cmp.Or(o.Service, "ringfence"), o.Instance)...)
	provider := sdk.NewMeterProvider(sdk.WithReader(reader), sdk.WithResource(attributes))
	return func(ctx context.Context) error {
		if err := provider.Shutdown(ctx); err != nil {
			return fmt.Errorf("sending the last metrics: %w", context.Cause(ctx))
		}
		return nil
	}, nil
}

// told is an exporter whose failures are logged once, until it works again; their text may hold a URL and is left out.
type told struct {
	sdk.Exporter
	log     *slog.Logger
	failing atomic.Bool
}

// Export implements sdk.Exporter. It reports no error, since what it would reach is a handler of the whole process.
func (t *told) Export(ctx context.Context, m *metricdata.ResourceMetrics) error {
	err := t.Exporter.Export(ctx, m)
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil // the process ends: that says nothing of the collector
	}
	if was := t.failing.Swap(err != nil); was != (err != nil) && t.log != nil {
		if err != nil {
			t.log.Warn("the collector does not take metrics")
		} else {
			t.log.Info("the collector takes metrics again")
		}
	}
	return nil
}

// serviceAttributes name who sends.
func serviceAttributes(service, instance string) []attribute.KeyValue {
	out := []attribute.KeyValue{attribute.String("service.name", service)}
	if instance != "" {
		out = append(out, attribute.String("service.instance.id", instance))
	}
	return out
}
