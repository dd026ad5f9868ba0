package gateway

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/ringfencehq/ringfence/internal/nettest"
)

// Listeners that nobody opened are opened where the configuration says, and one that cannot be leaves none open.
func TestServeListens(t *testing.T) {
	r := &rig{t: t, auth: &fakeAuthorizer{}, trail: &fakeRecorder{}, logs: &nettest.Log{}}
	clients, admin := nettest.Free(t), nettest.Free(t)
	yaml := opaque + "\nbackend: {url: \"ws://127.0.0.1:1\"}\nlisten: " + clients + "\nadmin: {listen: \"" + admin + "\"}"
	serve := func(ctx context.Context) error {
		gw, err := New(Options{Config: r.config(yaml), Authorizer: r.auth, Recorder: r.trail})
		if err != nil {
			t.Fatal(err)
		}
		return gw.Serve(ctx, Listeners{})
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- serve(ctx) }()
	nettest.Until(t, "it is ready", func() bool {
		answer, err := http.Get("http://" + admin + "/readyz")
		if err != nil {
			return false
		}
		return answer.Body.Close() == nil && answer.StatusCode == 200
	})
	if got := ask(t, clients, request("GET", "/")); len(got) != 1 || got[0] != 401 {
		t.Errorf("a client without a token: %v", got)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	taken, err := net.Listen("tcp", admin)
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if err := serve(t.Context()); err == nil || !strings.Contains(err.Error(), "health and metrics") {
		t.Errorf("an address that is taken: %v", err)
	}
	free, err := net.Listen("tcp", clients)
	if err != nil {
		t.Fatalf("the other listener is left open: %v", err)
	}
	free.Close()
}
