package edge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/ringfencehq/ringfence/auth"
	"github.com/ringfencehq/ringfence/gateway"
	"github.com/ringfencehq/ringfence/internal/metrics"
	"github.com/ringfencehq/ringfence/internal/metrics/otlp"
)

// metricsSection says where metrics go beside /metrics on the admin listener, which is always there.
type metricsSection struct {
	OTLP *otlpSection `yaml:"otlp"`
}

// otlpSection is an OpenTelemetry collector.
type otlpSection struct {
	URL      gateway.Secret            `yaml:"url"`      // such as https://collector:4318/v1/metrics
	Headers  map[string]gateway.Secret `yaml:"headers"`  // of each request
	Interval time.Duration             `yaml:"interval"` // default 30s
}

func (m *metricsSection) check(env func(string) (string, bool)) error {
	if m.OTLP == nil {
		return nil
	}
	if err := m.OTLP.URL.Read(env); err != nil {
		return fmt.Errorf("otlp.url: %w", err)
	}
	for name, secret := range m.OTLP.Headers {
		if err := secret.Read(env); err != nil {
			return fmt.Errorf("otlp.headers.%s: %w", name, err)
		}
		m.OTLP.Headers[name] = secret
	}
	if m.OTLP.Interval != 0 && m.OTLP.Interval < time.Second {
		return errors.New("otlp.interval: it is under a second")
	}
	return nil
}

// counted are a process's metrics: its parts count into them.
type counted struct {
	registry *metrics.Registry
	gateway  *metrics.GatewayStats
	auth     *metrics.AuthStats
	pin      *metrics.PINStats
	serving  atomic.Pointer[gateway.Gateway]
	who      *atomic.Pointer[verifier]
	push     func(context.Context) error // sends the last metrics and ends; nil: nothing is sent
}

// openMetrics registers everything, so that each series is there before anything is served. who points to who verifies tokens at the time.
func (f *file) openMetrics(ctx context.Context, k *keeper, who *atomic.Pointer[verifier], log *slog.Logger) (*counted, error) {
	c := &counted{registry: metrics.New(time.Now()), who: who}
	c.registry.Trail(k.Stats)
	c.gateway, c.auth = c.registry.Gateway(c.draining), c.registry.Auth(c.keys)
	c.pin = c.registry.PIN(c.gateway)
	o := f.metrics.OTLP
	if o == nil {
		return c, nil
	}
	headers := map[string]string{}
	for name, secret := range o.Headers {
		headers[name] = secret.Text()
	}
	var err error
	c.push, err = otlp.Start(ctx, c.registry, otlp.Options{URL: o.URL.Text(), Headers: headers, Interval: o.Interval, Instance: f.trail.Node, Log: log})
	if err != nil {
		return nil, &ConfigError{fmt.Errorf("metrics.otlp: %w", err)}
	}
	return c, nil
}

func (c *counted) draining() bool {
	g := c.serving.Load()
	return g != nil && g.Draining()
}

func (c *counted) keys() []auth.RemoteStatus {
	var out []auth.RemoteStatus
	if v := c.who.Load(); v != nil {
		for _, k := range v.keys {
			out = append(out, k.Status())
		}
	}
	return out
}

// admin are the handlers for the admin listener.
func (c *counted) admin() map[string]http.Handler {
	return map[string]http.Handler{"GET /metrics": c.registry.Handler()}
}

func (c *counted) close() {
	if c.push == nil {
		return
	}
	ctx, stop := context.WithTimeout(context.Background(), closing)
	defer stop()
	_ = c.push(ctx)
}
