package tenancy

// A Config is ringfence.yaml. Every field is optional; what is given wins over inference.
type Config struct {
	TenantColumns []string               `yaml:"tenant_columns,omitempty"`
	TenantType    string                 `yaml:"tenant_type,omitempty"`
	Context       string                 `yaml:"context,omitempty"` // a setting's name, "signed", or claim:SETTING#path
	Contexts      []string               `yaml:"contexts,omitempty"`
	Schemas       []string               `yaml:"schemas,omitempty"`
	Roles         map[string][]string    `yaml:"roles,omitempty"` // application, owner, service
	Tables        map[string]TableConfig `yaml:"tables,omitempty"`
	Sentinels     []string               `yaml:"sentinels,omitempty"`
	Accept        []AcceptConfig         `yaml:"accept,omitempty"`
	UpdatedAt     *UpdatedAtConfig       `yaml:"updated_at,omitempty"`
	Plan          PlanConfig             `yaml:"plan,omitempty"`
	Service       []ServiceFunction      `yaml:"service_functions,omitempty"`
}

// A TableConfig says what a table is.
type TableConfig struct {
	Class  Class    `yaml:"class,omitempty"`
	Key    []string `yaml:"key,omitempty"`
	Parent string   `yaml:"parent,omitempty"` // column(s) -> table, as "campaign_id -> public.campaigns(id)"
	// AddKey asks the plan to add the tenant column to a child and back-fill it from its parent.
	AddKey string `yaml:"add_key,omitempty"`
	Reason string `yaml:"reason,omitempty"`
}

// An AcceptConfig is one entry of accept.
type AcceptConfig struct {
	ID      string `yaml:"id"`
	Object  string `yaml:"object"`
	Role    string `yaml:"role,omitempty"`
	Command string `yaml:"command,omitempty"`
	Reason  string `yaml:"reason"`
	By      string `yaml:"by"`
	Until   string `yaml:"until"`
}

// An UpdatedAtConfig says which tables get updated_at and what old rows hold.
type UpdatedAtConfig struct {
	Column   string   `yaml:"column,omitempty"`   // default updated_at
	Backfill string   `yaml:"backfill,omitempty"` // null (default) or created_at
	Tables   []string `yaml:"tables,omitempty"`   // default: every tenant table without it
	Skip     []string `yaml:"skip,omitempty"`
}

// A PlanConfig says what the plan may do beyond the defaults.
type PlanConfig struct {
	Allow           []string `yaml:"allow,omitempty"`            // dangers, by name
	ApplicationRole string   `yaml:"application_role,omitempty"` // to make, where the application is the owner today
	PolicyName      string   `yaml:"policy_name,omitempty"`      // default ringfence_isolation
	PolicyRoles     string   `yaml:"policy_roles,omitempty"`     // public (default)
}

// A ServiceFunction is a narrow definer function that works without a tenant, on purpose.
type ServiceFunction struct {
	Name   string   `yaml:"name"`
	Reason string   `yaml:"reason"`
	By     string   `yaml:"by,omitempty"`
	Roles  []string `yaml:"roles,omitempty"`
}
