// Package pg is the only place that opens connections to PostgreSQL: resolving
// connection strings the way libpq does, opening sessions with the settings
// each kind of work needs, telling a pooler from a server, and finding or
// starting an embedded server.
//
// What is here in which file:
//
//	dsn.go, connect.go     from a connection string to a *pgx.Conn
//	session.go             transactions for reading the catalogue and for work
//	pooler.go, version.go  what is at the other end
//	embedded*.go           a server of our own, gone when its owner is gone
//	binaries*.go           where that server's programs come from
//
// To support a new major version, add it to Supported in version.go and its
// packages to binaries_pinned.go. Nothing else in the repository dials.
package pg
