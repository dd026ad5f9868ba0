package catalog_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

func TestIdentityIsTheServers(t *testing.T) {
	testIdentity(t, everything(t, 0))
}

func testIdentity(t *testing.T, db *pgtest.Database) {
	want := map[string]string{}
	for _, row := range db.Query(t, serverIdentities) {
		want[row[0]+" "+row[1]] = row[2]
	}
	got := identities(read(t, db.Super))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("identities differ (-server +ours):\n%s", diff)
	}
	for _, kind := range []string{"relation", "column", "policy", "trigger", "rule", "constraint", "index", "function", "operator", "type", "role", "schema"} {
		found := false
		for key := range got {
			found = found || len(key) > len(kind) && key[:len(kind)] == kind
		}
		if !found {
			t.Errorf("the fixture has no %s", kind)
		}
	}
}

// serverIdentities names every user-defined object of the kinds that have an identity.
const serverIdentities = `
	WITH ns AS (SELECT oid FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'),
	rel AS (SELECT oid, relkind FROM pg_class WHERE relnamespace IN (SELECT oid FROM ns) AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c')),
	o(kind, class, id, sub) AS (
		SELECT 'relation', 'pg_class', oid, 0 FROM rel WHERE relkind <> 'c'
		UNION ALL SELECT 'column', 'pg_class', attrelid, attnum FROM pg_attribute WHERE attrelid IN (SELECT oid FROM rel WHERE relkind <> 'c') AND attnum > 0 AND NOT attisdropped
		UNION ALL SELECT 'policy', 'pg_policy', oid, 0 FROM pg_policy
		UNION ALL SELECT 'trigger', 'pg_trigger', oid, 0 FROM pg_trigger WHERE NOT tgisinternal
		UNION ALL SELECT 'rule', 'pg_rewrite', oid, 0 FROM pg_rewrite WHERE ev_class IN (SELECT oid FROM rel)
		UNION ALL SELECT 'constraint', 'pg_constraint', oid, 0 FROM pg_constraint WHERE conrelid IN (SELECT oid FROM rel)
		UNION ALL SELECT 'index', 'pg_class', indexrelid, 0 FROM pg_index WHERE indrelid IN (SELECT oid FROM rel)
		UNION ALL SELECT 'function', 'pg_proc', oid, 0 FROM pg_proc WHERE pronamespace IN (SELECT oid FROM ns)
		UNION ALL SELECT 'operator', 'pg_operator', oid, 0 FROM pg_operator WHERE oprnamespace IN (SELECT oid FROM ns)
		UNION ALL SELECT 'type', 'pg_type', oid, 0 FROM pg_type WHERE typnamespace IN (SELECT oid FROM ns)
		UNION ALL SELECT 'schema', 'pg_namespace', oid, 0 FROM ns
		UNION ALL SELECT 'role', 'pg_authid', oid, 0 FROM pg_roles)
	SELECT kind, id::text || ',' || sub, (pg_identify_object(class::regclass, id, sub)).identity FROM o`

func identities(s *catalog.Snapshot) map[string]string {
	out := map[string]string{}
	for i := range s.Relations {
		if r := &s.Relations[i]; !r.System && r.Kind != catalog.Composite {
			relationIdentities(r, out)
		}
	}
	for i := range s.Functions {
		if f := &s.Functions[i]; !f.System {
			out[key("function", f.OID, 0)] = f.Identity()
		}
	}
	for i := range s.Operators {
		if o := &s.Operators[i]; !o.System {
			out[key("operator", o.OID, 0)] = o.Identity()
		}
	}
	for i := range s.Types {
		if o := &s.Types[i]; !o.System {
			out[key("type", o.OID, 0)] = o.Identity()
		}
	}
	for i := range s.Schemas {
		if n := &s.Schemas[i]; n.Name != "pg_catalog" && n.Name != "information_schema" {
			out[key("schema", n.OID, 0)] = n.Identity()
		}
	}
	for i := range s.Roles {
		out[key("role", s.Roles[i].OID, 0)] = s.Roles[i].Identity()
	}
	return out
}

func relationIdentities(r *catalog.Relation, out map[string]string) {
	out[key("relation", r.OID, 0)] = r.Identity()
	for _, c := range r.Columns {
		out[key("column", r.OID, int(c.Num))] = r.ColumnIdentity(c.Name)
	}
	for i := range r.Policies {
		out[key("policy", r.Policies[i].OID, 0)] = r.Policies[i].Identity(r)
	}
	for i := range r.Triggers {
		out[key("trigger", r.Triggers[i].OID, 0)] = r.Triggers[i].Identity(r)
	}
	for i := range r.Rules {
		out[key("rule", r.Rules[i].OID, 0)] = r.Rules[i].Identity(r)
	}
	for i := range r.Constraints {
		out[key("constraint", r.Constraints[i].OID, 0)] = r.Constraints[i].Identity(r)
	}
	for i := range r.Indexes {
		out[key("index", r.Indexes[i].OID, 0)] = r.Indexes[i].Identity(r)
	}
}
func key(kind string, oid uint32, sub int) string { return fmt.Sprintf("%s %d,%d", kind, oid, sub) }
