package bench

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
)

// Options say what to time and how often. Conn's role must not be bound by row security, and be able to become each target's Role.
type Options struct {
	Conn    *pgx.Conn
	Targets []Target
	// Enter makes the transaction's session a tenant's: the settings and their values.
	Enter     func(tenant string) map[string]string
	Runs      int           // kept, of each way; 15
	WarmUp    int           // not kept; 3
	Statement time.Duration // limit of one statement; 10 s
	// Child finds the tenant of a row whose table has no key of its own: one text, by the row's own key as text parameters; "" for none.
	Child func(t Target) string
	// Step is told which case comes next; nil for silence.
	Step func(done, total int, what string)
}

// Run times every query of every target. It reads only, a transaction for each run. The error is a connection's; what concerns one
// case is its Unknown.
func Run(ctx context.Context, o Options) (*Document, error) {
	o.Runs, o.WarmUp, o.Statement = cmp.Or(o.Runs, 15), cmp.Or(o.WarmUp, 3), cmp.Or(o.Statement, 10*time.Second)
	if o.Step == nil {
		o.Step = func(int, int, string) {}
	}
	d := &Document{Schema: SchemaVersion, Bench: []Case{}}
	for i := range o.Targets {
		t := &o.Targets[i]
		o.Step(i, len(o.Targets), t.Table)
		cases, err := o.table(ctx, t)
		if err != nil {
			return nil, err
		}
		d.Bench = append(d.Bench, cases...)
	}
	d.summarize()
	return d, nil
}

// table times the queries of one table.
func (o *Options) table(ctx context.Context, t *Target) ([]Case, error) {
	tenant, id, why, err := o.sample(ctx, t)
	if err != nil {
		return nil, err
	}
	var out []Case
	for _, q := range queries {
		sql := q.sql(t)
		if sql == "" {
			continue
		}
		c := Case{Table: t.Table, Query: q.name, SQL: sql, Role: t.Role, Policy: t.Policy, Unknown: why}
		if why == "" {
			args := []any{}
			if t.Key != "" {
				args = append(args, tenant)
			}
			if q.name == "key_lookup" {
				for _, v := range id {
					args = append(args, v)
				}
			}
			if err := o.time(ctx, t, &c, tenant, args); err != nil {
				return nil, err
			}
		}
		out = append(out, c)
	}
	return out, nil
}

// sample chooses a tenant and one of its rows.
func (o *Options) sample(ctx context.Context, t *Target) (tenant string, id []string, why string, err error) {
	var found *string
	err = o.as(ctx, "", "", func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, t.sampleSQL()).Scan(&found, &id)
		if err != nil || found != nil || o.Child == nil {
			return err
		}
		if sql := o.Child(*t); sql != "" {
			args := make([]any, len(id))
			for i, v := range id {
				args[i] = v
			}
			return tx.QueryRow(ctx, sql, args...).Scan(&found)
		}
		return nil
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return "", nil, "the table holds no row of any tenant", nil
	case err != nil:
		why, err := unknown(ctx, err)
		return "", nil, why, err
	case found == nil:
		return "", nil, "the tenant of its rows is not known", nil
	}
	return *found, id, "", nil
}

// as runs fn in a read-only transaction of its own: as the connection's role without row security, or as role in a tenant's context.
func (o *Options) as(ctx context.Context, role, tenant string, fn func(pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, o.Conn, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		set := fmt.Sprintf("SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL statement_timeout = %d; SET LOCAL lock_timeout = 1000; ", o.Statement.Milliseconds())
		if role == "" {
			set += "SET LOCAL row_security = off"
		} else {
			for name, value := range o.Enter(tenant) {
				set += fmt.Sprintf("SELECT pg_catalog.set_config(%s, %s, true); ", pg.Literal(name), pg.Literal(value))
			}
			set += "SET LOCAL ROLE " + pg.Ident(role)
		}
		if _, err := tx.Exec(ctx, set, pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
		return fn(tx)
	})
}

// time runs a case in both ways in turns, and asks for the application's plan.
func (o *Options) time(ctx context.Context, t *Target, c *Case, tenant string, args []any) error {
	var with, without []time.Duration
	for run := range o.Runs + o.WarmUp {
		ways := []string{"", t.Role}
		if run%2 == 1 {
			ways = []string{t.Role, ""}
		}
		for _, role := range ways {
			took, err := o.once(ctx, role, tenant, c.SQL, args)
			if err != nil {
				c.Unknown, err = unknown(ctx, err)
				return err
			}
			if run < o.WarmUp {
				continue
			}
			if role == "" {
				without = append(without, took)
			} else {
				with = append(with, took)
			}
		}
	}
	plan, err := o.explain(ctx, t, tenant, c.SQL, args)
	if err != nil {
		c.Unknown, err = unknown(ctx, err)
		return err
	}
	c.With, c.Without, c.Plan = Sum(with), Sum(without), plan
	c.judge()
	return nil
}

// once times one run: planning, execution and reading the result; planned anew, as for a statement that was not prepared.
func (o *Options) once(ctx context.Context, role, tenant, sql string, args []any) (took time.Duration, err error) {
	err = o.as(ctx, role, tenant, func(tx pgx.Tx) error {
		began := time.Now()
		rows, err := tx.Query(ctx, sql, append([]any{pgx.QueryExecModeExec}, args...)...)
		if err != nil {
			return err
		}
		for rows.Next() {
		}
		took = time.Since(began)
		return rows.Err()
	})
	return took, err
}

// unknown says in words why the server would not answer, and gives back what is no answer of the server's.
func unknown(ctx context.Context, err error) (string, error) {
	state := pg.SQLState(err)
	switch {
	case state == "" || ctx.Err() != nil:
		return "", fmt.Errorf("timing a query: %w", err)
	case state == "42501":
		return "permission denied: the session's role has to see all rows and be able to become the application's", nil
	case state == "57014":
		return "a statement took longer than allowed", nil
	}
	return "the server refused it with SQLSTATE " + state, nil
}

// node is what EXPLAIN says of a plan's node.
type node struct {
	Type    string  `json:"Node Type"`
	Name    string  `json:"Relation Name"`
	Index   string  `json:"Index Name"`
	Rows    float64 `json:"Actual Rows"`
	Loops   float64 `json:"Actual Loops"`
	Removed float64 `json:"Rows Removed by Filter"`
	Hit     float64 `json:"Shared Hit Blocks"` // with those of the nodes below
	Read    float64 `json:"Shared Read Blocks"`
	Plans   []node  `json:"Plans"`
}

// explain asks for the plan that the application's role gets.
func (o *Options) explain(ctx context.Context, t *Target, tenant, sql string, args []any) (*Plan, error) {
	var text string
	err := o.as(ctx, t.Role, tenant, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, "EXPLAIN (ANALYZE, BUFFERS, TIMING off, FORMAT JSON) "+sql, append([]any{pgx.QueryExecModeExec}, args...)...).Scan(&text)
	})
	if err != nil {
		return nil, err
	}
	var top []struct{ Plan node }
	if err := json.Unmarshal([]byte(text), &top); err != nil || len(top) == 0 {
		return nil, fmt.Errorf("reading a query's plan: %w", err)
	}
	p := &Plan{Indexes: []string{}, Rows: top[0].Plan.Rows, Blocks: top[0].Plan.Hit + top[0].Plan.Read}
	p.walk(top[0].Plan)
	return p, nil
}

// walk notes the first node that reads a table, the indexes and what filters drop.
func (p *Plan) walk(n node) {
	if p.Node == "" && (n.Name != "" || strings.Contains(n.Type, "Scan")) && n.Type != "Subquery Scan" {
		p.Node = n.Type
	}
	if n.Index != "" && n.Loops > 0 {
		p.Indexes = append(p.Indexes, n.Index)
	}
	p.Removed += n.Removed * max(1, n.Loops)
	for _, below := range n.Plans {
		p.walk(below)
	}
}
