// Package api serves the call centre's routes over HTTP, as an application of one's own would: it imports public packages only.
// No statement in it names an organisation in a WHERE clause. The middleware turns the token into the tenant, the pool sets it
// in each statement's transaction, and row security does the rest; what a client says of an organisation is never read.
//
// A route over one table is a line in resources.go. One that is more is a handler of its own, added in routes.go.
package api
