package ringfence

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ringfencehq/ringfence/internal/signed"
)

// Config says how a Pool reaches the database and what it checks there. Only DSN and Setting are required.
type Config struct {
	// DSN is the connection string of the application's role. Options of pgxpool in it (pool_max_conns and so on) count.
	DSN string
	// Setting is the tenant context: the setting that the policies read, such as "app.current_org_id".
	Setting string
	// MoreSettings are further names that get the same tenant, for schemas whose policies read two.
	MoreSettings []string
	// Signer makes the token of a signed context, where the policies read one. The plain settings are set as well.
	Signer Signer
	// ServiceDSN is the connection string of the service role, which InsecureAllTenants uses and nothing else does.
	ServiceDSN string
	// Services are the functions that Service may call, by the name that the application calls them by.
	Services map[string]ServiceFunction
	// Recorder keeps what is refused and what runs without a tenant. Without one refusals are logged only, and
	// InsecureAllTenants and Service are errors.
	Recorder Recorder
	// Fingerprints are the values of CheckReport.Fingerprint that are expected: a plan that is being applied has several.
	// None: the policies are not compared.
	Fingerprints []string
	// Strictness says whether what is doubtful, and no fault, refuses to serve as well.
	Strictness Strictness
	// Transaction is how single reads travel.
	Transaction TransactionForm
	// Mode is pgx's way to run statements; zero leaves the choice to Open, which looks for a pooler first.
	Mode pgx.QueryExecMode
	// Types are names of the schema's own types (enumerations, composites, domains) to load on every connection.
	Types []string
	// CheckEvery is the time between two checks of the role and the policies; zero is one minute.
	CheckEvery time.Duration
	// Logger gets what a person should know; nil is slog's default. No value of a statement is ever logged.
	Logger *slog.Logger
}

// Strictness of Check.
type Strictness int

const (
	// Lenient refuses to serve for faults of the role only. A foreign fingerprint, and roles that the session could
	// become, are recorded.
	Lenient Strictness = iota
	// Strict refuses to serve for them too.
	Strict
)

// TransactionForm is how the statement of a single read shares a transaction with its context. Both are one round trip.
type TransactionForm int

const (
	// Explicit sends BEGIN and COMMIT around every single statement.
	Explicit TransactionForm = iota
	// Implicit leaves them out for single statements that begin with SELECT, VALUES or TABLE: what is sent up to one Sync
	// is one transaction. Writes and everything else stay explicit.
	Implicit
)

// A Signer makes the token that a signed tenant context is verified by. It is safe for concurrent use.
type Signer interface {
	// SignTenant returns a token for the tenant that counts from now on and for a minute at most.
	SignTenant(t Tenant, now time.Time) (string, error)
}

// settingNames are PostgreSQL's rules for a setting of one's own; the name is written into statements as a literal.
var settingNames = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)+$`)

// settings returns every setting that holds the context, the signed one included.
func (c *Config) settings() []string {
	all := append([]string{c.Setting}, c.MoreSettings...)
	if c.Signer != nil {
		all = append(all, signed.Setting)
	}
	return all
}

func (c *Config) validate() error {
	if c.DSN == "" {
		return errors.New("opening a pool: no DSN")
	}
	for _, s := range append([]string{c.Setting}, c.MoreSettings...) {
		if !settingNames.MatchString(s) || len(s) > 127 {
			return fmt.Errorf("opening a pool: %q is no name of a setting such as app.tenant_id", s)
		}
	}
	for name, f := range c.Services {
		if err := f.validate(); err != nil {
			return fmt.Errorf("opening a pool: service %q: %w", name, err)
		}
	}
	if c.Mode < 0 || c.Mode > pgx.QueryExecModeSimpleProtocol {
		return fmt.Errorf("opening a pool: unknown query mode %d", c.Mode)
	}
	return nil
}

// contextSQL returns the statement that sets the context: $1 is the tenant, $2 the token where contexts are signed.
func (c *Config) contextSQL() string {
	var b strings.Builder
	b.WriteString("select ")
	for i, s := range append([]string{c.Setting}, c.MoreSettings...) {
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString("pg_catalog.set_config('" + s + "',$1,true)")
	}
	if c.Signer != nil {
		b.WriteString(",pg_catalog.set_config('" + signed.Setting + "',$2,true)")
	}
	return b.String()
}

// parse reads a connection string and refuses one that sets the context itself: it would stand for every statement.
func (c *Config) parse(dsn string) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, errors.New("reading the connection string: " + faultOf(err))
	}
	for key, value := range cfg.ConnConfig.RuntimeParams {
		for _, s := range c.settings() {
			if strings.EqualFold(key, s) || strings.Contains(strings.ToLower(value), strings.ToLower(s)) {
				return nil, fmt.Errorf("reading the connection string: it sets %s, which only a transaction may", s)
			}
		}
	}
	return cfg, nil
}

// faultOf is what pgx says of a connection string, without the string, in which it knows a password only where that is written as it
// expects, and without what it quotes of it.
func faultOf(err error) string {
	text := err.Error()
	if at := strings.LastIndex(text, "`: "); at >= 0 {
		fault, _, _ := strings.Cut(text[at+3:], " (")
		return fault
	}
	return "it cannot be used"
}

func (c *Config) logger() *slog.Logger {
	if c.Logger != nil {
		return c.Logger
	}
	return slog.Default()
}
