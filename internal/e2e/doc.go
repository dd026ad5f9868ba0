// Package e2e holds the tests of the whole program: they build the binary once, run it as a person would, as a process of its
// own, kill it, and look at the database from outside. It has no other code. What a package can show by itself is tested there.
//
// To add one: write NAME_test.go, run the program with run or start, and compare what the catalogue says. What needs
// PgBouncer, another PostgreSQL version or minutes goes into NAME_system_test.go, behind the build tag system, as TestSystem….
package e2e
