package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	ringfence "github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/internal/nettest"
)

// newRig starts a gateway by a yaml text before a back end.
func newRig(t testing.TB, yaml string, handle func(*peer), with ...func(*Options)) *rig {
	t.Helper()
	r := &rig{t: t, auth: &fakeAuthorizer{}, trail: &fakeRecorder{}, logs: &nettest.Log{}, done: make(chan error, 1)}
	r.backend = serveBackend(t, handle)
	o := Options{Config: r.config(yaml), Authorizer: r.auth, Recorder: r.trail, Log: slog.New(slog.NewTextHandler(r.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	for _, w := range with {
		w(&o)
	}
	var err error
	if r.gw, err = New(o); err != nil {
		t.Fatal(err)
	}
	r.serve()
	return r
}

// config reads a yaml text, with the back end and listeners of this rig where it names none.
func (r *rig) config(yaml string) *Config {
	r.t.Helper()
	if !strings.Contains(yaml, "backend:") {
		yaml += "\nbackend: {url: \"" + strings.Replace(r.backend.URL, "http", "ws", 1) + "\"}"
	}
	if !strings.Contains(yaml, "listen:") {
		yaml += "\nlisten: 127.0.0.1:0\nadmin: {listen: \"127.0.0.1:0\"}"
	}
	c, err := Parse([]byte(yaml), noEnv)
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

func (r *rig) serve() {
	r.t.Helper()
	l, err := r.gw.Listen()
	if err != nil {
		r.t.Fatal(err)
	}
	r.address, r.admin = l.Clients.Addr().String(), l.Admin.Addr().String()
	var ctx context.Context
	ctx, r.stop = context.WithCancel(context.Background())
	go func() { r.done <- r.gw.Serve(ctx, l) }()
	r.t.Cleanup(func() {
		r.stop()
		for _, s := range r.gw.live.sockets() {
			s.cutForDrain()
		}
		select {
		case err := <-r.done:
			if err != nil {
				r.t.Errorf("serving ended with %v", err)
			}
		case <-time.After(patience):
			r.t.Error("the gateway did not end")
		}
	})
}

// open shakes hands with a token, and fails the test where that is refused.
func (r *rig) open(token string) *peer {
	r.t.Helper()
	p := shake(r.t, r.address, dialOptions{header: bearer(token)})
	if p.answer.StatusCode != http.StatusSwitchingProtocols {
		r.t.Fatalf("the handshake is answered with %d", p.answer.StatusCode)
	}
	return p
}

// started opens a socket and starts a session for the tenant of its token.
func (r *rig) started(token, session string) *peer {
	r.t.Helper()
	p := r.open(token)
	tenant, _, _ := strings.Cut(token, ".")
	_ = p.text(`{"type":"session.start","event_id":"%s","session_config":{"restaurant_id":"%s"}}`, session, tenant)
	if got, err := p.message(); err != nil || !strings.Contains(got, "session.started") {
		r.t.Fatalf("starting a session: %q, %v", got, err)
	}
	return p
}

// want compares the events so far.
func (r *rig) want(types ...ringfence.EventType) {
	r.t.Helper()
	if diff := cmp.Diff(types, r.trail.types()); diff != "" {
		r.t.Errorf("events: %s", diff)
	}
}

const opaque = "protocol: {preset: opaque}"
const voiceRules = "protocol: {preset: voice}"

func TestEcho(t *testing.T) {
	r := newRig(t, opaque, echo)
	p := r.open(mine + ".anna.t1")
	for _, n := range []int{0, 1, 125, 126, 511, 512, 513, 4096, 65535, 65536, 1 << 20} {
		text := strings.Repeat("x", n)
		if err := p.text("%s", text); err != nil {
			t.Fatal(err)
		}
		if got, err := p.message(); err != nil || got != text {
			t.Fatalf("%d bytes: %d bytes, %v", n, len(got), err)
		}
	}
	_ = p.say(8, "\x03\xe8bye")
	if _, err := p.message(); !errors.Is(err, closed{1000, "bye"}) {
		t.Errorf("the close is answered with %v", err)
	}
	nettest.Until(t, "the socket is gone", func() bool { return r.gw.Sockets() == 0 })
	h := r.backend.last(t).Header
	if h.Get("X-Ringfence-Tenant") != mine || h.Get("X-Ringfence-User") != "anna" || h.Get("Authorization") != "" {
		t.Errorf("the back end sees %v", h)
	}
}
