// Package pgtest gives every test a real PostgreSQL database of its own.
//
//	func TestX(t *testing.T) {
//		db := pgtest.DB(t)
//		app := db.Role(t, "app", "LOGIN")
//		db.Exec(t, "CREATE TABLE s.t (id int)")
//		conn := db.Conn(t, app)
//		…
//	}
//
// DB's databases stand on one server that all test processes of a user share:
// the first starts it, and it stops some seconds after the last has ended.
// Roles belong to the whole server, so other tests see them: take names from
// Database.Role, or take a server of your own from Server for scripts whose
// role names are fixed. Where no server can be had the test fails; nothing is
// skipped.
//
// Nothing outside tests imports this package.
package pgtest
