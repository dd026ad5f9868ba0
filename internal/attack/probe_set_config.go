package attack

import (
	"context"

	"github.com/jackc/pgx/v5"
)

var setConfig = Probe{
	Name: "set_config",
	Doc: `take another tenant's context with SQL of one's own

A plain setting is self-asserted: SQL that is injected into the application, or options given when connecting, choose any
tenant. Only a signed context, or a login for each tenant, keeps them out.`,
	Command: "SELECT", Kind: "isolation", Informational: true,
	Applies: func(t *Target) bool { return len(t.Owner.Context) > 0 },
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		taken := Tenant{Context: map[string]string{}}
		for name, v := range t.Owner.Context {
			taken.Context[name] = v
			if mine, signed := t.Actor.Context[name], t.s.signed(name); signed && !t.control() {
				taken.Context[name] = forge(mine, t.Actor.Value, t.Owner.Value)
			}
		}
		t.s.statements = append(t.s.statements, contextSQL(taken))
		if err := t.s.setContext(ctx, tx, taken); err != nil {
			return false, err
		}
		return tryRead(ctx, tx, t)
	},
}
