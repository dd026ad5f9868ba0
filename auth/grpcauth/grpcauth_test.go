package grpcauth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/ringfencehq/ringfence"
)

const tenantID = "0b9f1c1e-5a1d-4c58-9d5e-3f6b1a2c4d5e"

const rightToken = "right.token.of-the-tenant"

// gate is an Authorizer that knows a few words.
type gate struct {
	mu    sync.Mutex
	asked []ringfence.Credential
	err   error
}

func (g *gate) Authorize(_ context.Context, c ringfence.Credential) (ringfence.Identity, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked = append(g.asked, c)
	switch c.Token {
	case rightToken:
		if g.err != nil {
			return ringfence.Identity{}, g.err
		}
		tenant, err := ringfence.ParseTenant(tenantID)
		return ringfence.Identity{Tenant: tenant, User: "u"}, err
	case "tenantless":
		return ringfence.Identity{User: "u"}, nil
	case "":
		return ringfence.Identity{}, ringfence.Refuse(ringfence.Event{Type: ringfence.TokenMissing}, nil)
	}
	return ringfence.Identity{}, ringfence.Refuse(ringfence.Event{Type: ringfence.TokenInvalid, Tenant: "another"}, nil)
}

// trail keeps events in memory.
type trail struct {
	mu     sync.Mutex
	events []ringfence.Event
}

func (l *trail) Record(_ context.Context, e ringfence.Event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
	return nil
}

// service tells which tenant its handlers see, as the error's text.
type service struct {
	grpc_health_v1.UnimplementedHealthServer
}

func seen(ctx context.Context) error {
	t, err := ringfence.TenantFrom(ctx)
	id, ok := ringfence.IdentityFrom(ctx)
	if (err == nil) != ok || id.Tenant != t {
		return status.Error(codes.Internal, "identity and tenant differ")
	}
	return status.Error(codes.Aborted, t.String())
}

func (service) Check(ctx context.Context, _ *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	return nil, seen(ctx)
}

func (service) List(ctx context.Context, _ *grpc_health_v1.HealthListRequest) (*grpc_health_v1.HealthListResponse, error) {
	return nil, seen(ctx)
}

func (service) Watch(_ *grpc_health_v1.HealthCheckRequest, s grpc.ServerStreamingServer[grpc_health_v1.HealthCheckResponse]) error {
	return seen(s.Context())
}

// client serves the service on a socket, guarded, and connects to it.
func client(t *testing.T, g *gate, o Options) grpc_health_v1.HealthClient {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.UnaryInterceptor(Unary(g, o)), grpc.StreamInterceptor(Stream(g, o)))
	grpc_health_v1.RegisterHealthServer(server, service{})
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithUserAgent("test/1.0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return grpc_health_v1.NewHealthClient(conn)
}

// calls asks by one message and by a stream, and returns both answers.
func calls(t *testing.T, c grpc_health_v1.HealthClient, authorization ...string) map[string]string {
	t.Helper()
	ctx := t.Context()
	for _, a := range authorization {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", a)
	}
	_, unary := c.Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	stream, err := c.Watch(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	_, streamed := stream.Recv()
	return map[string]string{"unary": status.Convert(unary).String(), "stream": status.Convert(streamed).String()}
}

func TestInterceptors(t *testing.T) {
	const unauthorized, forbidden = "rpc error: code = Unauthenticated desc = unauthorized", "rpc error: code = PermissionDenied desc = forbidden"
	served := "rpc error: code = Aborted desc = " + tenantID
	for name, c := range map[string]struct {
		authorization []string
		want          string
	}{
		"right":              {[]string{"Bearer " + rightToken}, served},
		"scheme in capitals": {[]string{"BEARER " + rightToken}, served},
		"none":               {nil, unauthorized},
		"empty":              {[]string{""}, unauthorized},
		"another scheme":     {[]string{"Basic " + rightToken}, unauthorized},
		"wrong":              {[]string{"Bearer wrong"}, unauthorized},
		"two":                {[]string{"Bearer " + rightToken, "Bearer " + rightToken}, unauthorized},
		"without a tenant":   {[]string{"Bearer tenantless"}, forbidden},
	} {
		g, events := &gate{}, &trail{}
		for kind, got := range calls(t, client(t, g, Options{Recorder: events}), c.authorization...) {
			if got != c.want {
				t.Errorf("%s, %s: %s", name, kind, got)
			}
		}
		for _, asked := range g.asked {
			if asked.Address != "127.0.0.1" || !strings.HasPrefix(asked.UserAgent, "test/1.0") {
				t.Errorf("%s: %v", name, asked)
			}
		}
		if own := name == "two" || name == "without a tenant"; own != (len(events.events) == 2) || strings.Contains(fmt.Sprint(events.events), rightToken) {
			t.Errorf("%s: recorded %v", name, events.events)
		}
	}
}

// Public methods are named one by one, and run without a tenant, whatever token there is.
func TestPublic(t *testing.T) {
	c := client(t, &gate{}, Options{Public: []string{"/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"}})
	for _, authorization := range [][]string{nil, {"Bearer " + rightToken}, {"Bearer wrong"}} {
		for kind, got := range calls(t, c, authorization...) {
			if got != "rpc error: code = Aborted desc =" && got != "rpc error: code = Aborted desc = " {
				t.Errorf("%v, %s: %s", authorization, kind, got)
			}
		}
	}
	if _, err := c.List(t.Context(), &grpc_health_v1.HealthListRequest{}); status.Code(err) != codes.Unauthenticated {
		t.Errorf("a method beside the public ones: %v", err)
	}
	for _, bad := range []string{"Check", "/grpc.health.v1.Health/*", "/grpc.health.v1.Health", ""} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q: taken", bad)
				}
			}()
			Unary(&gate{}, Options{Public: []string{bad}})
		}()
	}
}

// Faults of ours say so, tell nothing, and are logged.
func TestFaults(t *testing.T) {
	for _, err := range []error{errors.New("keys cannot be had"), ringfence.Refuse(ringfence.Event{Type: ringfence.MembershipFailing}, errors.New("keys cannot be had"))} {
		var log bytes.Buffer
		g := &gate{err: err}
		c := client(t, g, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		_, got := c.Check(metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+rightToken), &grpc_health_v1.HealthCheckRequest{})
		if status.Convert(got).String() != "rpc error: code = Unavailable desc = unavailable" || !strings.Contains(log.String(), "keys cannot be had") || strings.Contains(log.String(), rightToken) {
			t.Errorf("%v; logged: %s", got, log.String())
		}
	}
}

// Every refusal is one of two answers.
func TestAnswers(t *testing.T) {
	for _, e := range ringfence.EventTypes {
		g := newGuard(&gate{err: ringfence.Refuse(ringfence.Event{Type: e, Tenant: "another"}, nil)}, Options{})
		ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs("authorization", "Bearer "+rightToken))
		_, err := g.admit(ctx, "/x.Y/Z")
		want := denied
		if slices.Contains([]ringfence.EventType{ringfence.TokenMissing, ringfence.TokenInvalid, ringfence.TokenExpired, ringfence.TokenRevoked}, e) {
			want = unauthenticated
		}
		if e == ringfence.MembershipFailing {
			want = unavailable
		}
		if !errors.Is(err, want) {
			t.Errorf("%s: %v", e, err)
		}
	}
}
