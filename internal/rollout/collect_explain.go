package rollout

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/bench"
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/harden"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

var indexPlanned = Collector{Name: "index_planned", How: "EXPLAIN on the rehearsed copy, as the application's role, in a tenant's context", Holds: 24 * time.Hour, Collect: collectIndexPlanned}

// An Explained is by which index the planner finds a tenant's rows of one table under its policy.
type Explained struct {
	Table string `json:"table"`
	Role  string `json:"role"`
	Index string `json:"index"` // "": none, every row is looked at
}

// explain asks the planner, for each table whose policy binds the application and whose tenant stands in one column, how it finds a tenant's
// rows where it may not simply read them all: on a copy without rows it always would.
func explain(ctx context.Context, conn *pgx.Conn, m *tenancy.Model) ([]Explained, error) {
	out := []Explained{}
	for _, b := range harden.BenchTargets(m) {
		if !b.Policy || b.Key == "" {
			continue
		}
		e, err := explainOne(ctx, conn, m, b)
		if err != nil {
			return nil, fmt.Errorf("explaining %s: %w", b.Table, err)
		}
		out = append(out, e)
	}
	return out, nil
}

// someTenant is a value of a key's type: the planner may look at what a context holds.
func someTenant(kind string) string {
	switch {
	case strings.HasSuffix(kind, "uuid"):
		return "00000000-0000-4000-8000-000000000001"
	case strings.HasSuffix(kind, "int"), strings.HasSuffix(kind, "integer"), strings.HasPrefix(kind, "numeric"):
		return "1"
	}
	return "tenant"
}

func explainOne(ctx context.Context, conn *pgx.Conn, m *tenancy.Model, b bench.Target) (Explained, error) {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return Explained{}, err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	set := []string{"SET LOCAL enable_seqscan = off", "SET LOCAL ROLE " + pg.Ident(b.Role)}
	for name, value := range harden.EnterContext(m, "")(someTenant(b.Type)) {
		set = append(set, fmt.Sprintf("SELECT pg_catalog.set_config(%s, %s, true)", pg.Literal(name), pg.Literal(value)))
	}
	if _, err := tx.Exec(ctx, strings.Join(set, "; "), pgx.QueryExecModeSimpleProtocol); err != nil {
		return Explained{}, err
	}
	var text string
	if err := tx.QueryRow(ctx, "EXPLAIN (FORMAT JSON) SELECT * FROM "+pg.Ident(b.Schema, b.Name), pgx.QueryExecModeSimpleProtocol).Scan(&text); err != nil {
		return Explained{}, err
	}
	var top []struct{ Plan planNode }
	if err := json.Unmarshal([]byte(text), &top); err != nil || len(top) == 0 {
		return Explained{}, fmt.Errorf("reading a query's plan: %w", err)
	}
	return Explained{Table: b.Table, Role: b.Role, Index: top[0].Plan.index(b.Key)}, nil
}

// planNode is what EXPLAIN says of a node.
type planNode struct {
	Index string     `json:"Index Name"`
	Cond  string     `json:"Index Cond"`
	Plans []planNode `json:"Plans"`
}

// index is the first one that is searched by the key.
func (n *planNode) index(key string) string {
	if n.Index != "" && strings.Contains(n.Cond, catalog.QuoteIdent(key)+" ") {
		return n.Index
	}
	for i := range n.Plans {
		if found := n.Plans[i].index(key); found != "" {
			return found
		}
	}
	return ""
}

func collectIndexPlanned(ctx context.Context, t *Target) Finding {
	r := t.rehearse(ctx)
	switch {
	case r.err != nil || r.model == nil:
		return unknown("the plan was not rehearsed to its end")
	case r.explainErr != nil:
		return unknown("the planner could not be asked: %v", r.explainErr)
	}
	none := slices.DeleteFunc(slices.Clone(r.explained), func(e Explained) bool { return e.Index != "" })
	f := known(len(none) == 0, fmt.Sprintf("%d of %d tables", len(r.explained)-len(none), len(r.explained)), "under its policy the planner finds a tenant's rows by an index on the tenant, as the application's role")
	if len(none) > 0 {
		f.Why = fmt.Sprintf("the rows of a tenant are found by reading all of %s", none[0].Table)
	}
	f.Raw = r.explained
	return f
}
