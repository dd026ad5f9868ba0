package trail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/internal/trailsql"
)

// State is the answer to a question about the trail.
type State string

// The answers. Unknown is never good news.
const (
	Good    State = "ok"
	Fault   State = "fault"
	Unknown State = "unknown"
)

// CheckResult is one named check.
type CheckResult struct {
	Name   string `json:"name"`
	State  State  `json:"state"`
	Detail string `json:"detail,omitempty"`
}

// Beginner begins transactions: a *pgx.Conn, a pool or a pgx.Tx.
type Beginner interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}

// checkNames are the eight checks in their order.
var checkNames = []string{"table", "columns", "indexes", "severity check", "row security", "policies", "insert, read, no delete", "query plans"}

// Check asks a database whether the trail's table is as it must be: what the catalogue says, that an event can be stored and read
// and not be deleted (all in a transaction that is rolled back), and that the two common queries find their indexes. What the
// session's role may not find out is Unknown; a superuser, or who may act as writer and reader, can answer all. db is a connection
// outside of a transaction, a pool, or a transaction, which is left as it was.
func Check(ctx context.Context, db Beginner) []CheckResult {
	checks := []func(context.Context, pgx.Tx) (State, string, error){
		checkTable, checkColumns, checkIndexes, checkSeverity, checkRowSecurity, checkPolicies, checkInsert, checkPlans,
	}
	out := make([]CheckResult, len(checks))
	for i, check := range checks {
		out[i] = CheckResult{Name: checkNames[i]}
		state, detail, err := inRolledBack(ctx, db, check)
		if err != nil {
			state, detail = unknownUnless(err)
		}
		out[i].State, out[i].Detail = state, detail
	}
	return out
}

// inRolledBack runs one check in a transaction of its own that leaves nothing.
func inRolledBack(ctx context.Context, db Beginner, check func(context.Context, pgx.Tx) (State, string, error)) (State, string, error) {
	tx, err := db.Begin(ctx)
	if err != nil {
		return "", "", err
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	if _, err := tx.Exec(ctx, "SET LOCAL search_path = pg_catalog; SET LOCAL row_security = on; SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '30s'"); err != nil {
		return "", "", err
	}
	return check(ctx, tx)
}

// unknownUnless tells an error for what it is: the table that is not there is a fault, all else is not known.
func unknownUnless(err error) (State, string) {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		if e.Code == "42P01" || e.Code == "3F000" || e.Code == "42883" {
			return Fault, "it is not there: " + e.Message
		}
		return Unknown, e.Message + " (" + e.Code + ")"
	}
	return Unknown, err.Error()
}

func fault(format string, args ...any) (State, string, error) {
	return Fault, fmt.Sprintf(format, args...), nil
}

func good(detail string) (State, string, error) { return Good, detail, nil }

func checkTable(ctx context.Context, tx pgx.Tx) (State, string, error) {
	var kind, key, owner string
	var members int
	err := tx.QueryRow(ctx, `SELECT c.relkind::text, coalesce(pg_get_partkeydef(c.oid), ''), r.rolname,
		(SELECT count(*) FROM pg_auth_members m WHERE m.roleid = r.oid AND NOT (m.admin_option AND NOT pg_has_role(m.member, r.oid, 'USAGE')))
		FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE c.oid = to_regclass($1)`, trailsql.Schema+"."+trailsql.Events).Scan(&kind, &key, &owner, &members)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return fault("there is no table %s.%s", trailsql.Schema, trailsql.Events)
	case err != nil:
		return "", "", err
	case kind != "p" || key != "RANGE (id)":
		return fault("it is not partitioned by range of id")
	case owner != trailsql.Owner:
		return fault("it belongs to %s, who can switch its guards off", owner)
	case members > 0:
		return fault("%d roles are members of its owner, and can switch its guards off", members)
	}
	return good("partitioned by month, of a role that nobody is")
}

func checkColumns(ctx context.Context, tx pgx.Tx) (State, string, error) {
	have, err := strs(ctx, tx, `SELECT attname || ' ' || format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN ' not null' ELSE '' END
		FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped ORDER BY attnum`, trailsql.Schema+"."+trailsql.Events)
	if err != nil {
		return "", "", err
	}
	for i, c := range trailsql.Columns {
		want := c.Name + " " + c.Type
		if !c.Null {
			want += " not null"
		}
		if i >= len(have) || have[i] != want {
			return fault("column %d is not %s", i+1, want)
		}
	}
	return good(fmt.Sprintf("%d columns", len(have)))
}

func checkIndexes(ctx context.Context, tx pgx.Tx) (State, string, error) {
	have, err := strs(ctx, tx, `SELECT substring(pg_get_indexdef(i.indexrelid) FROM 'USING .*$') || CASE WHEN i.indisvalid THEN '' ELSE ' invalid' END
		FROM pg_index i WHERE i.indrelid = to_regclass($1)`, trailsql.Schema+"."+trailsql.Events)
	if err != nil {
		return "", "", err
	}
	for _, i := range trailsql.Indexes {
		if !slices.Contains(have, "USING btree ("+i.Keys+")") {
			return fault("there is no valid index on (%s)", i.Keys)
		}
	}
	return good(fmt.Sprintf("%d indexes beside the key", len(trailsql.Indexes)))
}

func checkSeverity(ctx context.Context, tx pgx.Tx) (State, string, error) {
	for name, values := range map[string][]string{trailsql.SeverityCheck(): words(ringfence.Severities), trailsql.TypeCheck(): words(ringfence.EventTypes)} {
		var definition string
		err := tx.QueryRow(ctx, "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = to_regclass($1) AND conname = $2 AND contype = 'c'",
			trailsql.Schema+"."+trailsql.Events, name).Scan(&definition)
		if errors.Is(err, pgx.ErrNoRows) {
			return fault("the CHECK %s of this version's words is not there", name)
		}
		if err != nil {
			return "", "", err
		}
		for _, v := range values {
			if !strings.Contains(definition, "'"+v+"'::text") {
				return fault("the CHECK %s does not know %s", name, v)
			}
		}
	}
	return good("severities and event types are the enumeration's")
}

func checkRowSecurity(ctx context.Context, tx pgx.Tx) (State, string, error) {
	open, err := strs(ctx, tx, `SELECT c.oid::regclass::text || CASE WHEN NOT c.relrowsecurity OR NOT c.relforcerowsecurity THEN ' is not under forced row security' ELSE ' has a guard that does not always fire' END
		FROM pg_class c WHERE (c.oid IN (to_regclass($1), to_regclass($2), to_regclass($3)) OR c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = to_regclass($1)))
		AND (NOT c.relrowsecurity OR NOT c.relforcerowsecurity OR (SELECT count(*) FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid
			WHERE t.tgrelid = c.oid AND t.tgenabled = 'A' AND t.tgname IN ('trail_refuse_row', 'trail_refuse_statement') AND f.proname = 'trail_refuse' AND f.prosrc = $4) <> 2) ORDER BY 1`,
		trailsql.Schema+"."+trailsql.Events, trailsql.Schema+"."+trailsql.Checkpoints, trailsql.Schema+"."+trailsql.Retired, trailsql.Functions()[0].Body)
	if err != nil {
		return "", "", err
	}
	if len(open) > 0 {
		return fault("%s", strings.Join(open, "; "))
	}
	var there bool
	if err := tx.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL AND to_regclass($2) IS NOT NULL AND to_regclass($3) IS NOT NULL",
		trailsql.Schema+"."+trailsql.Events, trailsql.Schema+"."+trailsql.Checkpoints, trailsql.Schema+"."+trailsql.Retired).Scan(&there); err != nil {
		return "", "", err
	}
	if !there {
		return fault("the trail's tables are not all there")
	}
	return good("forced on every table and partition; both guards always fire")
}

func checkPolicies(ctx context.Context, tx pgx.Tx) (State, string, error) {
	policies, err := strs(ctx, tx, `SELECT p.polname || ' ' || p.polcmd::text || ' ' || CASE WHEN p.polroles = '{0}' THEN 'PUBLIC' ELSE array_to_string(ARRAY(SELECT rolname FROM pg_roles WHERE oid = ANY (p.polroles) ORDER BY 1), ',') END
		FROM pg_policy p WHERE p.polrelid = to_regclass($1) ORDER BY 1`, trailsql.Schema+"."+trailsql.Events)
	if err != nil {
		return "", "", err
	}
	want := []string{"trail_append a " + trailsql.Owner, "trail_own r " + trailsql.Owner}
	for _, p := range policies {
		reader := strings.HasPrefix(p, trailsql.ReadPolicy+" r ") && !strings.HasSuffix(p, " PUBLIC")
		if !reader && !slices.Contains(want, p) {
			return fault("the policy %q is none of the trail's", p)
		}
	}
	for _, w := range want {
		if !slices.Contains(policies, w) {
			return fault("the policy %q is missing", w)
		}
	}
	grants, err := strs(ctx, tx, `SELECT x.privilege_type || ' to ' || CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee) END
		FROM pg_class c, aclexplode(c.relacl) x WHERE x.grantee <> c.relowner AND x.privilege_type <> 'SELECT'
		AND (c.oid = to_regclass($1) OR c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = to_regclass($1))) ORDER BY 1`, trailsql.Schema+"."+trailsql.Events)
	if err != nil {
		return "", "", err
	}
	if len(grants) > 0 {
		return fault("it is granted %s", strings.Join(grants, "; "))
	}
	for _, f := range trailsql.Functions() {
		var stands bool
		if err := tx.QueryRow(ctx, "SELECT "+f.Stands(trailsql.Owner)).Scan(&stands); err != nil {
			return "", "", err
		}
		if !stands {
			return fault("the function %s.%s is not as it was installed", trailsql.Schema, f.Name)
		}
	}
	return good("open to its own functions, as they were installed, and to its reader alone")
}

// checkInsert stores an event, reads it, and sees that it cannot be deleted.
func checkInsert(ctx context.Context, tx pgx.Tx) (State, string, error) {
	clock := &idClock{now: time.Now}
	id, created, _ := clock.tick()
	e := Event{Event: Clean(ringfence.Event{Type: ringfence.SelfTest, Detail: map[string]string{"check": "rolled back"}}), ID: id, Row: id, Node: "check", Epoch: 1, Sequence: 1,
		Created: created, Count: 1, First: created, Last: created}
	e.Hash = e.Digest()
	r := tx.Conn().PgConn().ExecParams(ctx, appendSQL, encodeBatch([]Event{e}), appendOIDs, binary1, binary1).Read()
	if r.Err != nil {
		return "", "", fmt.Errorf("storing an event: %w", r.Err)
	}
	found := 0
	for got, err := range ReadEvents(ctx, tx, Filter{Event: id}) {
		if err != nil {
			return "", "", err
		}
		if got.Digest() != e.Hash || got.Hash != e.Hash {
			return fault("an event came back changed")
		}
		found++
	}
	if found != 1 {
		return fault("an event that was stored was read %d times", found)
	}
	if _, err := tx.Exec(ctx, "DELETE FROM "+trailsql.Schema+"."+trailsql.Events+" WHERE id = $1", [16]byte(id)); err == nil {
		return fault("an event could be deleted")
	} else if e := (*pgconn.PgError)(nil); !errors.As(err, &e) || e.Code != "42501" {
		return "", "", err
	}
	return good("an event was stored and read, and its deletion refused")
}

// checkPlans has the planner, told that scanning whole tables costs much, show that indexes serve the two common queries.
func checkPlans(ctx context.Context, tx pgx.Tx) (State, string, error) {
	if _, err := tx.Exec(ctx, "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = on"); err != nil {
		return "", "", err
	}
	for _, q := range commonQueries {
		var text []byte
		if err := tx.QueryRow(ctx, "EXPLAIN (FORMAT JSON) "+q.sql).Scan(&text); err != nil {
			return "", "", err
		}
		var plans []struct{ Plan planNode }
		if err := json.Unmarshal(text, &plans); err != nil || len(plans) != 1 {
			return "", "", fmt.Errorf("reading a query plan: %w", err)
		}
		if at := plans[0].Plan.seqScan(); at != "" {
			return fault("%s reads all of %s", q.what, at)
		}
	}
	return good("indexes serve both")
}

// planNode is what of a query plan is looked at.
type planNode struct {
	NodeType string     `json:"Node Type"`
	Relation string     `json:"Relation Name"`
	Plans    []planNode `json:"Plans"`
}

// seqScan returns a relation that is read whole.
func (n planNode) seqScan() string {
	if n.NodeType == "Seq Scan" {
		return n.Relation
	}
	for _, p := range n.Plans {
		if at := p.seqScan(); at != "" {
			return at
		}
	}
	return ""
}

func strs(ctx context.Context, tx pgx.Tx, sql string, args ...any) ([]string, error) {
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
