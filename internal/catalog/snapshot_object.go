package catalog

// A Function is a row of pg_proc. User-defined ones are complete; those of pg_catalog are here only where a stored tree,
// an operator or a trigger names them, where somebody was granted one that initdb kept back, or where a LEAKPROOF one was changed (System),
// with everything but the body.
type Function struct {
	OID             uint32   `json:"oid"`
	Schema          string   `json:"schema"`
	Name            string   `json:"name"`
	Arguments       []string `json:"arguments"` // input argument types by format_type, as pg_get_function_identity_arguments has them
	ArgumentOIDs    []uint32 `json:"argument_oids"`
	ArgumentNames   []string `json:"argument_names,omitempty"` // proargnames, all modes
	ArgumentModes   []string `json:"argument_modes,omitempty"` // in, out, inout, variadic, table; empty: all in
	AllArgumentOIDs []uint32 `json:"all_argument_oids,omitempty"`
	Result          string   `json:"result"`
	ResultOID       uint32   `json:"result_oid"`
	ReturnsSet      bool     `json:"returns_set"`
	Kind            string   `json:"kind"` // function, procedure, aggregate, window
	Language        string   `json:"language"`
	Owner           string   `json:"owner"`
	SecurityDefiner bool     `json:"security_definer"`
	Leakproof       bool     `json:"leakproof"`
	Strict          bool     `json:"strict"`
	Volatility      string   `json:"volatility"` // immutable, stable, volatile
	Parallel        string   `json:"parallel"`   // safe, restricted, unsafe
	Cost            float32  `json:"cost"`
	Config          []string `json:"config,omitempty"` // proconfig: name=value
	Source          string   `json:"source,omitempty"` // prosrc
	Body            *Tree    `json:"body,omitempty"`   // prosqlbody: SQL-standard body
	Defaults        *Tree    `json:"defaults,omitempty"`
	Definition      string   `json:"definition,omitempty"` // pg_get_functiondef; user functions only
	// Support is, of an aggregate, the user-defined functions that do its work, by Identity: nobody is asked for EXECUTE on them.
	Support []string `json:"support,omitempty"`
	// Unasked is true of a SECURITY DEFINER function that indexes or ranges call, by a class of operators: they ask nobody for EXECUTE.
	Unasked   bool    `json:"unasked,omitempty"`
	Grants    []Grant `json:"grants"`
	Extension string  `json:"extension,omitempty"`
	System    bool    `json:"system,omitempty"`
}

// An Operator is a row of pg_operator.
type Operator struct {
	OID        uint32 `json:"oid"`
	Schema     string `json:"schema"`
	Name       string `json:"name"`
	Left       string `json:"left,omitempty"` // format_type; empty for a prefix operator
	Right      string `json:"right"`
	Function   string `json:"function"` // Name() of its function
	Commutator uint32 `json:"commutator,omitempty"`
	Negator    uint32 `json:"negator,omitempty"`
	// BTreeStrategy is 1 to 5 (<, <=, =, >=, >) where the operator is that member of a btree family of pg_catalog or of an
	// extension's default class, 0 elsewhere; Family names that family.
	BTreeStrategy int    `json:"btree_strategy,omitempty"`
	Family        string `json:"family,omitempty"`
	Owner         string `json:"owner,omitempty"`
	Extension     string `json:"extension,omitempty"`
	System        bool   `json:"system,omitempty"`
}

// A Type is a row of pg_type.
type Type struct {
	OID       uint32   `json:"oid"`
	Schema    string   `json:"schema"`
	Name      string   `json:"name"`
	Format    string   `json:"format"` // format_type without a modifier
	Kind      string   `json:"kind"`   // base, composite, domain, enum, pseudo, range, multirange
	Category  string   `json:"category"`
	Element   uint32   `json:"element,omitempty"` // array's element type
	Base      uint32   `json:"base,omitempty"`    // domain's base type
	BaseMod   int32    `json:"base_mod,omitempty"`
	NotNull   bool     `json:"not_null,omitempty"`
	Checks    []Tree   `json:"checks,omitempty"`     // of a domain
	Labels    []string `json:"labels,omitempty"`     // of an enum
	LabelOIDs []uint32 `json:"label_oids,omitempty"` // of the same labels: literals hold these
	Subtype   uint32   `json:"subtype,omitempty"`
	Relation  string   `json:"relation,omitempty"` // of a composite type
	Collation string   `json:"collation,omitempty"`
	Length    int16    `json:"length"`   // typlen
	ByValue   bool     `json:"by_value"` // typbyval
	Align     string   `json:"align"`
	Owner     string   `json:"owner,omitempty"`
	Extension string   `json:"extension,omitempty"`
	System    bool     `json:"system,omitempty"`
}

// A Cast is a user-defined row of pg_cast.
type Cast struct {
	Source   string `json:"source"`
	Target   string `json:"target"`
	Function string `json:"function,omitempty"`
	Context  string `json:"context"` // explicit, assignment, implicit
	Method   string `json:"method"`  // function, binary, inout
}

// A Collation is one that a column or a stored tree names.
type Collation struct {
	OID           uint32 `json:"oid"`
	Name          string `json:"name"` // schema.name
	Provider      string `json:"provider"`
	Deterministic bool   `json:"deterministic"`
}

// A Language is a row of pg_language.
type Language struct {
	Name    string  `json:"name"`
	Trusted bool    `json:"trusted"`
	Owner   string  `json:"owner"`
	Grants  []Grant `json:"grants"`
}

// An Extension is a row of pg_extension.
type Extension struct {
	Name    string `json:"name"`
	Schema  string `json:"schema"`
	Version string `json:"version"`
	Owner   string `json:"owner"`
}

// A DefaultPrivilege is one grant of one row of pg_default_acl.
type DefaultPrivilege struct {
	Owner  string `json:"owner"`            // of the objects made later
	Schema string `json:"schema,omitempty"` // empty: everywhere
	Object string `json:"object"`           // table, sequence, function, type, schema, large_object
	// Revoked lists what the built-in default grants and this row does not: {"", EXECUTE} when PUBLIC was taken away.
	Grants  []Grant `json:"grants"`
	Revoked []Grant `json:"revoked,omitempty"`
}

// A Setting is one entry of pg_db_role_setting.
type Setting struct {
	Database string `json:"database,omitempty"` // empty: every one
	Role     string `json:"role,omitempty"`     // empty: every one
	Name     string `json:"name"`
	Value    string `json:"value"`
}

// A Publication is a row of pg_publication with what it publishes.
type Publication struct {
	Name      string             `json:"name"`
	Owner     string             `json:"owner"`
	AllTables bool               `json:"all_tables"`
	Publish   []string           `json:"publish"` // insert, update, delete, truncate
	ViaRoot   bool               `json:"via_root"`
	Schemas   []string           `json:"schemas,omitempty"`
	Tables    []PublicationTable `json:"tables"`
}

// A PublicationTable is one table of a publication.
type PublicationTable struct {
	Table   string   `json:"table"`
	Columns []string `json:"columns,omitempty"`
	Filter  *Tree    `json:"filter,omitempty"`
}

// A Subscription is a row of pg_subscription of this database; its connection string is never read.
type Subscription struct {
	Name         string   `json:"name"`
	Owner        string   `json:"owner"`
	Enabled      bool     `json:"enabled"`
	Publications []string `json:"publications"`
	RunAsOwner   bool     `json:"run_as_owner"` // 16 and later; true before: rows are written with the subscription owner's rights
}

// A ForeignServer is a row of pg_foreign_server. Option values are kept only for host, hostaddr, port and dbname.
type ForeignServer struct {
	Name    string            `json:"name"`
	Wrapper string            `json:"wrapper"`
	Owner   string            `json:"owner"`
	Options map[string]string `json:"options,omitempty"`
	Grants  []Grant           `json:"grants"`
}

// A UserMapping is a row of pg_user_mappings: never its password.
type UserMapping struct {
	Server     string `json:"server"`
	Role       string `json:"role"`                  // "" is PUBLIC
	RemoteUser string `json:"remote_user,omitempty"` // where the session may read it
	Known      bool   `json:"known"`                 // whether the options could be read
}

// An EventTrigger is a row of pg_event_trigger.
type EventTrigger struct {
	Name     string   `json:"name"`
	Event    string   `json:"event"`
	Tags     []string `json:"tags,omitempty"`
	Function string   `json:"function"`
	Owner    string   `json:"owner"`
	Enabled  string   `json:"enabled"`
}

// A ParameterGrant is a row of pg_parameter_acl.
type ParameterGrant struct {
	Name   string  `json:"name"`
	Grants []Grant `json:"grants"`
}

// A LargeObject is the owner and grants of some large objects, with how many share them.
type LargeObject struct {
	Owner  string  `json:"owner"`
	Grants []Grant `json:"grants"`
	Count  int64   `json:"count"`
}
