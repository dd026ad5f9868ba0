package monitor

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/live"
	"github.com/ringfencehq/ringfence/internal/metrics"
)

// statement is what pg_stat_statements counted of one: its text is not read, since it may hold values.
type statement struct {
	calls, rows int64
	gave        bool // rows came at some time before
}

// leastCalls is how often a statement must have run since the last look before no rows at all says something.
const leastCalls = 5

var statementsCheck = Check{
	Name: "statements",
	Doc: `rows per call, from pg_stat_statements: bad where a statement that gave rows ran at least five times since the last run and gave none,
which is what a policy or a missing context does to it; unknown without the extension`,
	Run: func(ctx context.Context, e *eye) Result {
		now, err := readStatements(ctx, e.conn)
		if err != nil {
			return unknown("%v", err)
		}
		before := e.kept.statements
		e.kept.statements = now
		var fallen []string
		for id, s := range now {
			was, ok := before[id]
			if ok && s.calls >= was.calls { // else the statistics were reset in between
				s.gave = was.gave || s.rows > 0
				if s.calls-was.calls >= leastCalls && s.rows == was.rows && was.gave {
					fallen = append(fallen, strconv.FormatInt(id, 10))
				}
			}
			now[id] = s
		}
		e.o.Stats.Set(metrics.MonitorZeroRows, float64(len(fallen)))
		switch {
		case before == nil:
			r := unknown("there is no earlier run to compare with")
			r.Quiet = true
			return r
		case len(fallen) > 0:
			r := bad("%d statements give no rows any more", len(fallen))
			r.Details = map[string]string{"queryid": strings.Join(fallen, ", ")}
			return r
		}
		return fine("no statement fell to no rows")
	},
}

// statementsMost bounds how many statements are compared: those called most.
const statementsMost = 50000

// readStatements reads the counts of this database's statements, whoever ran them.
func readStatements(ctx context.Context, conn *pgx.Conn) (map[int64]statement, error) {
	schema, err := live.StatementsSchema(ctx, conn)
	if err != nil {
		return nil, err
	}
	if schema == "" {
		return nil, errors.New("pg_stat_statements is not installed in this database")
	}
	all, err := live.Statements(ctx, conn, schema, nil, statementsMost)
	if err != nil {
		return nil, err
	}
	out := map[int64]statement{}
	for _, s := range all {
		sum := out[s.ID]
		sum.calls, sum.rows = sum.calls+s.Calls, sum.rows+s.Rows
		sum.gave = sum.rows > 0
		out[s.ID] = sum
	}
	return out, nil
}
