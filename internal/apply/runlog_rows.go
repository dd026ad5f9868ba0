package apply

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/plan"
)

// Directions of a step.
const (
	dirDo        = "do"
	dirUndo      = "undo"
	dirEmergency = "emergency"
)

// States of an attempt in the run log.
const (
	stateExecuting = "executing" // intent; the end is not known yet
	stateEffected  = "effected"
	stateAlready   = "already"
	stateUndone    = "undone"
	stateRetry     = "retry"
	stateHeld      = "held"
	stateFailed    = "failed"
)

// A logRow is one attempt at one step.
type logRow struct {
	Run       string            `json:"run"`
	Plan      string            `json:"plan"`
	Ordinal   int               `json:"ordinal"`
	Step      string            `json:"step"`
	Table     string            `json:"table,omitempty"`
	Direction string            `json:"direction"`
	Attempt   int               `json:"attempt"`
	State     string            `json:"state"`
	Fence     int64             `json:"fence"`
	XID       string            `json:"xid,omitempty"`
	PID       int32             `json:"backend_pid,omitempty"`
	Backend   string            `json:"backend_start,omitempty"`
	SQLState  string            `json:"sqlstate,omitempty"`
	Rows      int64             `json:"row_count,omitempty"`
	Blockers  []Blocker         `json:"blockers,omitempty"`
	Objects   map[string]string `json:"objects,omitempty"` // digests after the attempt
}

// besideKnown tells whether what the attempt changed beside its own objects was written down.
func (row *logRow) besideKnown() bool {
	_, known := row.Objects[besideLearned]
	return known
}

// jsonText writes a value for a jsonb parameter; empty ones become NULL.
func jsonText[T any](v T, empty bool) any {
	if empty {
		return nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil // the types marshalled here cannot fail
	}
	return string(b)
}

// insertRow writes an attempt. Inside a step's transaction it names the transaction, and its number is returned.
func insertRow(ctx context.Context, s *session, row *logRow, inTx txState) error {
	const insert = `INSERT INTO ringfence.apply_step (run, plan, ordinal, step, table_name, direction, attempt, state, fence, backend_pid,
		backend_start, sqlstate, row_count, blockers, objects, started_at, ended_at, xid)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14::pg_catalog.jsonb, $15::pg_catalog.jsonb,
		  pg_catalog.now(), CASE WHEN $8 = 'executing' THEN NULL ELSE pg_catalog.clock_timestamp() END,
		  CASE WHEN $16 THEN pg_catalog.pg_current_xact_id() END)
		RETURNING COALESCE(xid::pg_catalog.text, '')`
	err := s.one(ctx, insert, []any{row.Run, row.Plan, row.Ordinal, row.Step, row.Table, row.Direction, row.Attempt, row.State, row.Fence,
		row.PID, row.Backend, row.SQLState, row.Rows, jsonText(row.Blockers, len(row.Blockers) == 0),
		jsonText(row.Objects, row.Objects == nil), inTx == insideTx}, &row.XID)
	if err != nil {
		return fmt.Errorf("writing the run log: %w", err)
	}
	return nil
}

// txState tells insertRow whether it stands in the step's own transaction.
type txState int

const (
	autocommit txState = iota
	insideTx
)

// endRow gives an attempt that was written as intent its end.
func endRow(ctx context.Context, s *session, row *logRow) error {
	const update = `UPDATE ringfence.apply_step SET state = $1, sqlstate = $2, row_count = $3, blockers = $4::pg_catalog.jsonb,
		objects = $5::pg_catalog.jsonb, ended_at = CASE WHEN $1 = 'executing' THEN NULL ELSE pg_catalog.clock_timestamp() END,
		xid = COALESCE(NULLIF($10, '')::pg_catalog.xid8, xid)
		WHERE run = $6 AND ordinal = $7 AND direction = $8 AND attempt = $9`
	tag, err := s.execTag(ctx, update, row.State, row.SQLState, row.Rows, jsonText(row.Blockers, len(row.Blockers) == 0),
		jsonText(row.Objects, row.Objects == nil), row.Run, row.Ordinal, row.Direction, row.Attempt, row.XID)
	if err != nil {
		return fmt.Errorf("writing the run log: %w", err)
	}
	if tag.RowsAffected() != 1 {
		return fmt.Errorf("writing the run log: the row of run %s, step %d is gone", row.Run, row.Ordinal)
	}
	return nil
}

// A history is what the run log knows of a plan.
type history struct {
	steps    map[string]*stepHistory // by step id
	expected map[string]string       // digest of each object, as the plan's last change left it
	opened   map[string]int64        // table → fence of the last emergency return on it
	undone   map[string]int64        // table → fence of the last step taken back on it
	last     *logRow                 // the last step that was done or taken back
	bound    bool                    // an earlier run found the database as the plan expects it
}

// A stepHistory is what the run log knows of one step.
type stepHistory struct {
	state string // of the last attempt: effected, already, undone, executing, or a failure; "" before the first
	fence int64
	tried bool     // an attempt at doing it was begun
	rows  int64    // changed by its back-fill
	open  []logRow // attempts whose end nobody wrote down
	xid   string
}

func (h *history) step(id string) *stepHistory {
	if h.steps[id] == nil {
		h.steps[id] = &stepHistory{}
	}
	return h.steps[id]
}

// Interrupted reports whether the latest run of the plan was an application that ended before its end: killed, stopped or held. To
// apply the plan then goes on with what was begun. It needs no run log; without one nothing was.
func Interrupted(ctx context.Context, conn *pgx.Conn, p *plan.Plan) (bool, error) {
	id, err := PlanID(p)
	if err != nil {
		return false, err
	}
	var there, begun bool
	if err := conn.QueryRow(ctx, "SELECT pg_catalog.to_regclass('ringfence.apply_run') IS NOT NULL").Scan(&there); err != nil || !there {
		return false, err
	}
	const latest = `SELECT COALESCE((SELECT kind = 'apply' AND state NOT IN ('ended', 'refused') FROM ringfence.apply_run WHERE plan = $1 ORDER BY fence DESC LIMIT 1), false)`
	err = conn.QueryRow(ctx, latest, id).Scan(&begun)
	return begun, err
}

// readHistory reads what earlier runs of the plan did, oldest first.
func readHistory(ctx context.Context, s *session, planID string) (*history, error) {
	h := &history{steps: map[string]*stepHistory{}, expected: map[string]string{}, opened: map[string]int64{}, undone: map[string]int64{}}
	baselines, err := rows(ctx, s, pgx.RowTo[map[string]string],
		"SELECT objects FROM ringfence.apply_run WHERE plan = $1 AND objects IS NOT NULL ORDER BY fence LIMIT 1", planID)
	if err != nil {
		return nil, fmt.Errorf("reading the run log: %w", err)
	}
	if len(baselines) > 0 {
		h.bound, h.expected = true, baselines[0]
	}
	const attempts = `SELECT run, plan, ordinal, step, COALESCE(table_name, ''), direction, attempt, state, fence, COALESCE(xid::pg_catalog.text, ''),
		COALESCE(backend_pid, 0), COALESCE(backend_start, ''), COALESCE(sqlstate, ''), COALESCE(row_count, 0),
		COALESCE(blockers, '[]'), COALESCE(objects, '{}')
		FROM ringfence.apply_step WHERE plan = $1 ORDER BY fence, COALESCE(ended_at, started_at), ordinal, attempt`
	all, err := rows(ctx, s, pgx.RowToStructByPos[logRow], attempts, planID)
	if err != nil {
		return nil, fmt.Errorf("reading the run log: %w", err)
	}
	for _, row := range all {
		h.add(row)
	}
	return h, nil
}

// add takes one attempt into account; attempts come oldest first.
func (h *history) add(row logRow) {
	for object, digest := range row.Objects {
		if object != besideLearned {
			h.expected[object] = digest
		}
	}
	if row.State == stateEffected || row.State == stateUndone {
		h.last = &row
	}
	if row.Direction == dirEmergency {
		if row.State == stateEffected {
			h.opened[row.Table] = row.Fence
		}
		return
	}
	st := h.step(row.Step)
	if row.Direction == dirDo {
		st.tried = st.tried || row.State != stateAlready
		st.rows += row.Rows
	}
	switch row.State {
	case stateEffected, stateAlready:
		st.state, st.fence, st.xid, st.open = row.State, row.Fence, row.XID, nil
	case stateUndone:
		*st = stepHistory{state: row.State, fence: row.Fence, xid: row.XID}
		h.undone[row.Table] = row.Fence
	case stateExecuting:
		st.open = append(st.open, row)
		if st.state == "" {
			st.state = row.State
		}
	}
}
