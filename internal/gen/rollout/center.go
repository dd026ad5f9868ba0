package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/examples/callcenter"
	"github.com/ringfencehq/ringfence/internal/pg"
)

// The size of each call centre.
const (
	organizations = 20
	events        = 20_000
)

// The application's roles: the owner today, and the one that the plan makes.
const (
	oldRole = "callcenter_owner"
	newRole = "callcenter_app"
)

// A center is one call centre on a server of its own, with its application at work.
type center struct {
	stage    string
	database string // named after the stage, so that nobody takes one for the other
	server   *pg.Embedded
	super    *pgx.Conn
	app      *pgx.Conn
	role     string // that app logged in as
	tenants  []string
	turn     int
	took     []time.Duration // of the last pages in the new role
	backedUp time.Time
}

func database(stage string) string { return "callcenter_" + stage }

// newCenter starts a server that counts statements and keeps a log of errors, loads the system as it stands today, and names its DSNs.
func newCenter(ctx context.Context, stage string) (*center, error) {
	server, err := pg.StartEmbedded(ctx, pg.EmbeddedOptions{InMemory: true, NoFsync: true, Config: map[string]string{"shared_preload_libraries": "pg_stat_statements",
		"logging_collector": "on", "log_destination": "csvlog", "jit": "off"}})
	if err != nil {
		return nil, err
	}
	c := &center{stage: stage, database: database(stage), server: server}
	if err := c.load(ctx); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	for name, dsn := range map[string]string{variable(stage): c.server.DSN(c.database, pg.Superuser), appVariable(stage): c.server.DSN(c.database, newRole), programs: server.Binaries().Dir} {
		err = errors.Join(err, os.Setenv(name, dsn))
	}
	return c, err
}

func (c *center) stop() error {
	for _, conn := range []*pgx.Conn{c.super, c.app} {
		if conn != nil {
			_ = conn.Close(context.Background())
		}
	}
	return c.server.Stop()
}

func (c *center) load(ctx context.Context) error {
	admin, err := pg.Connect(ctx, c.server.DSN("postgres", pg.Superuser), pg.Options{})
	if err != nil {
		return err
	}
	defer admin.Close(ctx)
	if _, err := admin.Exec(ctx, "CREATE DATABASE "+pg.Ident(c.database)); err != nil {
		return fmt.Errorf("making the database: %w", err)
	}
	if c.super, err = pg.Connect(ctx, c.server.DSN(c.database, pg.Superuser), pg.Options{SimpleProtocol: true}); err != nil {
		return err
	}
	seed := fmt.Sprintf("SET seed.organizations = %d; SET seed.events = %d;\n%s\nANALYZE; CREATE EXTENSION pg_stat_statements", organizations, events, callcenter.Seed)
	for _, script := range []string{callcenter.Schema, seed} {
		if _, err := c.super.PgConn().Exec(ctx, script).ReadAll(); err != nil {
			return fmt.Errorf("loading the reference system: %w", err)
		}
	}
	rows, err := c.super.Query(ctx, "SELECT id::text FROM callcenter.organizations ORDER BY 1")
	if err != nil {
		return fmt.Errorf("reading the organisations: %w", err)
	}
	c.tenants, err = pgx.CollectRows(rows, pgx.RowTo[string])
	return err
}

// requests are what the application asks for one organisation, over and over.
var requests = []string{
	"SELECT id, name FROM callcenter.campaigns WHERE organization_id = $1 ORDER BY created_at DESC LIMIT 5",
	"SELECT c.id, c.outcome FROM callcenter.campaign_calls c JOIN callcenter.campaigns k ON k.id = c.campaign_id WHERE k.organization_id = $1 LIMIT 20",
	"SELECT id, event_type FROM callcenter.telnyx_call_events WHERE organization_id = $1 LIMIT 50",
	"SELECT id, full_name FROM callcenter.crm_contacts WHERE organization_id = $1 LIMIT 20",
	"SELECT id FROM callcenter.recordings WHERE organization_id = $1 LIMIT 20",
	"UPDATE callcenter.crm_contacts SET full_name = full_name WHERE organization_id = $1",
	"INSERT INTO callcenter.ai_call_events (organization_id, event_type) VALUES ($1, 'intent')",
	"SELECT id, debtor, balance FROM callcenter.collection_accounts WHERE organization_id = $1",
}

// work has the application show n pages, each to one organisation in a transaction of its own, as the role that it has today. A page is all
// of the requests, sent at once.
func (c *center) work(ctx context.Context, n int) error {
	for range n {
		if err := c.logIn(ctx); err != nil {
			return err
		}
		tenant := c.tenants[c.turn%len(c.tenants)]
		c.turn++
		page := &pgx.Batch{}
		page.Queue("SELECT set_config('app.current_org_id', $1, true)", tenant)
		for _, sql := range requests {
			page.Queue(sql, tenant)
		}
		began := time.Now()
		if err := c.app.SendBatch(ctx, page).Close(); err != nil {
			return fmt.Errorf("the application of %s as %s: %w", c.stage, c.role, err)
		}
		if c.role == newRole {
			c.took = append(c.took, time.Since(began))
		}
	}
	if c.took = c.took[max(0, len(c.took)-1000):]; len(c.took) == 0 {
		return nil // the limit of the definition is for the application in its new role: of today's nothing is said
	}
	sorted := slices.Sorted(slices.Values(c.took))
	return os.WriteFile("p95-"+c.stage, fmt.Appendf(nil, "%.6f\n", sorted[len(sorted)*95/100].Seconds()), 0o644)
}

// logIn opens the application's session, as the new role from when it is there on.
func (c *center) logIn(ctx context.Context) error {
	if c.app != nil && c.role == newRole {
		return nil
	}
	var there bool
	if err := c.super.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_class WHERE relnamespace = 'callcenter'::regnamespace AND relname = 'users' AND relrowsecurity)").Scan(&there); err != nil {
		return fmt.Errorf("asking whether the plan is applied: %w", err)
	}
	role := cmp.Or(map[bool]string{true: newRole}[there], oldRole)
	if c.app != nil && c.role == role {
		return nil
	}
	if c.app != nil {
		_ = c.app.Close(ctx)
	}
	var err error
	c.role = role
	c.app, err = pg.Connect(ctx, c.server.DSN(c.database, role), pg.Options{})
	return err
}

// asTenant runs fn in a transaction that belongs to an organisation.
func asTenant(ctx context.Context, conn *pgx.Conn, tenant string, fn func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT set_config('app.current_org_id', $1, true)", tenant); err != nil {
			return err
		}
		return fn(tx)
	})
}

// backUp dumps the application's schemas, and keeps when that was. It does so as the operator: callcenter_backup may not read "Telephony".
func (c *center) backUp(ctx context.Context, now time.Time) error {
	cmd := exec.CommandContext(ctx, filepath.Join(c.server.Binaries().Dir, "pg_dump"), "-Fc", "-n", "callcenter", "-n", `"Telephony"`, "-f", "backup-"+c.stage+".dump", c.server.DSN(c.database, pg.Superuser))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("backing up %s: %w\n%s", c.stage, err, out)
	}
	c.backedUp = now
	return os.WriteFile("backup-"+c.stage+".time", []byte(now.UTC().Format(time.RFC3339)+"\n"), 0o644)
}
