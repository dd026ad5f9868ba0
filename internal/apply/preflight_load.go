package apply

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/english"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/plan"
)

// longTransaction is the age from which preflight reports a transaction.
const longTransaction = time.Minute

// transactionChecks reports transactions that locks and builds would wait for.
func transactionChecks(ctx context.Context, s *session, _ facts, _ []plan.Step) ([]Check, error) {
	old, err := oldTransactions(ctx, s, relName{}, longTransaction)
	if err != nil {
		return nil, err
	}
	var checks []Check
	for _, b := range old {
		checks = append(checks, Check{Name: "long transaction", State: CheckNote, Detail: b.String()})
	}
	const prepared = `SELECT gid, owner::pg_catalog.text, EXTRACT(epoch FROM pg_catalog.clock_timestamp() - prepared)::pg_catalog.float8
		FROM pg_catalog.pg_prepared_xacts WHERE database = pg_catalog.current_database() ORDER BY prepared`
	type waiting struct {
		GID, Owner string
		Age        float64
	}
	found, err := rows(ctx, s, pgx.RowToStructByPos[waiting], prepared)
	if err != nil {
		return checks, fmt.Errorf("reading prepared transactions: %w", err)
	}
	for _, p := range found {
		checks = append(checks, Check{Name: "prepared transaction", State: CheckNote,
			Detail: Blocker{Prepared: p.GID, User: p.Owner, AgeSeconds: p.Age, Mode: "its locks"}.String(),
			Hint:   "It never ends by itself: COMMIT PREPARED or ROLLBACK PREPARED " + pg.Literal(p.GID) + ";"})
	}
	return checks, nil
}

// eventTriggerChecks reports code of others that runs inside our statements.
func eventTriggerChecks(ctx context.Context, s *session, _ facts, _ []plan.Step) ([]Check, error) {
	const enabled = `SELECT e.evtname::pg_catalog.text, e.evtevent::pg_catalog.text, i.identity FROM pg_catalog.pg_event_trigger AS e,
		LATERAL pg_catalog.pg_identify_object('pg_catalog.pg_proc'::pg_catalog.regclass, e.evtfoid, 0) AS i
		WHERE e.evtenabled <> 'D' ORDER BY 1`
	type trigger struct{ Name, Event, Function string }
	found, err := rows(ctx, s, pgx.RowToStructByPos[trigger], enabled)
	if err != nil {
		return nil, fmt.Errorf("reading event triggers: %w", err)
	}
	var checks []Check
	for _, t := range found {
		checks = append(checks, Check{Name: "event trigger", State: CheckNote,
			Detail: fmt.Sprintf("%s runs %s at %s, inside the steps that meet it", t.Name, t.Function, t.Event)})
	}
	return checks, nil
}

// forceChecks looks at what FORCE does to this very role: a back-fill behind it would see nothing, or fail.
func forceChecks(_ context.Context, _ *session, f facts, steps []plan.Step) ([]Check, error) {
	if f.bypass {
		return nil, nil
	}
	var checks []Check
	forced := map[string]bool{}
	for _, st := range steps {
		if st.Batch > 0 && forced[st.Table] {
			checks = append(checks, Check{Name: "force", State: CheckRefused,
				Detail: fmt.Sprintf("the back-fill %s comes after FORCE on %s, and %s cannot bypass row security", st.ID, st.Table, f.user),
				Hint:   "Plan FORCE last, or connect as a role with BYPASSRLS."})
		}
		if !forces(st.Do) || forced[st.Table] {
			continue
		}
		forced[st.Table] = true
		checks = append(checks, Check{Name: "force", State: CheckNote,
			Detail: fmt.Sprintf("once %s is forced, %s cannot read all of its rows: dumps, back-fills and counts need a role with BYPASSRLS", st.Table, f.user)})
	}
	return checks, nil
}

// forces tells whether statements force row security.
func forces(sql []string) bool {
	for _, s := range sql {
		if hasWords(s, "force", "row", "level", "security") && !hasWords(s, "no", "force", "row", "level", "security") {
			return true
		}
	}
	return false
}

// enables tells whether statements enable row security.
func enables(sql []string) bool {
	for _, s := range sql {
		if hasWords(s, "enable", "row", "level", "security") {
			return true
		}
	}
	return false
}

// diskChecks says what it cannot know: PostgreSQL does not tell how much room its disk has.
func diskChecks(ctx context.Context, s *session, _ facts, steps []plan.Step) ([]Check, error) {
	var builds int
	var size int64
	seen := map[relName]bool{}
	for _, st := range steps {
		for _, sql := range st.Do {
			ix, ok := parseIndexStatement(sql)
			if !ok || !ix.create {
				continue
			}
			builds++
			if seen[ix.table] {
				continue
			}
			seen[ix.table] = true
			sizes, err := rows(ctx, s, pgx.RowTo[int64], `SELECT pg_catalog.pg_table_size(c.oid) FROM pg_catalog.pg_class AS c
				JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2`, ix.table.schema, ix.table.name)
			if err != nil {
				return nil, fmt.Errorf("reading the size of %s: %w", ix.table.quoted(), err)
			}
			for _, n := range sizes {
				size += n
			}
		}
	}
	if builds == 0 {
		return nil, nil
	}
	return []Check{{Name: "disk", State: CheckUnknown,
		Detail: fmt.Sprintf("the free disk space cannot be read from here; the build of %s, on tables of %d MB, needs room beside them", english.Count(builds, "index"), size>>20),
		Hint:   "Make sure of the room. A build that runs out of it is dropped, and held."}}, nil
}

// replicationChecks reports subscriptions, whose apply workers write as their owner, and replicas that lag.
func replicationChecks(ctx context.Context, s *session, f facts, _ []plan.Step) ([]Check, error) {
	var checks []Check
	subscriptions, err := rows(ctx, s, pgx.RowTo[string], `SELECT u.subname::pg_catalog.text FROM pg_catalog.pg_stat_subscription AS u
		WHERE u.pid IS NOT NULL GROUP BY 1 ORDER BY 1`)
	if err != nil {
		return nil, fmt.Errorf("reading subscriptions: %w", err)
	}
	for _, name := range subscriptions {
		checks = append(checks, Check{Name: "subscription", State: CheckNote,
			Detail: "the subscription " + name + " writes here; row security on its tables needs an owner that bypasses it"})
	}
	if !f.seesAll {
		return append(checks, Check{Name: "replicas", State: CheckUnknown, Detail: "the lag of replicas cannot be seen, so back-fills do not wait for them",
			Hint: "GRANT pg_read_all_stats TO " + pg.Ident(f.user) + ";"}), nil
	}
	return checks, nil
}
