package apply

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/plan"
)

// CheckState is what preflight found about one fact.
type CheckState string

// The states of a Check. Unknown is never good news: it is listed and counted, and a person decides.
const (
	CheckOK      CheckState = "ok"
	CheckNote    CheckState = "note"
	CheckUnknown CheckState = "unknown"
	CheckRefused CheckState = "refused"
)

// A Check is one fact about the target that bears on the run.
type Check struct {
	Name   string     `json:"name"`
	State  CheckState `json:"state"`
	Detail string     `json:"detail"`
	Hint   string     `json:"hint,omitempty"`
}

// facts are what the run needs to know of the server.
type facts struct {
	version  int
	database string
	user     string
	system   string // system identifier; "" when this role may not read it
	deadlock time.Duration
	seesAll  bool // the ages and states of other roles' sessions
	bypass   bool // this role is not bound by row security
}

// readFacts asks the server what it is.
func readFacts(ctx context.Context, s *session) (facts, bool, error) {
	var f facts
	var recovering bool
	var deadlock int64
	const about = `SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4, pg_catalog.current_database()::pg_catalog.text,
		current_user::pg_catalog.text, pg_catalog.pg_is_in_recovery(),
		(SELECT setting::pg_catalog.int8 FROM pg_catalog.pg_settings WHERE name = 'deadlock_timeout'),
		r.rolsuper OR pg_catalog.pg_has_role(r.oid, 'pg_read_all_stats', 'USAGE'), r.rolsuper OR r.rolbypassrls
		FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user`
	if err := s.one(ctx, about, nil, &f.version, &f.database, &f.user, &recovering, &deadlock, &f.seesAll, &f.bypass); err != nil {
		return f, false, fmt.Errorf("reading the server's facts: %w", err)
	}
	f.deadlock = time.Duration(deadlock) * time.Millisecond
	err := s.one(ctx, "SELECT system_identifier::pg_catalog.text FROM pg_catalog.pg_control_system()", nil, &f.system)
	if err != nil && pg.SQLState(err) != "42501" {
		return f, false, fmt.Errorf("reading the system identifier: %w", err)
	}
	return f, recovering, nil
}

// preflight checks what must hold before the first statement. What it refuses is a *PreflightError; everything else it
// found is in the checks, which are complete in both cases.
func preflight(ctx context.Context, s *session, p *plan.Plan, chosen func(int) bool) (facts, []Check, error) {
	f, recovering, err := readFacts(ctx, s)
	if err != nil {
		return f, nil, err
	}
	checks := serverChecks(f, recovering)
	for _, more := range []func(context.Context, *session, facts, []plan.Step) ([]Check, error){
		ownershipChecks, settingChecks, transactionChecks, eventTriggerChecks, forceChecks, diskChecks, replicationChecks,
	} {
		found, err := more(ctx, s, f, chosenSteps(p, chosen))
		if err != nil {
			return f, checks, err
		}
		checks = append(checks, found...)
	}
	var refused []Check
	for _, c := range checks {
		if c.State == CheckRefused {
			refused = append(refused, c)
		}
	}
	if len(refused) > 0 {
		return f, checks, &PreflightError{Refused: refused}
	}
	return f, checks, nil
}

func chosenSteps(p *plan.Plan, chosen func(int) bool) []plan.Step {
	var steps []plan.Step
	for i := range p.Steps {
		if chosen(i) {
			steps = append(steps, p.Steps[i])
		}
	}
	return steps
}

func serverChecks(f facts, recovering bool) []Check {
	checks := []Check{{Name: "connection", State: CheckOK, Detail: "direct, as " + f.user}}
	if v := pg.Version(f.version); v.Supported() {
		checks = append(checks, Check{Name: "version", State: CheckOK, Detail: "PostgreSQL " + v.String()})
	} else {
		checks = append(checks, Check{Name: "version", State: CheckRefused, Detail: "PostgreSQL " + v.String() + " is not supported",
			Hint: fmt.Sprintf("Use a server of version %d to %d.", pg.OldestSupported, pg.NewestSupported)})
	}
	if recovering {
		checks = append(checks, Check{Name: "recovery", State: CheckRefused, Detail: "the server is a standby and cannot be changed",
			Hint: "Connect to the primary."})
	}
	if !f.seesAll {
		checks = append(checks, Check{Name: "visibility", State: CheckUnknown,
			Detail: "the ages of other roles' transactions cannot be seen, so a lock may be tried for where waiting would be better",
			Hint:   "GRANT pg_read_all_stats TO " + pg.Ident(f.user) + ";"})
	}
	return checks
}

// ownershipChecks asks of every object whether this role may change it, and names the GRANT where it may not.
func ownershipChecks(ctx context.Context, s *session, f facts, steps []plan.Step) ([]Check, error) {
	const owner = `SELECT pg_catalog.pg_get_userbyid(c.relowner)::pg_catalog.text, pg_catalog.pg_has_role(c.relowner, 'USAGE')
		FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2`
	const fnOwner = `SELECT pg_catalog.pg_get_userbyid(f.proowner)::pg_catalog.text, pg_catalog.pg_has_role(f.proowner, 'USAGE')
		FROM pg_catalog.pg_proc AS f JOIN pg_catalog.pg_namespace AS n ON n.oid = f.pronamespace WHERE n.nspname = $1
		AND (SELECT identity FROM pg_catalog.pg_identify_object('pg_catalog.pg_proc'::pg_catalog.regclass, f.oid, 0)) = $2`
	type owned struct {
		Owner string
		Mine  bool
	}
	var checks []Check
	seen := map[string]bool{}
	for _, st := range steps {
		for _, object := range []string{st.Table, st.Object} {
			if object == "" || seen[object] {
				continue
			}
			seen[object] = true
			query := owner
			var args []any
			if n, ok := parseRel(object); ok {
				args = []any{n.schema, n.name}
			} else if n, ok := parseFunction(object); ok {
				query, args = fnOwner, []any{n.schema, object}
			} else {
				continue
			}
			found, err := rows(ctx, s, pgx.RowToStructByPos[owned], query, args...)
			if err != nil {
				return checks, fmt.Errorf("reading the owner of %s: %w", object, err)
			}
			if len(found) == 1 && !found[0].Mine {
				checks = append(checks, Check{Name: "ownership", State: CheckRefused,
					Detail: fmt.Sprintf("%s belongs to %s, and %s may not act for it", object, found[0].Owner, f.user),
					Hint:   fmt.Sprintf("GRANT %s TO %s;", pg.Ident(found[0].Owner), pg.Ident(f.user))})
			}
		}
	}
	return checks, nil
}

// settingChecks reports settings of the role or the database that would end statements or make transactions read-only:
// every session and transaction of a run overrides them.
func settingChecks(ctx context.Context, s *session, _ facts, _ []plan.Step) ([]Check, error) {
	const imposed = `SELECT CASE WHEN d.setrole = 0 THEN 'database' ELSE 'role' END, option
		FROM pg_catalog.pg_db_role_setting AS d, pg_catalog.unnest(d.setconfig) AS option
		WHERE d.setrole IN (0, (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user))
		AND d.setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()))
		AND pg_catalog.split_part(option, '=', 1) IN ('statement_timeout', 'lock_timeout', 'transaction_timeout', 'search_path',
		  'idle_in_transaction_session_timeout', 'idle_session_timeout', 'default_transaction_read_only', 'row_security', 'role')
		ORDER BY 1, 2`
	type setting struct{ Of, Option string }
	found, err := rows(ctx, s, pgx.RowToStructByPos[setting], imposed)
	if err != nil {
		return nil, fmt.Errorf("reading the settings of role and database: %w", err)
	}
	var checks []Check
	for _, o := range found {
		checks = append(checks, Check{Name: "settings", State: CheckNote,
			Detail: fmt.Sprintf("the %s sets %s; every transaction of this run overrides it", o.Of, o.Option)})
	}
	return checks, nil
}
