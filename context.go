package ringfence

import (
	"context"
	"errors"
)

// ErrNoTenant says that work which needs a tenant was begun without one. There is no default tenant.
var ErrNoTenant = errors.New("no tenant in the context")

type tenantKey struct{}

// WithTenant returns a context that carries the tenant. A tenant that is not valid is carried as such, and TenantFrom
// refuses it: a mistake upstream is never papered over by the tenant of an outer context.
func WithTenant(ctx context.Context, t Tenant) context.Context {
	return context.WithValue(ctx, tenantKey{}, t)
}

// TenantFrom returns the tenant that the context carries, or ErrNoTenant.
func TenantFrom(ctx context.Context) (Tenant, error) {
	t, _ := ctx.Value(tenantKey{}).(Tenant)
	if !t.Valid() {
		return Tenant{}, ErrNoTenant
	}
	return t, nil
}

type identityKey struct{}

// WithIdentity returns a context that carries who asks, and that identity's tenant.
func WithIdentity(ctx context.Context, id Identity) context.Context {
	return WithTenant(context.WithValue(ctx, identityKey{}, id), id.Tenant)
}

// IdentityFrom returns who asks, and whether the context carries it.
func IdentityFrom(ctx context.Context) (Identity, bool) {
	id, ok := ctx.Value(identityKey{}).(Identity)
	return id, ok
}
