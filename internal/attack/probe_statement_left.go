package attack

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
)

var statementLeft = Probe{
	Name: "statement_left",
	Doc: `define anew a prepared statement that another tenant's request runs

Prepared statements belong to the connection. A request that runs SQL of its own gives the name another meaning, and the next
tenant's EXECUTE writes where the first one reads: the statement chooses the tenant by the setting. DISCARD ALL between clients,
or names that the pooler manages, prevent it; so does a context that SQL cannot choose.`,
	Command: "INSERT", Kind: "isolation", Writes: true, Informational: true,
	Applies: func(t *Target) bool { return !t.vacate && t.Spare != nil && t.Ours != nil },
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		row := t.Ours
		if t.control() {
			row = t.Spare
		}
		const name = "ringfence_save"
		defer func() { _, _ = t.exec(context.WithoutCancel(ctx), tx, "DEALLOCATE "+name) }()
		if _, err := t.query(ctx, tx, "PREPARE "+name+" AS "+t.misled(row)); err != nil {
			return false, err
		}
		if err := t.switchTo(ctx, tx, t.Owner); err != nil { // the next request on the connection is the owner's
			return false, err
		}
		if _, err := t.query(ctx, tx, "EXECUTE "+name); err != nil {
			return false, err
		}
		return t.exists(ctx, tx, sortedKeys(row), row)
	},
}

// misled is an INSERT of the row that first takes the actor's context for its own.
func (t *Target) misled(row map[string]*string) string {
	insert := t.insert(row)
	if len(t.Actor.Context) == 0 {
		return insert
	}
	var set []string
	for _, k := range sortedKeys(t.Actor.Context) {
		set = append(set, "pg_catalog.set_config("+pg.Literal(k)+", "+pg.Literal(t.Actor.Context[k])+", true)")
	}
	head, values, ok := strings.Cut(insert, " VALUES (")
	if !ok {
		return insert
	}
	return "WITH chosen AS MATERIALIZED (SELECT " + strings.Join(set, ", ") + ") " + head + " SELECT " + strings.TrimSuffix(values, ")") + " FROM chosen"
}
