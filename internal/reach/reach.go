// Package reach says who gets where: from an application role, over the roles it inherits or may become, privileges and
// paths (views, functions, rules, triggers, partitions, …), to a relation's rows, and which predicate stands in the way
// there. It reads a Model and performs no I/O; whether the predicate keeps foreign rows out is package decide's business.
//
// To add a path: write path_NAME.go with one function that yields Ways, list it in Ways, and add its fixture.
package reach

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
)

// A Hop is one step of a path from a role to a relation. Via is one of: inherit, set_role, owner, view, matview, rule,
// function, trigger, default, partition, parent, foreign_table, publication, constraint.
type Hop struct {
	Via  string `json:"via"`
	Name string `json:"name"`
}

// A Path leads from the role to the relation; empty is directly.
type Path []Hop

// Command is what is done to the rows.
type Command string

// The commands of a cell (contract.md).
const (
	Select     Command = "SELECT"
	Insert     Command = "INSERT"
	Update     Command = "UPDATE"
	Delete     Command = "DELETE"
	Merge      Command = "MERGE"
	Truncate   Command = "TRUNCATE"
	References Command = "REFERENCES"
	Trigger    Command = "TRIGGER"
	Maintain   Command = "MAINTAIN"
)

// A Way is one way for one application role to do one command on one relation's rows.
type Way struct {
	Role string // the application role
	As   string // the role whose rights are used at the relation
	// CurrentUser is what current_user says there: the session's own role through views and rules, the definer in its function.
	CurrentUser string
	Relation    *catalog.Relation // whose rows are reached
	Command     Command
	Variant     string // "", blind, on_conflict, copy, move
	Kind        string // isolation or inference
	Path        Path

	// Privileged is false where no privilege gives the command: the cell is proved, why "no privilege".
	Privileged bool
	Columns    []string // the columns the privilege is limited to; nil: all

	// Unbound says why row security does not bind here (off, owner, bypassrls, superuser, not a table); empty: it binds.
	Unbound string
	// Old must be true of an existing row that is read, changed or destroyed; New of a row that is made. Nil where the command
	// has none. A nil-free composed predicate: grants and FORCE are already in it; Unbound leaves only what the path itself filters.
	Old expr.Expr
	New expr.Expr
	// Soft is a filter of a view on the way that is not in Old, since the view has no security_barrier and a function of the caller's
	// runs ahead of it on every row that Old leaves; nil: none.
	Soft expr.Expr
	// Policies are the ones that were composed, permissive first: for the reader and for findings.
	Policies []*catalog.Policy
	// Opaque says why the way cannot be judged by logic (dynamic SQL, untrusted language, …); empty: it can.
	Opaque string
	// Args is true where the caller chooses parameters that the predicate contains (a function's arguments).
	Args bool
	// Asked is true where a condition under which the statement runs is in neither Old nor New.
	Asked bool
	// Planted is the function that the role may put another in the place of, on ways that lead over one which the table itself calls.
	Planted *catalog.Function
	// Below is the function that reaches below the tables, on ways that call one.
	Below *catalog.Function
	// Note says what else the way needs or does, for people; empty: nothing.
	Note string

	roles bool                 // the predicate looks at who runs it
	set   map[string]expr.Expr // the tenants' settings that were changed on the way, with their values
}
