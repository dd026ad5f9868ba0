package tenancy

// A Config is ringfence.yaml. Every field is optional; what is given wins over inference.
type Config struct {
	TenantColumns []string               `yaml:"tenant_columns,omitempty"`    // the tenant key's spellings, most common first
	TenantType    string                 `yaml:"tenant_type,omitempty"`       // the key's type, as format_type prints it
	Context       string                 `yaml:"context,omitempty"`           // a setting's name, "signed", or claim:SETTING#path
	Contexts      []string               `yaml:"contexts,omitempty"`          // further ones, where several are in use
	Schemas       []string               `yaml:"schemas,omitempty"`           // look at these schemas only
	Roles         map[string][]string    `yaml:"roles,omitempty"`             // application, owner, service
	Tables        map[string]TableConfig `yaml:"tables,omitempty"`            // by identity: schema.table
	Sentinels     []string               `yaml:"sentinels,omitempty"`         // key values that mark rows shared on purpose; NULL is one of them
	Accept        []AcceptConfig         `yaml:"accept,omitempty"`            // what was opened on purpose
	UpdatedAt     *UpdatedAtConfig       `yaml:"updated_at,omitempty"`        // plan the column and its trigger
	Plan          PlanConfig             `yaml:"plan,omitempty"`              // what a plan may do
	Service       []ServiceFunction      `yaml:"service_functions,omitempty"` // what works without a tenant
	Trail         *TrailConfig           `yaml:"trail,omitempty"`             // plan the security trail's tables
	PIN           *PINConfig             `yaml:"pin,omitempty"`               // plan PIN login's tables
	Revocations   *RevocationsConfig     `yaml:"revocations,omitempty"`       // plan the table of revocations
	Fleet         string                 `yaml:"fleet,omitempty"`             // fleet.yaml, beside this file: what ringfence fleet and the console show where no other is named
}

// A TableConfig says what a table is.
type TableConfig struct {
	Class  Class    `yaml:"class,omitempty"`  // owned, child, root, global, infrastructure
	Key    []string `yaml:"key,omitempty"`    // its tenant key columns
	Parent string   `yaml:"parent,omitempty"` // column(s) -> table, as "campaign_id -> public.campaigns(id)"
	// AddKey asks the plan to add the tenant column to a child and back-fill it from its parent.
	AddKey string `yaml:"add_key,omitempty"`
	Reason string `yaml:"reason,omitempty"`
}

// An AcceptConfig is one entry of accept.
type AcceptConfig struct {
	ID      string `yaml:"id"`                // a rule's id, or cell
	Object  string `yaml:"object"`            // an identity; * stands for any characters
	Role    string `yaml:"role,omitempty"`    // empty: every role
	Command string `yaml:"command,omitempty"` // empty: every command
	Reason  string `yaml:"reason"`            // why it is open
	By      string `yaml:"by"`                // who says so
	Until   string `yaml:"until"`             // the last day it counts, as 2027-12-31
}

// An UpdatedAtConfig says which tables get updated_at and what old rows hold.
type UpdatedAtConfig struct {
	Column   string   `yaml:"column,omitempty"`   // default updated_at
	Backfill string   `yaml:"backfill,omitempty"` // null (default) or created_at
	Tables   []string `yaml:"tables,omitempty"`   // default: every tenant table without it
	Skip     []string `yaml:"skip,omitempty"`     // tables to leave alone
}

// A PlanConfig says what the plan may do beyond the defaults.
type PlanConfig struct {
	Allow           []string `yaml:"allow,omitempty"`            // dangers, by name
	ApplicationRole string   `yaml:"application_role,omitempty"` // to make, where the application is the owner today
	PolicyName      string   `yaml:"policy_name,omitempty"`      // default ringfence_isolation
	PolicyRoles     string   `yaml:"policy_roles,omitempty"`     // public (default)
	Policies        string   `yaml:"policies,omitempty"`         // all (default): one for all commands; command: one a command
}

// A ServiceFunction is a narrow definer function that works without a tenant, on purpose. Where body is given, the plan makes it.
type ServiceFunction struct {
	Name    string   `yaml:"name"`              // schema.function(types)
	Reason  string   `yaml:"reason"`            // why it needs no tenant
	By      string   `yaml:"by,omitempty"`      // who says so
	Roles   []string `yaml:"roles,omitempty"`   // who may call it; default: the application
	Body    string   `yaml:"body,omitempty"`    // SQL with $1, $2 for the arguments, every name with its schema
	Returns string   `yaml:"returns,omitempty"` // of a body: TABLE (id uuid, hash text), SETOF or a type
	Owner   string   `yaml:"owner,omitempty"`   // of a body: as whom it runs, a role that policies do not bind
	Writes  bool     `yaml:"writes,omitempty"`  // whether the body changes rows
}

// A PINConfig asks the plan for PIN login and names the roles that use it.
type PINConfig struct {
	Login    string `yaml:"login"`              // the role that serves logins: it calls functions, and reads no table
	Operator string `yaml:"operator,omitempty"` // the role of ringfence pin: sets PINs, locks, unlocks, enrols devices
}

// A RevocationsConfig asks the plan for the table of what was revoked and names the roles that use it.
type RevocationsConfig struct {
	Follower string   `yaml:"follower"`           // the role of gateways: it reads what was revoked, by one function
	Revoker  string   `yaml:"revoker,omitempty"`  // the role of a login, or of ringfence gateway revoke: it revokes, by one function
	Revokers []string `yaml:"revokers,omitempty"` // further roles that revoke, such as an operator's, or that of a trigger on memberships
}

// A TrailConfig asks the plan for the security trail and names the roles that use it.
type TrailConfig struct {
	Writer string `yaml:"writer"`           // the role that ships events: it may append, and nothing else
	Reader string `yaml:"reader,omitempty"` // the service role that reads all tenants' events
	Keeper string `yaml:"keeper,omitempty"` // the service role that makes partitions ahead and retires old months
	View   string `yaml:"view,omitempty"`   // a view of this name in the schema ringfence, with the ten columns that people ask for
	Tenant string `yaml:"tenant,omitempty"` // what the view calls a tenant: restaurant gives authenticated_restaurant_id
}
