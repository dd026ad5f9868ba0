// Package catalog reads a PostgreSQL database's catalogue into a Snapshot: the whole of what bears on tenant isolation,
// read in one consistent read-only transaction, as plain data. A Snapshot can be saved, sent, audited, proved and compared
// without a database.
//
// To add something to it: add the field to the types in this file (or snapshot_object.go), one column or one query to the
// fixed list of queries (query_*.go; never a query for each table), one of it to testdata/everything.sql, and, where it does
// not bear on isolation, its removal to the fingerprint (fingerprint_*.go): what is not taken out there is hashed.
package catalog

// SchemaVersion names the JSON form of a Snapshot.
const SchemaVersion = "ringfence/snapshot/v1"

// A Snapshot is what one database's catalogue said at one moment. All slices are sorted by identity, so that equal
// catalogues give equal bytes. OIDs are kept only to resolve stored trees; they never enter a hash or a comparison.
type Snapshot struct {
	Schema      string       `json:"schema"`
	Server      Server       `json:"server"`
	Roles       []Role       `json:"roles"`
	Memberships []Membership `json:"memberships"`
	Databases   []Database   `json:"databases"`
	Schemas     []Namespace  `json:"schemas"`
	Relations   []Relation   `json:"relations"`
	Functions   []Function   `json:"functions"`
	Operators   []Operator   `json:"operators"` // user-defined ones, and every one a stored tree names
	Types       []Type       `json:"types"`     // user-defined ones, and every one a column or a stored tree names
	Casts       []Cast       `json:"casts"`     // user-defined ones
	Collations  []Collation  `json:"collations"`
	Languages   []Language   `json:"languages"`
	Extensions  []Extension  `json:"extensions"`

	DefaultPrivileges []DefaultPrivilege `json:"default_privileges"`
	Settings          []Setting          `json:"settings"` // pg_db_role_setting
	Publications      []Publication      `json:"publications"`
	Subscriptions     []Subscription     `json:"subscriptions"`
	ForeignServers    []ForeignServer    `json:"foreign_servers"`
	UserMappings      []UserMapping      `json:"user_mappings"`
	EventTriggers     []EventTrigger     `json:"event_triggers"`
	Parameters        []ParameterGrant   `json:"parameters"`    // pg_parameter_acl, 15 and later
	LargeObjects      []LargeObject      `json:"large_objects"` // owners and grants only

	// OnlySchemas is the filter it was read with: relations elsewhere are left out, but for those that kept ones refer to.
	OnlySchemas []string `json:"only_schemas,omitempty"`

	index *index
}

// A Server is the facts of the server and the database that a judgement may depend on.
type Server struct {
	VersionNum       int               `json:"version_num"` // 150020 is 15.20
	Database         string            `json:"database"`
	SystemIdentifier string            `json:"system_identifier"` // empty when the session may not read it
	DatabaseOwner    string            `json:"database_owner"`
	Encoding         string            `json:"encoding"`
	Collation        string            `json:"collation"` // of the database
	SessionRole      string            `json:"session_role"`
	InRecovery       bool              `json:"in_recovery"`
	Settings         map[string]string `json:"settings"`       // a fixed list: max_prepared_transactions, wal_level, row_security, …
	StatsExtSafe     *bool             `json:"stats_ext_safe"` // whether pg_stats_ext_exprs checks row security; nil: not known
	Offline          bool              `json:"offline"`        // true when read from a file
	Unreadable       []string          `json:"unreadable"`     // what this session was refused: unknown, never absent
	TakenAt          string            `json:"taken_at"`       // RFC 3339, server clock; never hashed
}

// A Role is a row of pg_roles.
type Role struct {
	OID         uint32 `json:"oid"`
	Name        string `json:"name"`
	Superuser   bool   `json:"superuser"`
	BypassRLS   bool   `json:"bypass_rls"`
	Inherit     bool   `json:"inherit"`
	CreateRole  bool   `json:"create_role"`
	CreateDB    bool   `json:"create_db"`
	Login       bool   `json:"login"`
	Replication bool   `json:"replication"`
	ConnLimit   int    `json:"conn_limit"`
	Predefined  bool   `json:"predefined"` // pg_read_all_data and the like
}

// A Membership is a row of pg_auth_members. Before 16, Inherit is the member's own attribute and Set is true.
type Membership struct {
	Role    string `json:"role"`   // the one that is given
	Member  string `json:"member"` // the one that gets it
	Grantor string `json:"grantor"`
	Admin   bool   `json:"admin"`
	Inherit bool   `json:"inherit"`
	Set     bool   `json:"set"`
}

// A Grant is one privilege to one grantee, as an ACL expands to. A missing ACL is expanded to PostgreSQL's default for
// the kind of object (the owner's own rights and PUBLIC's), so that nobody who reads a Snapshot has to know the defaults.
type Grant struct {
	Grantee   string `json:"grantee"` // role name; "" is PUBLIC
	Grantor   string `json:"grantor"`
	Privilege string `json:"privilege"` // SELECT, INSERT, …, EXECUTE, USAGE, CREATE, CONNECT, TEMPORARY, SET, ALTER SYSTEM, MAINTAIN
	Grantable bool   `json:"grantable"`
}

// A Database is a database of the cluster, this one among them.
type Database struct {
	Name       string  `json:"name"`
	Owner      string  `json:"owner"`
	AllowConn  bool    `json:"allow_conn"`
	IsTemplate bool    `json:"is_template"`
	Grants     []Grant `json:"grants"`
}

// A Namespace is a schema. System schemas are left out, but for pg_catalog and information_schema as names.
type Namespace struct {
	OID       uint32  `json:"oid"`
	Name      string  `json:"name"`
	Owner     string  `json:"owner"`
	Grants    []Grant `json:"grants"`
	Extension string  `json:"extension,omitempty"`
}

// Kind is the kind of a relation.
type Kind string

// The kinds of relation that a Snapshot holds.
const (
	Table       Kind = "table"
	Partitioned Kind = "partitioned"
	View        Kind = "view"
	MatView     Kind = "matview"
	Foreign     Kind = "foreign"
	Sequence    Kind = "sequence"
	Composite   Kind = "composite"
)

// A Relation is a table, view, sequence or the like, with all that hangs on it. Relations of pg_catalog and
// information_schema are left out, but for those that a stored tree names and those of which somebody was granted what initdb kept back: they
// are marked System and hold columns and grants only.
type Relation struct {
	OID         uint32            `json:"oid"`
	Schema      string            `json:"schema"`
	Name        string            `json:"name"`
	Kind        Kind              `json:"kind"`
	Owner       string            `json:"owner"`
	Persistence string            `json:"persistence"` // permanent, unlogged, temporary
	RowSecurity bool              `json:"row_security"`
	ForceRLS    bool              `json:"force_row_security"`
	Options     map[string]string `json:"options,omitempty"` // security_invoker, security_barrier, check_option, …
	Columns     []Column          `json:"columns"`
	Constraints []Constraint      `json:"constraints"`
	Indexes     []Index           `json:"indexes"`
	Policies    []Policy          `json:"policies"`
	Triggers    []Trigger         `json:"triggers"`
	Rules       []Rule            `json:"rules"` // a view's own definition is the rule _RETURN
	Grants      []Grant           `json:"grants"`
	Parents     []string          `json:"parents"` // pg_inherits, as Name() of each
	Partition   *Partition        `json:"partition,omitempty"`
	PartitionBy *PartitionKey     `json:"partition_by,omitempty"`
	OwnedBy     string            `json:"owned_by,omitempty"` // a sequence's schema.table.column
	Server      string            `json:"server,omitempty"`   // a foreign table's server
	Extension   string            `json:"extension,omitempty"`
	System      bool              `json:"system,omitempty"`
	Comment     string            `json:"comment,omitempty"`
	Pages       int64             `json:"pages"`  // relpages; never hashed
	Tuples      float64           `json:"tuples"` // reltuples, -1: never analysed; never hashed
	Bytes       int64             `json:"bytes"`  // main fork and TOAST by relpages, an estimate; never hashed
}

// A Column is an attribute that is not dropped.
type Column struct {
	Num       int16   `json:"num"` // attnum
	Name      string  `json:"name"`
	Type      string  `json:"type"` // format_type, with the modifier: character varying(20)
	TypeOID   uint32  `json:"type_oid"`
	TypeMod   int32   `json:"type_mod"` // -1: none
	Collation string  `json:"collation,omitempty"`
	NotNull   bool    `json:"not_null"`
	Identity  string  `json:"identity,omitempty"`  // always, by default
	Generated string  `json:"generated,omitempty"` // stored, virtual
	Default   *Tree   `json:"default,omitempty"`   // or the generation expression
	Grants    []Grant `json:"grants,omitempty"`
	Inherited bool    `json:"inherited,omitempty"` // attislocal is false
}

// A Tree is a stored expression or query: how PostgreSQL keeps it, and how it prints it for people.
type Tree struct {
	Node string `json:"node"` // pg_node_tree text
	Text string `json:"text"` // pg_get_expr and the like; for display only, never for a judgement
}

// A Constraint is a row of pg_constraint.
type Constraint struct {
	OID        uint32   `json:"oid"`
	Name       string   `json:"name"`
	Kind       string   `json:"kind"`                // primary, unique, foreign, check, exclusion, trigger, not_null
	Columns    []string `json:"columns"`             // conkey, in its order
	RefTable   string   `json:"ref_table,omitempty"` // Name() of the referenced relation
	RefColumns []string `json:"ref_columns,omitempty"`
	OnUpdate   string   `json:"on_update,omitempty"` // no action, restrict, cascade, set null, set default
	OnDelete   string   `json:"on_delete,omitempty"`
	Match      string   `json:"match,omitempty"`     // simple, full
	Operators  []uint32 `json:"operators,omitempty"` // exclusion: conexclop
	Index      string   `json:"index,omitempty"`     // name of the index behind it
	Check      *Tree    `json:"check,omitempty"`
	Validated  bool     `json:"validated"`
	Deferrable bool     `json:"deferrable"`
	Deferred   bool     `json:"deferred"`
	NoInherit  bool     `json:"no_inherit"`
	Inherited  bool     `json:"inherited"`
	// NotEnforced is NOT ENFORCED of 18 and later: the rows need not obey it.
	NotEnforced bool   `json:"not_enforced,omitempty"`
	Definition  string `json:"definition"` // pg_get_constraintdef
}

// An Index is a row of pg_index.
type Index struct {
	OID        uint32     `json:"oid"`
	Name       string     `json:"name"`
	Method     string     `json:"method"` // btree, hash, gin, …
	Keys       []IndexKey `json:"keys"`   // without the INCLUDE columns
	Include    []string   `json:"include,omitempty"`
	Predicate  *Tree      `json:"predicate,omitempty"`
	Unique     bool       `json:"unique"`
	NullsEqual bool       `json:"nulls_not_distinct"` // 15 and later
	Primary    bool       `json:"primary"`
	Exclusion  bool       `json:"exclusion"`
	Valid      bool       `json:"valid"`
	Ready      bool       `json:"ready"`
	Parent     string     `json:"parent,omitempty"` // the partitioned index it is attached to
	Constraint string     `json:"constraint,omitempty"`
	Definition string     `json:"definition"` // pg_get_indexdef
	Bytes      int64      `json:"bytes"`      // by relpages; never hashed
	Scans      int64      `json:"scans"`      // never hashed
}

// An IndexKey is one key of an index: a column, or an expression.
type IndexKey struct {
	Column     string `json:"column,omitempty"`
	Expression *Tree  `json:"expression,omitempty"`
	OpClass    string `json:"op_class"` // schema-qualified
	Collation  string `json:"collation,omitempty"`
	Descending bool   `json:"descending,omitempty"`
}

// A Policy is a row of pg_policy.
type Policy struct {
	OID        uint32   `json:"oid"`
	Name       string   `json:"name"`
	Command    string   `json:"command"` // ALL, SELECT, INSERT, UPDATE, DELETE
	Permissive bool     `json:"permissive"`
	Roles      []string `json:"roles"` // empty: PUBLIC
	Using      *Tree    `json:"using,omitempty"`
	Check      *Tree    `json:"check,omitempty"`
	// ColumnDeps are the relations' columns that PostgreSQL itself recorded as depended on (pg_depend): schema.table.column.
	ColumnDeps []string `json:"column_deps,omitempty"`
	Comment    string   `json:"comment,omitempty"`
}

// A Trigger is a row of pg_trigger; internal ones of foreign keys are left out.
type Trigger struct {
	OID        uint32   `json:"oid"`
	Name       string   `json:"name"`
	Function   string   `json:"function"`            // Name() of the function, with its argument types
	Arguments  []string `json:"arguments,omitempty"` // what it is given: TG_ARGV
	Timing     string   `json:"timing"`              // before, after, instead
	Events     []string `json:"events"`              // INSERT, UPDATE, DELETE, TRUNCATE
	Columns    []string `json:"columns,omitempty"`
	EachRow    bool     `json:"each_row"`
	When       *Tree    `json:"when,omitempty"`
	Enabled    string   `json:"enabled"` // origin, disabled, replica, always
	Constraint bool     `json:"constraint,omitempty"`
	Inherited  bool     `json:"inherited,omitempty"` // made by the parent's (tgparentid)
	Definition string   `json:"definition"`
}

// A Rule is a row of pg_rewrite.
type Rule struct {
	OID     uint32 `json:"oid"`
	Name    string `json:"name"`
	Event   string `json:"event"` // SELECT, INSERT, UPDATE, DELETE
	Instead bool   `json:"instead"`
	Enabled string `json:"enabled"`
	Qual    *Tree  `json:"qual,omitempty"`
	Action  Tree   `json:"action"` // Node is ev_action: a list of Query
}

// A Partition says which part of its parent a relation is.
type Partition struct {
	Parent string `json:"parent"`
	Bound  string `json:"bound"` // pg_get_expr of relpartbound; DEFAULT for the default one
}

// A PartitionKey says how a partitioned table is split.
type PartitionKey struct {
	Strategy   string   `json:"strategy"` // range, list, hash
	Columns    []string `json:"columns"`  // "" where a key is an expression
	Definition string   `json:"definition"`
}
