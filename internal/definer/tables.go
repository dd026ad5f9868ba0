package definer

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/pg"
)

// MakeTable returns statements of a DO block's body that make a table of Schema where it is missing, take from it whatever
// default privileges gave away, and hand it to its owner. definition is what stands between the parentheses and after them,
// without the first. The block declares given record.
func MakeTable(owner, table, definition string) string {
	return fmt.Sprintf("  IF pg_catalog.to_regclass('%[1]s') IS NULL THEN\n    CREATE TABLE %[1]s (%[2]s;\n"+
		"    FOR given IN SELECT DISTINCT x.grantee FROM pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) x"+
		" WHERE c.oid = '%[1]s'::pg_catalog.regclass AND x.grantee <> c.relowner LOOP\n"+
		"      EXECUTE 'REVOKE ALL ON %[1]s FROM ' || CASE given.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(given.grantee)) END;\n"+
		"    END LOOP;\n    ALTER TABLE %[1]s OWNER TO %[3]s;\n  END IF;\n", Schema+"."+table, definition, pg.Ident(owner))
}
