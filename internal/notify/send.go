package notify

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"
)

// A Sender sends messages. The zero value is ready; safe for concurrent use.
type Sender struct {
	// Client sends; nil: one that follows no redirect, since a key would go to wherever it leads.
	Client *http.Client
	// Attempts is how often a message is tried at most; 0: 5. Timeout bounds each attempt; 0: 10 s. MaxWait bounds what is waited
	// between two, whatever the receiver asks for; 0: 30 s.
	Attempts int
	Timeout  time.Duration
	MaxWait  time.Duration
	// Wait waits between attempts; nil: by the clock. Now tells the time; nil: the clock.
	Wait func(context.Context, time.Duration) error
	Now  func() time.Time
}

// A Receipt says what came of a message.
type Receipt struct {
	Endpoint string
	At       time.Time // when the receiver took it, or when it was given up
	Attempts int
	Status   int    // the last HTTP status; 0: none came
	ID       string // the receiver's own name for it, where it gave one
	Err      error  // nil: the receiver took it
}

const (
	maxAnswer   = 64 << 10
	maxParallel = 8
)

// Send sends a message to one endpoint and waits for its receipt. What may pass is tried again: no connection, no answer in
// time, 408, 425, 429 and 5xx. Receipt.Err names the endpoint by its name only.
func (s *Sender) Send(ctx context.Context, e Endpoint, m Message) Receipt {
	if m.At.IsZero() {
		m.At = s.now()
	}
	r := Receipt{Endpoint: e.Name}
	err := e.check()
	if err == nil {
		err = s.send(ctx, e, m.bounded(), &r)
	}
	if err != nil {
		r.Err = fmt.Errorf("telling %s: %w", e.Name, err)
	}
	r.At = s.now()
	return r
}

// SendAll sends a message to all endpoints at once; the receipts are in their order.
func (s *Sender) SendAll(ctx context.Context, to []Endpoint, m Message) []Receipt {
	out := make([]Receipt, len(to))
	room := make(chan struct{}, maxParallel)
	var wait sync.WaitGroup
	for i, e := range to {
		wait.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			out[i] = s.Send(ctx, e, m)
		})
	}
	wait.Wait()
	return out
}

func (s *Sender) send(ctx context.Context, e Endpoint, m Message, r *Receipt) error {
	header := http.Header{"Content-Type": {"application/json"}, "User-Agent": {"ringfence"}}
	body, err := e.Kind.build(e, m, rand.Text(), header)
	if err != nil {
		return err
	}
	attempts := cmp.Or(s.Attempts, 5)
	for {
		r.Attempts++
		again, err := s.attempt(ctx, e, header, body, r)
		if err == nil || again < 0 || r.Attempts >= attempts {
			return err
		}
		if waited := s.wait(ctx, min(max(again, s.backoff(r.Attempts)), s.maxWait())); waited != nil {
			return fmt.Errorf("%w; then: %w", err, waited)
		}
	}
}

// attempt sends once. again is how long the receiver asks to be left alone, or below 0 where trying again cannot help.
func (s *Sender) attempt(ctx context.Context, e Endpoint, h http.Header, body []byte, r *Receipt) (again time.Duration, err error) {
	ctx, stop := context.WithTimeout(ctx, cmp.Or(s.Timeout, 10*time.Second))
	defer stop()
	r.Status = 0
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL, bytes.NewReader(body))
	if err != nil {
		return -1, errors.New("its URL is no URL")
	}
	req.Header = h.Clone()
	res, err := s.client().Do(req)
	if err != nil {
		return 0, plain(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	r.Status = res.StatusCode
	switch {
	case res.StatusCode/100 == 2:
		if err == nil && e.Kind.receipt != nil {
			r.ID = e.Kind.receipt(answer)
		}
		return 0, nil
	case res.StatusCode/100 == 5, res.StatusCode == http.StatusTooManyRequests, res.StatusCode == http.StatusRequestTimeout, res.StatusCode == http.StatusTooEarly:
		return retryAfter(res.Header), fmt.Errorf("it answers %d", res.StatusCode)
	case res.StatusCode/100 == 3:
		return -1, fmt.Errorf("it answers %d: redirects are not followed", res.StatusCode)
	}
	return -1, fmt.Errorf("it answers %d", res.StatusCode)
}

// plain takes the URL out of an error of the HTTP client: a webhook's URL is a secret.
func plain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var dns *net.DNSError
	var cert *tls.CertificateVerificationError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return errors.New("no answer in time")
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.As(err, &dns):
		return errors.New("its host has no address")
	case errors.As(err, &cert):
		return errors.New("its certificate does not hold")
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return fmt.Errorf("%s: %w", op.Op, op.Err)
	}
	return errors.New("the connection broke")
}

// retryAfter reads the receiver's wish; 0: none, or none that can be read.
func retryAfter(h http.Header) time.Duration {
	n, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || n < 0 || n > math.MaxInt32 {
		return 0
	}
	return time.Duration(n) * time.Second
}

// backoff doubles from one second, and is spread so that many senders do not come back at once.
func (s *Sender) backoff(attempt int) time.Duration {
	d := time.Second << min(attempt-1, 10)
	return d/2 + mathrand.N(d/2+1)
}

func (s *Sender) maxWait() time.Duration { return cmp.Or(s.MaxWait, 30*time.Second) }

func (s *Sender) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

func (s *Sender) wait(ctx context.Context, d time.Duration) error {
	if s.Wait != nil {
		return s.Wait(ctx, d)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func (s *Sender) client() *http.Client {
	if s.Client != nil {
		return s.Client
	}
	return &defaultClient
}

var defaultClient = http.Client{
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}
