package plan

import "github.com/ringfencehq/ringfence/internal/pinsql"

var pinTables = Kind{
	Name: "pin_tables",
	Doc: `make the tables of PIN login

PINs (one a user a tenant), enrolled devices, throttles and login sessions, and the functions that alone reach them. They belong to
a role that nobody is a member of: no session of a tenant, and no application role, reads a hash. No table of the application is
locked. Taking it back removes the functions and, where they are empty, the tables: people's PINs are kept.`,
	Wave:   3,
	Danger: []string{"pin"},

	Do:     func(Target) []string { return pinsql.Install() },
	Undo:   func(Target) []string { return pinsql.Uninstall() },
	Done:   func(Target) string { return pinsql.Done() },
	Object: func(Target) string { return Name{pinsql.Schema, pinsql.Credentials}.Identity() },
}
