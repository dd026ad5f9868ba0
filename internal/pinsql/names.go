// Package pinsql is where PINs, devices and login sessions are kept in PostgreSQL: the SQL that makes their tables and the
// functions that alone reach them, what takes them away again, and a query for whether all of it stands. It only writes SQL and
// never connects.
//
// No session of a tenant reads these tables: they belong to a role that nobody is, and only the login's and the operator's
// roles have EXECUTE on the functions. To add a function: write its text in a file sql_NAME.go and list it in Functions.
package pinsql

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/definer"
)

// The fixed names. All stand in Schema and belong to Owner, a role that nobody is.
const (
	Schema      = definer.Schema
	Owner       = "ringfence_pin"
	Credentials = "user_pins"
	Devices     = "pin_device"
	Codes       = "pin_code"
	Throttles   = "pin_throttle"
	Sessions    = "pin_session"
)

// The uses that a role may have: the login serves people, the operator sets PINs, locks and unlocks.
const (
	Login    = "login"
	Operator = "operator"
)

// Uses are all uses.
var Uses = []string{Login, Operator}

// A Table is one of the tables, as it must stand.
type Table struct {
	Name    string
	Comment string
	Columns []Column
	Keys    string // what else stands in its definition
}

// A Column is one column of a table, its type as format_type prints it.
type Column struct{ Name, Type, Rest string }

// Tables are the tables. Ids of tenants and users are text without foreign keys: the application's tables have types and
// owners of their own.
var Tables = []Table{
	{Name: Credentials, Comment: "one PIN a user a tenant: an argon2id hash under a pepper that is kept elsewhere, and the count of tries",
		Keys: "PRIMARY KEY (tenant, user_id)", Columns: []Column{
			{"tenant", "text", "NOT NULL"}, {"user_id", "text", "NOT NULL CHECK (octet_length(user_id) BETWEEN 1 AND 256)"},
			{"salt", "bytea", "NOT NULL CHECK (octet_length(salt) = 16)"}, {"hash", "bytea", "NOT NULL CHECK (octet_length(hash) = 32)"},
			{"memory", "integer", "NOT NULL"}, {"passes", "integer", "NOT NULL"}, {"threads", "integer", "NOT NULL"},
			{"pepper", "text", "NOT NULL"}, {"generation", "bigint", "NOT NULL DEFAULT 1"},
			{"attempts", "integer", "NOT NULL DEFAULT 0"}, {"failures", "bigint", "NOT NULL DEFAULT 0"},
			{"locked_until", "timestamp with time zone", ""}, {"locked_by", "text", "CHECK (locked_by IN ('tries', 'operator'))"},
			{"changed_at", "timestamp with time zone", "NOT NULL DEFAULT now()"}}},
	{Name: Devices, Comment: "devices that may log in: the SHA-256 of a random secret, for one tenant and maybe one user",
		Keys: "PRIMARY KEY (id)", Columns: []Column{
			{"id", "uuid", "NOT NULL"}, {"tenant", "text", "NOT NULL"}, {"user_id", "text", ""},
			{"secret", "bytea", "NOT NULL CHECK (octet_length(secret) = 32)"}, {"label", "text", "NOT NULL DEFAULT '' CHECK (octet_length(label) <= 256)"},
			{"enrolled_at", "timestamp with time zone", "NOT NULL DEFAULT now()"}, {"ended_at", "timestamp with time zone", ""}}},
	{Name: Codes, Comment: "one-time codes by which a device enrols, as SHA-256", Keys: "PRIMARY KEY (digest)", Columns: []Column{
		{"digest", "bytea", "NOT NULL CHECK (octet_length(digest) = 32)"}, {"tenant", "text", "NOT NULL"}, {"user_id", "text", ""},
		{"label", "text", "NOT NULL DEFAULT '' CHECK (octet_length(label) <= 256)"}, {"expires_at", "timestamp with time zone", "NOT NULL"}}},
	{Name: Throttles, Comment: "tries within a window, by a key that the server derives: a network, a device, a user, a tenant",
		Keys: "PRIMARY KEY (kind, key)", Columns: []Column{
			{"kind", "text", "NOT NULL"}, {"key", "bytea", "NOT NULL"}, {"ends_at", "timestamp with time zone", "NOT NULL"}, {"count", "bigint", "NOT NULL"}}},
	{Name: Sessions, Comment: "sessions that a login began, and the generation of their refresh token", Keys: "PRIMARY KEY (id)", Columns: []Column{
		{"id", "uuid", "NOT NULL"}, {"tenant", "text", "NOT NULL"}, {"user_id", "text", "NOT NULL"}, {"device", "uuid", "NOT NULL"},
		{"generation", "bigint", "NOT NULL DEFAULT 1"}, {"began_at", "timestamp with time zone", "NOT NULL DEFAULT now()"},
		{"expires_at", "timestamp with time zone", "NOT NULL"}, {"ended_at", "timestamp with time zone", ""}, {"ended_by", "text", ""}}},
}

// indexes are those beside the primary keys.
var indexes = []struct{ name, table, keys string }{
	{"pin_session_user", Sessions, "tenant, user_id"},
	{"pin_session_device", Sessions, "device"},
	{"pin_device_tenant", Devices, "tenant"},
	{"pin_throttle_end", Throttles, "ends_at"},
}

// Functions are the functions, each after those that it calls.
func Functions() []definer.Function {
	return []definer.Function{
		{Name: "pin_charge", Arguments: "of_kind text, of_key text, most bigint, seconds integer", Types: "text, text, bigint, integer",
			Result: "double precision", Body: chargeBody},
		{Name: "pin_refund", Arguments: "of_kind text, of_key text", Types: "text, text", Result: "void", Body: refundBody},
		{Name: "pin_end_user", Arguments: "of_tenant text, of_user text, why text", Types: "text, text, text", Result: "uuid[]", Body: endUserBody},
		{Name: "pin_admit", Arguments: "of_network text, of_device uuid, of_secret bytea, of_user text, most bigint[], seconds integer",
			Types: "text, uuid, bytea, text, bigint[], integer", Result: "TABLE (state text, tenant text, bound text, wait double precision)",
			Body: admitBody, Definer: true, For: Login},
		{Name: "pin_begin", Arguments: "of_tenant text, of_user text, tries integer, seconds integer, ever bigint", Types: "text, text, integer, integer, bigint",
			Result: "TABLE (state text, last boolean, salt bytea, hash bytea, memory integer, passes integer, threads integer, pepper text, generation bigint)",
			Body:   beginBody, Definer: true, For: Login},
		{Name: "pin_finish", Arguments: "of_network text, of_device uuid, of_tenant text, of_user text, of_generation bigint, of_session uuid, seconds integer",
			Types: "text, uuid, text, text, bigint, uuid, integer", Result: "boolean", Body: finishBody, Definer: true, For: Login},
		{Name: "pin_refresh", Arguments: "of_session uuid, of_generation bigint, of_device uuid, of_secret bytea", Types: "uuid, bigint, uuid, bytea",
			Result: "TABLE (state text, tenant text, user_id text)", Body: refreshBody, Definer: true, For: Login},
		{Name: "pin_end", Arguments: "of_session uuid, why text", Types: "uuid, text", Result: "TABLE (tenant text, user_id text)", Body: endBody, Definer: true, For: Login},
		{Name: "pin_claim", Arguments: "of_digest bytea, of_device uuid, of_secret bytea", Types: "bytea, uuid, bytea",
			Result: "TABLE (tenant text, user_id text, label text)", Body: claimBody, Definer: true, For: Login},
		{Name: "pin_sweep", Result: "void", Body: sweepBody, Definer: true, For: Login},
		{Name: "pin_set", Arguments: "of_tenant text, of_user text, of_salt bytea, of_hash bytea, of_memory integer, of_passes integer, of_threads integer, of_pepper text, was bigint",
			Types: "text, text, bytea, bytea, integer, integer, integer, text, bigint", Result: "uuid[]", Body: setBody, Definer: true, For: Operator},
		{Name: "pin_lock", Arguments: "of_tenant text, of_user text", Types: "text, text", Result: "uuid[]", Body: lockBody, Definer: true, For: Operator},
		{Name: "pin_unlock", Arguments: "of_tenant text, of_user text", Types: "text, text", Result: "boolean", Body: unlockBody, Definer: true, For: Operator},
		{Name: "pin_remove", Arguments: "of_tenant text, of_user text", Types: "text, text", Result: "uuid[]", Body: removeBody, Definer: true, For: Operator},
		{Name: "pin_code_add", Arguments: "of_digest bytea, of_tenant text, of_user text, of_label text, seconds integer", Types: "bytea, text, text, text, integer",
			Result: "void", Body: codeBody, Definer: true, For: Operator},
		{Name: "pin_device_end", Arguments: "of_tenant text, of_device uuid", Types: "text, uuid", Result: "uuid[]", Body: deviceEndBody, Definer: true, For: Operator},
		{Name: "pin_status", Arguments: "of_tenant text", Types: "text",
			Result: "TABLE (tenant text, user_id text, state text, attempts integer, locked_until timestamp with time zone, pepper text, changed_at timestamp with time zone, sessions bigint)",
			Body:   statusBody, Definer: true, For: Operator},
		{Name: "pin_devices", Arguments: "of_tenant text", Types: "text",
			Result: "TABLE (tenant text, id uuid, user_id text, label text, enrolled_at timestamp with time zone, ended_at timestamp with time zone)",
			Body:   devicesBody, Definer: true, For: Operator},
	}
}

// IsOwn reports whether a function of the catalogue is one of these, unchanged: by its schema, name, owner and body.
func IsOwn(schema, name, owner, body string) bool {
	return schema == Schema && owner == Owner && slices.ContainsFunc(Functions(), func(f definer.Function) bool { return f.Name == name && f.Body == body })
}

// UsedBy lists the functions that a use may call: a login may what an operator may, since it holds the pepper.
func UsedBy(use string) []definer.Function {
	return slices.DeleteFunc(Functions(), func(f definer.Function) bool { return f.For == "" || f.For != use && use != Login })
}
