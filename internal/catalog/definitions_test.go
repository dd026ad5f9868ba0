package catalog_test

import (
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/catalog/catalogtest"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

func TestDefinitionsAreTheServers(t *testing.T) {
	db := everything(t, 0)
	catalogtest.Load(t, db, 12)
	pgtest.LoadSQL(t, db, plainAndNot)
	testDefinitions(t, db)
}

// plainAndNot are indexes and constraints on both sides of what is printed without asking the server.
const plainAndNot = `
	CREATE DOMAIN dm AS int;
	CREATE TABLE public.defs (a int, b varchar(9), c mood, d dm, e text COLLATE "C", f int[], g bpchar, "h h" uuid, PRIMARY KEY (a), UNIQUE (b, c), UNIQUE (a) INCLUDE (b));
	CREATE INDEX ON defs (a); CREATE INDEX ON defs (b); CREATE INDEX ON defs (c); CREATE INDEX ON defs (d); CREATE INDEX ON defs (e); CREATE INDEX ON defs (f);
	CREATE INDEX ON defs (g); CREATE INDEX ON defs ("h h", a) INCLUDE ("c", "h h"); CREATE INDEX ON defs (e COLLATE "POSIX"); CREATE INDEX ON defs (e text_pattern_ops);
	CREATE INDEX ON defs (b varchar_pattern_ops); CREATE INDEX ON defs (a DESC); CREATE INDEX ON defs (a DESC NULLS LAST); CREATE INDEX ON defs (a NULLS FIRST);
	CREATE INDEX ON defs USING hash (a); CREATE INDEX ON defs (a) WITH (fillfactor = 50); CREATE INDEX ON defs (a) WHERE a > 1; CREATE INDEX ON defs ((a + 1), b);
	CREATE TABLE public.refs (a int REFERENCES defs ON DELETE CASCADE, b int REFERENCES defs ON DELETE SET NULL, c int REFERENCES defs MATCH FULL, d int REFERENCES defs ON UPDATE CASCADE,
		e int REFERENCES defs DEFERRABLE, f int REFERENCES defs);
	ALTER TABLE refs ADD FOREIGN KEY (a) REFERENCES defs NOT VALID`

func testDefinitions(t *testing.T, db *pgtest.Database) {
	db.Exec(t, "SET search_path = pg_catalog")
	want, got := map[string]string{}, map[string]string{}
	for _, row := range db.Query(t, `SELECT 'index ' || indexrelid, pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid >= 16384 AND indexrelid NOT IN
			(SELECT oid FROM pg_class WHERE relnamespace = 'pg_toast'::regnamespace)
		UNION ALL SELECT 'constraint ' || oid, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid >= 16384
		UNION ALL SELECT 'column ' || attrelid || ',' || attnum, format_type(atttypid, atttypmod) FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
			WHERE attrelid >= 16384 AND attnum > 0 AND NOT attisdropped AND relkind NOT IN ('i', 'I', 't')`) {
		want[row[0]] = row[1]
	}
	s := read(t, db.Super)
	for i := range s.Relations {
		r := &s.Relations[i]
		if r.System {
			continue
		}
		for _, x := range r.Indexes {
			got["index "+oid(x.OID)] = x.Definition
		}
		for _, k := range r.Constraints {
			got["constraint "+oid(k.OID)] = k.Definition
		}
		for _, c := range r.Columns {
			got["column "+oid(r.OID)+","+oid(uint32(c.Num))] = c.Type
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("definitions differ (-server +ours):\n%s", diff)
	}
}

func oid(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
