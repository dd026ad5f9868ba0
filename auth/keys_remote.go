package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// RemoteOptions say where a key set document is and how it is kept. The zero values of all but URL are good ones.
type RemoteOptions struct {
	// URL of the document: https, or http to a loopback address. Redirects are not followed.
	URL string
	// Refresh is the age at which the keys are fetched again; 15 minutes. A key that the issuer withdrew is trusted for no
	// longer than this while the issuer answers.
	Refresh time.Duration
	// MaxStale is the age up to which keys are used while they cannot be fetched; 24 hours. Beyond it nobody is let in.
	MaxStale time.Duration
	// MinInterval is the least time between two fetches, so that made-up key ids are no way to load the issuer; 10 seconds.
	MinInterval time.Duration
	// Timeout bounds one fetch; 5 seconds.
	Timeout time.Duration
	// Wait bounds how long a request waits for fresher keys where usable ones are at hand; 1 second. While the issuer is
	// failing nobody waits. Only a token whose key is not among them waits for a whole fetch: it may be of a rotation.
	Wait time.Duration
	// MaxBytes and MaxKeys bound the document; 256 KiB and 64.
	MaxBytes int64
	MaxKeys  int
	// RSAAlgorithm is the algorithm of RSA keys that name none; RS256.
	RSAAlgorithm string
	// Transport carries the requests; http.DefaultTransport.
	Transport http.RoundTripper
	// Now is the clock; time.Now.
	Now func() time.Time
}

// RemoteKeys are the keys that an issuer publishes as a JWK set. They are fetched when first asked for, again when they age,
// and again when a token names a key id that is not among them (a rotation): one fetch at a time, however many ask. When a
// fetch fails, the keys at hand go on being used up to MaxStale. Safe for concurrent use; it runs nothing while nobody asks.
type RemoteKeys struct {
	o      RemoteOptions
	client *http.Client

	mu      sync.Mutex
	keys    keySet
	left    int
	fetched time.Time     // of keys
	tried   time.Time     // of the last fetch, whatever came of it
	failure error         // of the last fetch; nil after a success
	fails   int           // since the last success
	flight  chan struct{} // closed when the running fetch ends; nil while none runs
}

// RemoteStatus tells how a set of remote keys is, for metrics and readiness.
type RemoteStatus struct {
	Keys     int           // usable keys
	LeftOut  int           // keys of the document that are not taken
	Age      time.Duration // since they were fetched; 0 with no keys
	Failures int           // fetches that failed since the last success
	Usable   bool          // keys are there and not older than MaxStale
}

// NewRemoteKeys makes a source from a JWK set document. Nothing is fetched yet. It is an error where the address is neither https
// nor of this machine, or carries a user or a fragment; where a limit is negative; where MaxStale is below Refresh; and where
// RSAAlgorithm is no asymmetric algorithm.
func NewRemoteKeys(o RemoteOptions) (*RemoteKeys, error) {
	if err := checkURL(o.URL); err != nil {
		return nil, fmt.Errorf("checking the address of a key set: %w", err)
	}
	o.Refresh = cmp.Or(o.Refresh, 15*time.Minute)
	o.MaxStale = cmp.Or(o.MaxStale, 24*time.Hour)
	o.MinInterval = cmp.Or(o.MinInterval, 10*time.Second)
	o.Timeout = cmp.Or(o.Timeout, 5*time.Second)
	o.Wait = cmp.Or(o.Wait, time.Second)
	o.MaxBytes = cmp.Or(o.MaxBytes, 256<<10)
	o.MaxKeys = cmp.Or(o.MaxKeys, 64)
	o.RSAAlgorithm = cmp.Or(o.RSAAlgorithm, "RS256")
	if o.Now == nil {
		o.Now = time.Now
	}
	durations := []time.Duration{o.Refresh, o.MaxStale, o.MinInterval, o.Timeout, o.Wait}
	if slices.Min(durations) < 0 || o.MaxBytes < 0 || o.MaxKeys < 0 || o.MaxStale < o.Refresh || !slices.Contains(asymmetric, o.RSAAlgorithm) {
		return nil, errors.New("checking the options of a key set: a negative limit, MaxStale below Refresh, or an unknown algorithm")
	}
	client := &http.Client{Transport: o.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &RemoteKeys{o: o, client: client}, nil
}

// checkURL holds an address to https, or to this machine; and to no secrets in it.
func checkURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return errors.New("not an absolute URL without user and fragment")
	}
	if u.Scheme == "https" || (u.Scheme == "http" && loopback(u.Hostname())) {
		return nil
	}
	return errors.New("https is needed, but for a loopback address")
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// Key implements KeySource.
func (r *RemoteKeys) Key(ctx context.Context, id, algorithm string) (any, error) {
	if err := r.freshen(ctx); err != nil {
		return nil, err
	}
	if keys := r.usable(); keys != nil {
		if k, err := keys.Key(ctx, id, algorithm); err == nil {
			return k, nil
		}
	}
	if err := await(ctx, r.fetch(), 0); err != nil { // perhaps a rotation
		return nil, err
	}
	if keys := r.usable(); keys != nil {
		return keys.Key(ctx, id, algorithm)
	}
	return nil, ErrKeysUnavailable
}

// freshen sees to it that keys of age are fetched again, and waits for that where it is worth it.
func (r *RemoteKeys) freshen(ctx context.Context) error {
	r.mu.Lock()
	age, have, failing := r.o.Now().Sub(r.fetched), r.keys != nil, r.failure != nil
	r.mu.Unlock()
	if have && age >= 0 && age < r.o.Refresh {
		return nil
	}
	flight := r.fetch()
	switch {
	case have && failing:
		return nil
	case have:
		return await(ctx, flight, r.o.Wait)
	}
	return await(ctx, flight, 0)
}

// await waits for a flight to end, at most the given time; 0 is as long as the context lasts. A flight ends by itself.
func await(ctx context.Context, flight <-chan struct{}, most time.Duration) error {
	if flight == nil {
		return nil
	}
	var late <-chan time.Time
	if most > 0 {
		timer := time.NewTimer(most)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-flight:
	case <-late:
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrKeysUnavailable, ctx.Err())
	}
	return nil
}

// usable returns the keys, or nil where there are none or they are too old.
func (r *RemoteKeys) usable() keySet {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.keys == nil || r.o.Now().Sub(r.fetched) > r.o.MaxStale {
		return nil
	}
	return r.keys
}

// fetch begins a fetch, or joins the one that runs; nil where it is too early for another.
func (r *RemoteKeys) fetch() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.flight != nil {
		return r.flight
	}
	now := r.o.Now()
	if since := now.Sub(r.tried); !r.tried.IsZero() && since >= 0 && since < r.o.MinInterval {
		return nil
	}
	r.tried, r.flight = now, make(chan struct{})
	go r.land(now, r.flight)
	return r.flight
}

// land runs one fetch and keeps what came of it. It is nobody's request: it ends by its own timeout.
func (r *RemoteKeys) land(began time.Time, flight chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), r.o.Timeout)
	defer cancel()
	keys, left, err := r.download(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	defer close(flight)
	r.flight, r.failure = nil, err
	if err != nil {
		r.fails++
		return
	}
	r.keys, r.left, r.fetched, r.fails = keys, left, began, 0
}

// Status tells how the keys are.
func (r *RemoteKeys) Status() RemoteStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := RemoteStatus{Keys: len(r.keys), LeftOut: r.left, Failures: r.fails}
	if r.keys != nil {
		s.Age = r.o.Now().Sub(r.fetched)
		s.Usable = s.Age <= r.o.MaxStale
	}
	return s
}

// Err returns why the last fetch failed; nil after a success. Its text names the host at most.
func (r *RemoteKeys) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failure
}
