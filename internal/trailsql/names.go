// Package trailsql is the security trail's place in PostgreSQL: the SQL that makes its tables, functions, triggers and
// policies, what takes them away again, and a query for whether all of it stands. It only writes SQL and never connects.
//
// To add a column: add it to Columns (at the end), to the two arrays of the append function in sql_append.go, and to what
// package trail writes and reads. To add a function: write its text beside the others and list it in Functions.
package trailsql

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/internal/definer"
	"github.com/ringfencehq/ringfence/internal/pg"
)

// The fixed names of the trail's objects. All stand in Schema and belong to Owner, a role that nobody is.
const (
	Schema      = definer.Schema
	Owner       = "ringfence_trail"
	Events      = "trail_event"
	Checkpoints = "trail_checkpoint"
	Retired     = "trail_retired"
	Other       = "trail_event_other" // holds events of months that have no partition of their own
)

// Config are the settings that every function of the trail carries, as pg_proc.proconfig has them.
var Config = definer.Config

// MaxBatch is the most events that one call of the append function takes.
const MaxBatch = 10000

// Tables are the trail's tables, the events first.
func Tables() []string { return []string{Events, Checkpoints, Retired} }

// A Column is one column of the events' table.
type Column struct {
	Name, Type string // Type as format_type prints it
	Null       bool
	Default    string // "" is none
	Comment    string
}

// Columns are the events' columns in their order: the reference's ten, then what tells of loss and tampering.
var Columns = []Column{
	{"id", "uuid", false, "", "key of the row, a UUIDv7; differs from event_id only where that key was taken by another event"},
	{"event_type", "text", false, "", "what happened; one of the fixed list of types"},
	{"user_id", "text", false, "''", "the authenticated user as text, empty where there is none; no foreign key, so that evidence outlives its subject"},
	{"authenticated_tenant_id", "text", false, "''", "the tenant that the caller belongs to, as text; empty where there is none"},
	{"attempted_tenant_id", "text", false, "''", "the tenant that was asked for, as it was sent: it need not exist"},
	{"session_id", "text", true, "", "the session in which it happened"},
	{"ip_address", "text", true, "", "the address it came from, without port"},
	{"user_agent", "text", true, "", "the client as it names itself"},
	{"severity", "text", false, "", "INFO, WARNING, ERROR or CRITICAL"},
	{"created_at", "timestamp with time zone", false, "now()", "when the event was accepted"},
	{"event_id", "uuid", false, "", "the event's own id, a UUIDv7"},
	{"node", "text", false, "", "the process's place"},
	{"epoch", "bigint", false, "", "the start of the node that recorded it"},
	{"sequence", "bigint", false, "", "its place in the epoch: 1, 2, 3 and so on without holes"},
	{"count", "bigint", false, "1", "how many occurrences the record stands for"},
	{"first_at", "timestamp with time zone", false, "", "when the first of them happened"},
	{"last_at", "timestamp with time zone", false, "", "when the last of them happened"},
	{"detail", "jsonb", false, "'{}'", "few short facts: operation, route, SQLSTATE, reason; never a secret"},
	{"hash", "bytea", false, "", "SHA-256 of the event's canonical encoding, previous_hash included"},
	{"previous_hash", "bytea", false, "", "the hash of the event before it in the epoch; zeros for the first"},
}

// ReferenceColumns is how many of Columns are the reference's own.
const ReferenceColumns = 10

// An Index is one of the five indexes beside the primary key.
type Index struct{ Name, Keys string }

// Indexes are the five indexes of the events' table.
var Indexes = []Index{
	{"trail_event_user", "user_id"},
	{"trail_event_created", "created_at DESC"},
	{"trail_event_severity", "severity"},
	{"trail_event_type", "event_type"},
	{"trail_event_tenant", "authenticated_tenant_id, created_at DESC"},
}

// typeWords writes the event types as a list of SQL literals.
func typeWords() string {
	out := make([]string, len(ringfence.EventTypes))
	for i, t := range ringfence.EventTypes {
		out[i] = pg.Literal(string(t))
	}
	return strings.Join(out, ", ")
}

func severityWords() string {
	out := make([]string, len(ringfence.Severities))
	for i, s := range ringfence.Severities {
		out[i] = pg.Literal(string(s))
	}
	return strings.Join(out, ", ")
}

// A check is a constraint whose name carries a digest of its text, so that a changed list is seen and replaced.
type check struct{ stem, sql string }

func (c check) name() string {
	sum := sha256.Sum256([]byte(c.sql))
	return c.stem + hex.EncodeToString(sum[:4])
}

// checks are the constraints of the events' table. The bounds leave room above what package trail lets through.
func checks() []check {
	return []check{
		{"trail_event_type_", "event_type IN (" + typeWords() + ")"},
		{"trail_event_severity_", "severity IN (" + severityWords() + ")"},
		{"trail_event_text_", "octet_length(node) BETWEEN 1 AND 64 AND octet_length(user_id) <= 256 AND octet_length(authenticated_tenant_id) <= 256" +
			" AND octet_length(attempted_tenant_id) <= 256 AND octet_length(session_id) <= 256 AND octet_length(ip_address) <= 64 AND octet_length(user_agent) <= 512"},
		{"trail_event_detail_", "jsonb_typeof(detail) = 'object' AND pg_column_size(detail) <= 32768"},
		{"trail_event_chain_", "epoch >= 1 AND sequence >= 1 AND count >= 1 AND octet_length(hash) = 32 AND octet_length(previous_hash) = 32"},
	}
}

// SeverityCheck and TypeCheck name the constraints that hold the two enumerations.
func SeverityCheck() string { return checks()[1].name() }

// TypeCheck is the name of the constraint on event types.
func TypeCheck() string { return checks()[0].name() }

// Checks are the names of all constraints on the events' table.
func Checks() []string {
	var out []string
	for _, c := range checks() {
		out = append(out, c.name())
	}
	return out
}

func qualified(name string) string { return Schema + "." + name }
