package attack

// A Result is what an attack found. Entries are sorted by role, table, command, variant and probe.
type Result struct {
	Entries []Entry  `json:"entries"`
	Unmade  []Unmade `json:"unmade"`  // tables whose rows could not be made, and why
	Refused []Unmade `json:"refused"` // tables that were not written to, and what their triggers reach
	Notes   []string `json:"notes"`   // what the run could not do, for people
	Traces  []string `json:"traces"`  // what stays after the rollback
}

// An Entry is the outcome of one probe by one role on one table.
type Entry struct {
	Role    string  `json:"role"`
	Table   string  `json:"table"`
	Command string  `json:"command"`
	Variant string  `json:"variant"`
	Kind    string  `json:"kind"`
	Probe   string  `json:"probe"`
	Path    Path    `json:"path"`
	Outcome Outcome `json:"outcome"`
	Code    Code    `json:"code,omitempty"` // why it is inconclusive
	Why     string  `json:"why"`
	// SQLState is what the database answered the stranger, or the owner where the control failed; "" where nothing was refused.
	SQLState  string   `json:"sqlstate,omitempty"`
	Statement string   `json:"statement"` // what the stranger ran
	Witness   *Witness `json:"witness,omitempty"`
	// Informational is true where any scheme with an unsigned setting gives way: to be told, not to be counted.
	Informational bool `json:"informational,omitempty"`
}

// A Witness is the row that a stranger reached and the context it reached it in. Rows that were found, not made, show their
// key columns only.
type Witness struct {
	Row     map[string]*string `json:"row"`
	Context map[string]string  `json:"context"`
}

// Code says why an outcome is inconclusive.
type Code string

// The reasons for an inconclusive outcome.
const (
	NoPrivilege   Code = "no_privilege"   // the role may not run the command at all: there is no cell to lose
	NoRows        Code = "no_rows"        // neither made nor found
	ControlFailed Code = "control_failed" // the owner did not reach its own row
	Refusal       Code = "refused"        // not run, for safety
	TimedOut      Code = "timed_out"      // ended by a limit
	Failed        Code = "failed"         // the server answered with something that is neither yes nor no
	NoContext     Code = "no_context"     // no session could be made the tenant's
)
