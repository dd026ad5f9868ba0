// Package grpcauth puts the same Authorizer that guards HTTP in front of gRPC methods: the call's token becomes its identity
// and tenant once, and handlers find them by ringfence.IdentityFrom and ringfence.TenantFrom. It is a package of its own so
// that only who serves gRPC compiles it. What both interceptors do stands in guard.go; each of them only carries the context.
package grpcauth

import (
	"context"

	"google.golang.org/grpc"

	"github.com/ringfencehq/ringfence"
)

// Unary guards calls of one message. It panics where its options cannot be meant.
func Unary(a ringfence.Authorizer, o Options) grpc.UnaryServerInterceptor {
	g := newGuard(a, o)
	return func(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		ctx, err := g.admit(ctx, info.FullMethod)
		if err != nil {
			return nil, err
		}
		return handler(ctx, request)
	}
}

// Stream guards calls of many messages: once, when they begin. It panics where its options cannot be meant.
func Stream(a ringfence.Authorizer, o Options) grpc.StreamServerInterceptor {
	g := newGuard(a, o)
	return func(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		ctx, err := g.admit(stream.Context(), info.FullMethod)
		if err != nil {
			return err
		}
		return handler(service, guarded{stream, ctx})
	}
}

// guarded is a stream with the context of its tenant.
type guarded struct {
	grpc.ServerStream
	ctx context.Context
}

func (g guarded) Context() context.Context { return g.ctx }
