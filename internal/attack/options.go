package attack

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// A Signer makes the value of a signed context for a tenant.
type Signer func(setting, tenant string) (string, error)

// Options say what is attacked, by whom, and how far it may go.
type Options struct {
	// Conn is a session of one's own, not in a transaction: a superuser, or a role that may become the tables' owners and the
	// application roles. Take a fresh one: what a session does that never had a context is only seen before one was set.
	Conn  *pgx.Conn
	Model *tenancy.Model
	Roles []string // application roles to attack as; empty: the model's
	// Tables are identities of the tables to attack; empty: every table whose rows belong to tenants.
	Tables []string
	Probes []Probe // empty: All()
	// AllowWrites lets probes write; without it only reading probes run, on rows that are there already.
	AllowWrites bool
	// Clone says that the database is a copy of one's own: commands that empty tables are allowed.
	Clone bool
	// Tenants are the keys of two tenants that are there already. With them Conn is the application's own log-in: rows are made and
	// looked at as the tenants themselves, since nobody stands outside row security. Nil: two tenants are made.
	Tenants []string
	// Dial opens a session of a role's own, for what only shows between two sessions; nil: such probes do not apply.
	Dial   func(ctx context.Context, role string) (*pgx.Conn, error)
	Sign   Signer // for signed contexts; nil: they are inconclusive
	Limits Limits
	Seed   uint64 // of the values that are made; 0: by the clock
	// Progress is told how far the run is; nil for silence.
	Progress func(done, total int)
}

// Limits bound an attack. Zero values are the defaults.
type Limits struct {
	Statement time.Duration // one statement; 5 s
	Lock      time.Duration // one wait for a lock; 500 ms
	Attempts  int           // INSERTs tried for one row; 200
	// BlindRows is how many rows a table may hold for a probe that touches them all, outside a clone; 10,000.
	BlindRows float64
}

// withDefaults fills what was left zero.
func (l Limits) withDefaults() Limits {
	if l.Statement == 0 {
		l.Statement = 5 * time.Second
	}
	if l.Lock == 0 {
		l.Lock = 500 * time.Millisecond
	}
	if l.Attempts == 0 {
		l.Attempts = 200
	}
	if l.BlindRows == 0 {
		l.BlindRows = 10000
	}
	return l
}

// validate checks what cannot be guessed.
func (o *Options) validate() error {
	if o.Conn == nil || o.Model == nil || o.Model.Snapshot == nil {
		return errors.New("preparing an attack: a connection and a model with its snapshot are needed")
	}
	if o.Conn.PgConn().TxStatus() != 'I' {
		return errors.New("preparing an attack: the connection is in a transaction")
	}
	for _, name := range o.Tables {
		if o.Model.Snapshot.Relation(name) == nil {
			return fmt.Errorf("preparing an attack: no table %s in the snapshot", name)
		}
	}
	for _, name := range o.Roles {
		if o.Model.Snapshot.Role(name) == nil {
			return fmt.Errorf("preparing an attack: no role %s in the snapshot", name)
		}
	}
	return nil
}
