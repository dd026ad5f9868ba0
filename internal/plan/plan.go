// Package plan turns findings into ordered steps, each with the SQL that does it, a query that says whether it is done, and
// the SQL that takes it back. It only writes SQL and never connects: what is planned is what is reviewed, signed and run.
//
// To add a way to change a database: write step_NAME.go with one Kind value and testdata/NAME.txtar, then "make gen". The one
// law that every kind is held to: not done; do; done; undo; not done; the catalogue is as before.
package plan

// SchemaVersion names the JSON form of a Plan.
const SchemaVersion = "ringfence/plan/v1"

// A Lock is the strongest lock a step takes on a table, as pg_locks names it; "" where it takes none.
type Lock string

// The locks that steps take.
const (
	NoLock               Lock = ""
	AccessShare          Lock = "AccessShareLock"
	RowShare             Lock = "RowShareLock"
	RowExclusive         Lock = "RowExclusiveLock"
	ShareUpdateExclusive Lock = "ShareUpdateExclusiveLock"
	Share                Lock = "ShareLock"
	ShareRowExclusive    Lock = "ShareRowExclusiveLock"
	Exclusive            Lock = "ExclusiveLock"
	AccessExclusive      Lock = "AccessExclusiveLock"
)

// A Kind is one way to change a database. The steps of a kind are made by package plan's planners from a Model and its
// findings; a Kind itself is the documentation and the metadata that all of its steps share.
//
// Do, Done and Undo only write SQL. All of it is meant for a session whose search_path is pg_catalog and whose
// standard_conforming_strings is on: with that pinned, what is written here means one thing only.
type Kind struct {
	Name   string   // file name without "step_" and ".go"
	Doc    string   // what changes for the application; first line is the title
	Wave   int      // order among kinds: indexes and columns first, policies and ENABLE, FORCE last
	Latest int      // last wave it may stand in; 0: Wave only
	Danger []string // what must be allowed by name before a plan holds such a step
	NoUndo string   // why it cannot be taken back; "" when it can
	// UndoDanger is what must be allowed by name before a person's roll-back runs Undo; an automatic one never does.
	UndoDanger []string
	Needs      int // oldest major version whose SQL has it; 0: all
	Until      int // newest major version that needs it; 0: all

	Lock     Lock // strongest lock Do takes on the table
	UndoLock Lock // strongest lock Undo takes on the table
	Alone    bool // cannot run in a transaction
	Batch    int  // rows a time of a back-fill; 0: not one

	Do     func(Target) []string        // statements that make the change
	Done   func(Target) string          // query for one boolean: is the change in place? Reads the catalogue only, but for back-fills
	Undo   func(Target) []string        // statements that take it back; nil with NoUndo
	Also   func(Target) map[string]Lock // locks Do takes on other tables; nil: none
	Object func(Target) string          // identity of what is changed; nil: the table's
	Note   func(Target) string          // what a person should know before it runs; nil: nothing
}

// A Step is one change, rendered: plain data that can be stored, hashed, signed and run without this package. Its fields are
// contract.md's.
type Step struct {
	ID          string   `json:"id"`
	Kind        string   `json:"kind"`
	Object      string   `json:"object"` // identity of what is changed
	Table       string   `json:"table,omitempty"`
	Lock        Lock     `json:"lock"`
	Transaction string   `json:"transaction"` // own, "group N", none
	Do          []string `json:"do"`          // statements, in order
	Done        string   `json:"done"`        // a query for one boolean
	Undo        []string `json:"undo"`
	UndoLock    Lock     `json:"undo_lock"`
	Danger      []string `json:"danger"`
	Why         []string `json:"why"` // rule ids
	Wave        int      `json:"wave"`
	Note        string   `json:"note,omitempty"` // for people: what is withheld, what it costs
	NoUndo      string   `json:"no_undo,omitempty"`
	// Batch is set on a back-fill: Do[0] changes at most $1 rows a time and is run until it changes none.
	Batch int `json:"batch,omitempty"`
	// UndoDanger is what must be allowed by name before Undo runs: "drops_values" where a column goes with what was written in it.
	UndoDanger []string `json:"undo_danger,omitempty"`
	// Also is the strongest lock Do takes on each other table, by identity: a foreign key's parent, a table's partitions.
	Also map[string]Lock `json:"also,omitempty"`
	// Policy is the policy that the step writes, as data, for who asks what it will let through; nil where it writes none.
	Policy *PolicyShape `json:"policy,omitempty"`
	// Takes are the privileges that the step takes away, as data, for who asks who loses what; nil where it takes none.
	Takes *Taken `json:"takes,omitempty"`
	// Before is the fingerprint of each object the step touches, as it was planned on; identity → fingerprint,
	// "absent" for what does not exist yet.
	Before map[string]string `json:"before"`
}

// A Taken is what a step takes from a role: privileges on the step's object, or on columns of it.
type Taken struct {
	Role       string   `json:"role"` // "": PUBLIC
	Privileges []string `json:"privileges"`
	Columns    []string `json:"columns,omitempty"`
}

// A Plan is an ordered list of steps bound to the state it was made for.
type Plan struct {
	Schema      string         `json:"schema"`
	Fingerprint string         `json:"fingerprint"` // of the objects touched
	Server      map[string]any `json:"server"`
	Steps       []Step         `json:"steps"`
	Withheld    []Withheld     `json:"withheld"` // what was not planned, and why
	Model       map[string]any `json:"model,omitempty"`
	Summary     map[string]int `json:"summary"`
}

// A Withheld is a change that was left out on purpose.
type Withheld struct {
	Kind   string `json:"kind"`
	Object string `json:"object"`
	Why    string `json:"why"`
	Allow  string `json:"allow,omitempty"` // the name that would allow it
}
