package grpcauth

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/ringfencehq/ringfence"
)

// Options say which methods need no tenant. The zero value leaves none without.
type Options struct {
	// Public are the methods that need no tenant, by their full names ("/grpc.health.v1.Health/Check"). They run with a
	// context that carries no tenant, whatever token the call has.
	Public []string
	// ClientAddress tells the client's address, for the record of refusals; by default the connection's.
	ClientAddress func(context.Context) string
	// Recorder keeps what the interceptor itself refuses (two tokens). The Authorizer records what it refuses.
	Recorder ringfence.Recorder
	// Logger is told of faults on this side; slog.Default().
	Logger *slog.Logger
}

// The answers: the same for every reason.
var (
	unauthenticated = status.Error(codes.Unauthenticated, "unauthorized")
	denied          = status.Error(codes.PermissionDenied, "forbidden")
	unavailable     = status.Error(codes.Unavailable, "unavailable")
)

// recordTimeout bounds how long a refusal waits for its record.
const recordTimeout = 5 * time.Second

type guard struct {
	authorizer ringfence.Authorizer
	o          Options
	public     map[string]bool
}

func newGuard(a ringfence.Authorizer, o Options) *guard {
	if a == nil {
		panic("grpcauth: no Authorizer")
	}
	g := &guard{authorizer: a, o: o, public: map[string]bool{}}
	for _, m := range o.Public {
		if !strings.HasPrefix(m, "/") || strings.Count(m, "/") != 2 || strings.Contains(m, "*") {
			panic(fmt.Sprintf("grpcauth: the public method %q is not of the form /package.Service/Method", m))
		}
		g.public[m] = true
	}
	if g.o.ClientAddress == nil {
		g.o.ClientAddress = connectionAddress
	}
	if g.o.Logger == nil {
		g.o.Logger = slog.Default()
	}
	return g
}

// admit returns the context of the call's tenant, or the answer of a refusal.
func (g *guard) admit(ctx context.Context, method string) (context.Context, error) {
	if g.public[method] {
		return ringfence.WithTenant(ctx, ringfence.Tenant{}), nil
	}
	id, err := g.identify(ctx)
	if err == nil {
		return ringfence.WithIdentity(ctx, id), nil
	}
	refusal, refused := ringfence.RefusalOf(err)
	if !refused {
		g.o.Logger.ErrorContext(ctx, "a call could not be judged, and was refused", "error", err)
		return nil, unavailable
	}
	if cause := refusal.Unwrap(); cause != nil {
		g.o.Logger.ErrorContext(ctx, "a call was refused, and not for its own fault alone", "event", string(refusal.Event.Type), "cause", cause)
	}
	switch refusal.Event.Type {
	case ringfence.TokenMissing, ringfence.TokenInvalid, ringfence.TokenExpired, ringfence.TokenRevoked:
		return nil, unauthenticated
	case ringfence.MembershipFailing:
		return nil, unavailable
	}
	return nil, denied
}

// identify finds the call's one token and asks whose it is.
func (g *guard) identify(ctx context.Context) (ringfence.Identity, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	c := ringfence.Credential{Address: g.o.ClientAddress(ctx), UserAgent: strings.Join(md.Get("user-agent"), " ")}
	e := ringfence.Event{Address: c.Address, UserAgent: c.UserAgent}
	tokens := md.Get("authorization")
	if len(tokens) > 1 {
		e.Type, e.Detail = ringfence.TokenInvalid, map[string]string{"reason": "request"}
		return ringfence.Identity{}, g.refuse(ctx, e)
	}
	if len(tokens) == 1 {
		scheme, rest, _ := strings.Cut(tokens[0], " ")
		if strings.EqualFold(scheme, "Bearer") {
			c.Token = strings.TrimLeft(rest, " ")
		}
	}
	id, err := g.authorizer.Authorize(ctx, c)
	if err == nil && !id.Tenant.Valid() {
		e.Type, e.User = ringfence.TokenWithoutTenant, id.User
		err = g.refuse(ctx, e)
	}
	return id, err
}

// refuse records what the interceptor itself refuses, also for who has hung up.
func (g *guard) refuse(ctx context.Context, e ringfence.Event) error {
	if g.o.Recorder == nil {
		return ringfence.Refuse(e, nil)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	if err := g.o.Recorder.Record(ctx, e); err != nil {
		return ringfence.Refuse(e, fmt.Errorf("recording a refusal: %w", err))
	}
	return ringfence.Refuse(e, nil)
}

// connectionAddress is the address of the connection's other end, without its port.
func connectionAddress(ctx context.Context) string {
	p, ok := peer.FromContext(ctx)
	if !ok || p.Addr == nil {
		return ""
	}
	host, _, err := net.SplitHostPort(p.Addr.String())
	if err != nil {
		return p.Addr.String()
	}
	return host
}
