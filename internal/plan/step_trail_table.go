package plan

import "github.com/ringfencehq/ringfence/internal/trailsql"

var trailTable = Kind{
	Name: "trail_table",
	Doc: `make the security trail's tables

The table of security events, partitioned by month, the tables of signed checkpoints and of retired months, and the functions that
alone write them. They belong to a role that nobody is a member of. UPDATE, DELETE and TRUNCATE fail for everybody, the owner
included. No table of the application is locked. Where parts stand already they are brought up to date. Taking it back removes
the functions and, where no event was ever stored, the tables: evidence is kept, and a later plan goes on with it.`,
	Wave:   3,
	Danger: []string{"trail"},

	Do:     func(Target) []string { return trailsql.Install() },
	Undo:   func(Target) []string { return trailsql.Uninstall() },
	Done:   func(Target) string { return trailsql.Done() },
	Object: func(Target) string { return Name{trailsql.Schema, trailsql.Events}.Identity() },
}
