// Package ringfence is what an application imports to keep its tenants apart in one PostgreSQL: the tenant as a type that
// only parsing makes, the context that carries it through a request, a pool whose every statement runs in a transaction
// that has set the tenant, and the words for what is refused.
//
// It imports pgx and the standard library, nothing else: package trail implements Recorder, package auth implements
// Authorizer, and both import this package, never the other way.
package ringfence
