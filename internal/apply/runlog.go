package apply

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
)

// logSchema is the schema in the target that Ringfence keeps its own things in. It outlives every plan: apply, rollback
// and the audits after them read it. DROP SCHEMA ringfence CASCADE removes it when nobody needs to know any more.
const logSchema = "ringfence"

// A logTable is one table of the run log, as it must be in the target.
type logTable struct {
	name        string
	columns     [][2]string // name and type, as format_type gives it
	constraints []string
}

// logTables are the tables of the run log. Columns are only ever added, at the end. The lease's second key is there so
// that a change of fence conflicts with a step's FOR KEY SHARE while a heartbeat, which changes no key, does not.
var logTables = []logTable{
	{"apply_run", [][2]string{
		{"run", "text"}, {"plan", "text"}, {"kind", "text"}, {"holder", "text"}, {"fence", "bigint"}, {"state", "text"},
		{"started_at", "timestamp with time zone"}, {"ended_at", "timestamp with time zone"}, {"database", "text"},
		{"system_identifier", "text"}, {"server_version", "integer"}, {"reason", "text"}, {"objects", "jsonb"},
	}, []string{"PRIMARY KEY (run)"}},
	{"apply_step", [][2]string{
		{"run", "text"}, {"plan", "text"}, {"ordinal", "integer"}, {"step", "text"}, {"direction", "text"},
		{"attempt", "integer"}, {"state", "text"}, {"fence", "bigint"}, {"xid", "xid8"}, {"backend_pid", "integer"},
		{"backend_start", "text"}, {"started_at", "timestamp with time zone"}, {"ended_at", "timestamp with time zone"},
		{"sqlstate", "text"}, {"row_count", "bigint"}, {"blockers", "jsonb"}, {"objects", "jsonb"}, {"table_name", "text"},
	}, []string{"PRIMARY KEY (run, ordinal, direction, attempt)"}},
	{"apply_lease", [][2]string{
		{"name", "text"}, {"holder", "text"}, {"run", "text"}, {"fence", "bigint"}, {"heartbeat", "timestamp with time zone"},
		{"expires", "timestamp with time zone"}, {"backend_pid", "integer"}, {"backend_start", "text"},
	}, []string{"PRIMARY KEY (name)", "UNIQUE (name, fence)"}},
}

func (t logTable) create() string {
	parts := make([]string, 0, len(t.columns)+len(t.constraints))
	for _, c := range t.columns {
		parts = append(parts, pg.Ident(c[0])+" "+c[1])
	}
	return fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s (%s)", pg.Ident(logSchema, t.name),
		strings.Join(append(parts, t.constraints...), ", "))
}

// logLock is the key of the advisory lock, held for one short transaction, under which the run log is created: CREATE …
// IF NOT EXISTS alone is not safe when two start at once.
const logLock = 0x72696e6766656e63

// ensureLog creates the run log where it is missing, takes away every right that others have on it (default privileges
// may have given some), and refuses one that others could have prepared.
func ensureLog(ctx context.Context, s *session) error {
	err := s.inTx(ctx, func() error {
		if err := s.exec(ctx, "SELECT pg_catalog.pg_advisory_xact_lock($1)", int64(logLock)); err != nil {
			return err
		}
		if err := inspectOwners(ctx, s); err != nil {
			return err
		}
		if err := createLog(ctx, s); err != nil {
			return err
		}
		if err := inspectLog(ctx, s); err != nil {
			return err
		}
		return revokeLog(ctx, s)
	})
	if err != nil {
		return fmt.Errorf("preparing the run log: %w", err)
	}
	return nil
}

func createLog(ctx context.Context, s *session) error {
	var there bool
	if err := s.one(ctx, "SELECT pg_catalog.to_regnamespace('ringfence') IS NOT NULL", nil, &there); err != nil {
		return err
	}
	if !there {
		if err := s.exec(ctx, "CREATE SCHEMA ringfence"); err != nil {
			return hintGrantCreate(ctx, s, err)
		}
	}
	for _, t := range logTables {
		var found bool
		err := s.one(ctx, `SELECT EXISTS (SELECT FROM pg_catalog.pg_class WHERE relname = $1
			AND relnamespace = pg_catalog.to_regnamespace('ringfence'))`, []any{t.name}, &found)
		if err != nil {
			return err
		}
		if found {
			continue
		}
		if err := s.exec(ctx, t.create()); err != nil {
			return err
		}
	}
	return nil
}

// hintGrantCreate names the right that is missing.
func hintGrantCreate(ctx context.Context, s *session, err error) error {
	if pg.SQLState(err) != "42501" {
		return err
	}
	return &PreflightError{Refused: []Check{{Name: "run log", State: CheckRefused,
		Detail: "the role may not create the schema of the run log",
		Hint:   fmt.Sprintf("GRANT CREATE ON DATABASE %s TO %s;", pg.Ident(s.conn.Config().Database), pg.Ident(s.conn.Config().User)),
	}}}
}

// inspectLog refuses a run log that somebody else owns, or that carries anything that would run code in our name.
func inspectLog(ctx context.Context, s *session) error {
	if err := inspectOwners(ctx, s); err != nil {
		return err
	}
	for _, t := range logTables {
		if err := inspectLogTable(ctx, s, t); err != nil {
			return err
		}
	}
	return nil
}

// inspectOwners refuses what of the run log is there and belongs to a role that is neither ours nor above us. Superusers
// may act for everybody, so of them the owner must be one too.
func inspectOwners(ctx context.Context, s *session) error {
	const owners = `SELECT o.name, pg_catalog.pg_get_userbyid(o.owner),
		  o.owner = m.oid OR r.rolsuper OR (NOT m.rolsuper AND pg_catalog.pg_has_role(m.oid, o.owner, 'USAGE'))
		FROM (SELECT 'schema ringfence' AS name, nspowner AS owner FROM pg_catalog.pg_namespace WHERE nspname = 'ringfence'
		      UNION ALL SELECT 'ringfence.' || relname, relowner FROM pg_catalog.pg_class
		      WHERE relnamespace = pg_catalog.to_regnamespace('ringfence') AND relname LIKE 'apply\_%' AND relkind <> 'i') AS o
		JOIN pg_catalog.pg_roles AS r ON r.oid = o.owner JOIN pg_catalog.pg_roles AS m ON m.rolname = current_user
		ORDER BY 1`
	type owner struct {
		Object, Name string
		Trusted      bool
	}
	found, err := rows(ctx, s, pgx.RowToStructByPos[owner], owners)
	if err != nil {
		return err
	}
	for _, o := range found {
		if !o.Trusted {
			return unsafeLog(o.Object+" belongs to "+o.Name, "Connect as "+o.Name+", or have a superuser look at it and give it another owner.")
		}
	}
	return nil
}

func inspectLogTable(ctx context.Context, s *session, t logTable) error {
	var columns []string
	var odd bool
	const shape = `SELECT (SELECT pg_catalog.array_agg(attname || ' ' || pg_catalog.format_type(atttypid, atttypmod) ORDER BY attnum)
		   FROM pg_catalog.pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped),
		  c.relkind <> 'r' OR c.relhasrules OR c.relrowsecurity OR c.relhassubclass OR c.relispartition
		  OR EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = c.oid)
		  OR EXISTS (SELECT FROM pg_catalog.pg_attrdef WHERE adrelid = c.oid)
		  OR EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conrelid = c.oid AND contype NOT IN ('p', 'u', 'n'))
		  OR EXISTS (SELECT FROM pg_catalog.pg_inherits WHERE inhrelid = c.oid)
		  OR EXISTS (SELECT FROM pg_catalog.pg_index WHERE indrelid = c.oid AND (indexprs IS NOT NULL OR indpred IS NOT NULL))
		FROM pg_catalog.pg_class AS c WHERE c.relnamespace = pg_catalog.to_regnamespace('ringfence') AND c.relname = $1`
	if err := s.one(ctx, shape, []any{t.name}, &columns, &odd); err != nil {
		return err
	}
	want := make([]string, len(t.columns))
	for i, c := range t.columns {
		want[i] = c[0] + " " + c[1]
	}
	if odd || len(columns) < len(want) || !slices.Equal(columns[:len(want)], want) {
		return unsafeLog("ringfence."+t.name+" is not the table that Ringfence makes",
			"Look at it; when it holds nothing of worth: DROP TABLE "+pg.Ident(logSchema, t.name)+";")
	}
	return nil
}

func unsafeLog(detail, hint string) error {
	return &PreflightError{Refused: []Check{{Name: "run log", State: CheckRefused, Detail: detail, Hint: hint}}}
}

// revokeLog takes every right on the run log from everyone but its owner, where it is ours to take.
func revokeLog(ctx context.Context, s *session) error {
	const given = `SELECT DISTINCT CASE WHEN a.grantee = 0 THEN '' ELSE pg_catalog.pg_get_userbyid(a.grantee) END
		FROM pg_catalog.pg_class AS c, pg_catalog.aclexplode(c.relacl) AS a
		WHERE c.relnamespace = pg_catalog.to_regnamespace('ringfence') AND c.relname = $1 AND a.grantee <> c.relowner`
	for _, t := range logTables {
		grantees, err := rows(ctx, s, pgx.RowTo[string], given, t.name)
		if err != nil {
			return err
		}
		for _, g := range grantees {
			who := "PUBLIC"
			if g != "" {
				who = pg.Ident(g)
			}
			if err := s.exec(ctx, fmt.Sprintf("REVOKE ALL ON TABLE %s FROM %s CASCADE", pg.Ident(logSchema, t.name), who)); err != nil {
				return err
			}
		}
	}
	var public bool
	const schemaPublic = `SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace AS n, pg_catalog.aclexplode(n.nspacl) AS a
		WHERE n.nspname = 'ringfence' AND a.grantee = 0)`
	if err := s.one(ctx, schemaPublic, nil, &public); err != nil || !public {
		return err
	}
	return s.exec(ctx, "REVOKE ALL ON SCHEMA ringfence FROM PUBLIC CASCADE")
}

// inTx runs fn in a short transaction of the run log's own, committed where fn returns nil.
func (s *session) inTx(ctx context.Context, fn func() error) error {
	const begin = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '30s'"
	if err := s.exec(ctx, begin); err != nil {
		s.rollback()
		return err
	}
	if err := fn(); err != nil {
		s.rollback()
		return err
	}
	if err := s.exec(ctx, "COMMIT"); err != nil {
		s.rollback()
		return err
	}
	return nil
}
