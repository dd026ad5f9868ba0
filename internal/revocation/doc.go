// Package revocation keeps what was revoked (tokens, sessions, members, tenants) and brings it to every process that has to
// know. PostgreSQL is the truth: a table that one narrow function writes and one reads. A bus carries each revocation at once;
// the table is polled behind it, so that a message which is lost is only late.
//
// Where things are: sql.go makes the table and its functions; store.go calls them; feed.go follows table and bus, tells who
// has to act, and answers from memory whether an identity was revoked; held.go is that memory.
//
// To add a kind: its gateway.RevocationKind, its case in held.go, and the table's CHECK.
package revocation
