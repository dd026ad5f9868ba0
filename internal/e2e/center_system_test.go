//go:build system

package e2e

import (
	"testing"

	"github.com/ringfencehq/ringfence/examples/callcenter"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// center is reference system B, small. Its unique e-mail spans all tenants: nothing but its people can decide to change that.
var center = system{name: "callcenter", config: string(callcenter.Config), owner: pg.Superuser, clean: "high", load: loadCenter, allow: []string{"--allow", "drop_policy"}, undo: []string{"--allow", "locks_partitions"},
	writer: `UPDATE callcenter.telnyx_call_events SET id = id WHERE false; LOCK TABLE callcenter.telnyx_call_events IN ROW EXCLUSIVE MODE`}

func loadCenter(t testing.TB, db *pgtest.Database) {
	t.Helper()
	pgtest.LoadSQL(t, db, callcenter.Schema)
	pgtest.LoadSQL(t, db, "SET seed.organizations = '4'; SET seed.events = '400';\n"+callcenter.Seed)
}
