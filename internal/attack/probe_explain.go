package attack

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"
)

var explain = Probe{
	Name: "explain",
	Doc: `learn of another tenant's row from EXPLAIN ANALYZE

The plan of a query that returns nothing still tells how many rows the policy took away: with a condition on a column, whether
such a row exists.`,
	Command: "SELECT", Kind: "inference",
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		sql := "EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF, FORMAT JSON) SELECT 1 FROM " + t.Relation + " WHERE " + t.where()
		rows, err := t.query(ctx, tx, sql)
		if err != nil || len(rows) == 0 || rows[0][0] == nil {
			return false, err
		}
		var plans []struct{ Plan planNode }
		if err := json.Unmarshal([]byte(*rows[0][0]), &plans); err != nil || len(plans) == 0 {
			return false, fmt.Errorf("reading the plan: %v", err)
		}
		return plans[0].Plan.handled(t.Table.Relation.Tuples, true) > 0, nil
	},
}

// A planNode is the part of EXPLAIN's JSON that tells of rows.
type planNode struct {
	Rows    float64    `json:"Actual Rows"`
	Removed float64    `json:"Rows Removed by Filter"`
	Index   string     `json:"Index Name"`
	Plans   []planNode `json:"Plans"`
}

// handled counts the rows returned, and those a filter removed after an index had found them by the condition: a sequential
// scan removes every other row of the table too, and so tells nothing.
func (n planNode) handled(_ float64, top bool) float64 {
	var sum float64
	if top {
		sum = n.Rows
	}
	if n.Index != "" {
		sum += n.Removed
	}
	for _, p := range n.Plans {
		sum += p.handled(0, false)
	}
	return sum
}
