package trailsql

import (
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/definer"
	"github.com/ringfencehq/ringfence/internal/pg"
)

// Install returns the statements that make the trail, to be run in one transaction. Where parts stand already they are kept and
// brought up to date: no event is touched, no table outside the schema is locked. The session's role needs CREATE on the database
// and CREATEROLE, and is no member of the trail's owner afterwards.
func Install() []string {
	out := []string{
		definer.Enter(Owner),
		"CREATE SCHEMA IF NOT EXISTS " + Schema,
		"GRANT USAGE, CREATE ON SCHEMA " + Schema + " TO " + Owner,
		tablesBlock(),
	}
	out = append(out, checksBlock())
	for _, i := range Indexes {
		out = append(out, fmt.Sprintf("CREATE INDEX IF NOT EXISTS %s ON %s (%s)", i.Name, qualified(Events), i.Keys))
	}
	for _, f := range Functions() {
		out = append(out, f.Create(Owner)...)
	}
	out = append(out, secure()...)
	out = append(out, comments()...)
	return append(out, "SELECT "+qualified("trail_ahead")+"(2)", definer.Leave(Owner))
}

// tablesBlock makes the tables that are missing and takes from a new one whatever default privileges gave away.
func tablesBlock() string {
	var b strings.Builder
	b.WriteString("DO $ringfence$\nDECLARE\n  given record;\nBEGIN\n")
	for _, t := range Tables() {
		b.WriteString(definer.MakeTable(Owner, t, definition(t)))
	}
	fmt.Fprintf(&b, "  IF pg_catalog.to_regclass('%[1]s') IS NULL THEN\n    CREATE TABLE %[1]s PARTITION OF %[2]s DEFAULT;\n    ALTER TABLE %[1]s OWNER TO %[3]s;\n  END IF;\n",
		qualified(Other), qualified(Events), Owner)
	return b.String() + "END\n$ringfence$"
}

// definition is what stands between the name and the end of CREATE TABLE.
func definition(table string) string {
	switch table {
	case Checkpoints:
		return "node text NOT NULL, epoch bigint NOT NULL, size bigint NOT NULL CHECK (size >= 1), sequence bigint NOT NULL, event_id uuid NOT NULL," +
			" root bytea NOT NULL CHECK (octet_length(root) = 32), frontier bytea[] NOT NULL CHECK (cardinality(frontier) <= 64)," +
			" note text NOT NULL CHECK (octet_length(note) <= 8192), created_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (node, epoch, size))"
	case Retired:
		return "id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, partition text NOT NULL, node text, epoch bigint, first_sequence bigint, last_sequence bigint," +
			" previous_hash bytea, hashes bytea, mode text NOT NULL, reason text NOT NULL, retired_by text NOT NULL, retired_at timestamptz NOT NULL DEFAULT now())"
	}
	columns := make([]string, len(Columns))
	for i, c := range Columns {
		columns[i] = c.Name + " " + c.Type
		if c.Type == "text" {
			columns[i] += ` COLLATE "C"` // words and ids, compared byte by byte
		}
		if !c.Null {
			columns[i] += " NOT NULL"
		}
		if c.Default != "" {
			columns[i] += " DEFAULT " + c.Default
		}
	}
	return strings.Join(columns, ", ") + ", PRIMARY KEY (id)) PARTITION BY RANGE (id)"
}

// checksBlock replaces the constraints whose text has changed. A list only ever grows, so that old rows need not be read again.
func checksBlock() string {
	var b strings.Builder
	b.WriteString("DO $ringfence$\nDECLARE\n  old name;\nBEGIN\n")
	for _, c := range checks() {
		fmt.Fprintf(&b, "  IF NOT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conrelid = '%[1]s'::pg_catalog.regclass AND conname = '%[2]s') THEN\n"+
			"    FOR old IN SELECT conname FROM pg_catalog.pg_constraint WHERE conrelid = '%[1]s'::pg_catalog.regclass AND contype = 'c' AND pg_catalog.starts_with(conname, '%[3]s') LOOP\n"+
			"      EXECUTE 'ALTER TABLE %[1]s DROP CONSTRAINT ' || pg_catalog.quote_ident(old);\n    END LOOP;\n"+
			"    ALTER TABLE %[1]s ADD CONSTRAINT %[2]s CHECK (%[4]s) NOT VALID;\n  END IF;\n", qualified(Events), c.name(), c.stem, c.sql)
	}
	return b.String() + "END\n$ringfence$"
}

// secure puts triggers, row security and the owner's own policies on the tables.
func secure() []string {
	var out []string
	for _, t := range append(Tables(), Other) {
		table := qualified(t)
		out = append(out,
			fmt.Sprintf("CREATE OR REPLACE TRIGGER trail_refuse_statement BEFORE UPDATE OR DELETE OR TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION %s()", table, qualified("trail_refuse")))
		if t != Other {
			out = append(out, fmt.Sprintf("CREATE OR REPLACE TRIGGER trail_refuse_row BEFORE UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION %s()", table, qualified("trail_refuse")))
		}
	}
	for _, t := range append(Tables(), Other) {
		table := qualified(t)
		out = append(out,
			"ALTER TABLE "+table+" ENABLE ALWAYS TRIGGER trail_refuse_statement, ENABLE ALWAYS TRIGGER trail_refuse_row",
			"ALTER TABLE "+table+" ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
	}
	for _, t := range Tables() {
		table := qualified(t)
		out = append(out,
			"DROP POLICY IF EXISTS trail_append ON "+table, fmt.Sprintf("CREATE POLICY trail_append ON %s FOR INSERT TO %s WITH CHECK (true)", table, Owner),
			"DROP POLICY IF EXISTS trail_own ON "+table, fmt.Sprintf("CREATE POLICY trail_own ON %s FOR SELECT TO %s USING (true)", table, Owner))
	}
	return out
}

func comments() []string {
	out := []string{
		"COMMENT ON TABLE " + qualified(Events) + " IS 'the security trail: append-only, written by ringfence.trail_append alone, a partition a month'",
		"COMMENT ON TABLE " + qualified(Checkpoints) + " IS 'signed Merkle checkpoints of the trail: one chain a node and epoch'",
		"COMMENT ON TABLE " + qualified(Retired) + " IS 'months that were taken out of the trail: by whom, why, and the hash of every event that went'",
	}
	for _, c := range Columns {
		out = append(out, fmt.Sprintf("COMMENT ON COLUMN %s.%s IS %s", qualified(Events), c.Name, pg.Literal(c.Comment)))
	}
	return out
}

// Uninstall takes Install back and loses no evidence: tables that hold anything stay, with their triggers and their row security,
// readable by whom they were granted to, and installing again goes on with them. To drop them by name: DROP TABLE
// ringfence.trail_event, ringfence.trail_checkpoint, ringfence.trail_retired.
func Uninstall() []string {
	var b strings.Builder
	b.WriteString("DO $ringfence$\nBEGIN\n  IF NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN\n    GRANT ringfence_trail TO CURRENT_USER;\n  END IF;\n")
	for _, t := range Tables() {
		fmt.Fprintf(&b, "  LOCK TABLE %s IN ACCESS EXCLUSIVE MODE;\n", qualified(t))
	}
	for _, f := range Functions() {
		if f.Name != "trail_refuse" {
			fmt.Fprintf(&b, "  DROP FUNCTION IF EXISTS %s;\n", f.Signature())
		}
	}
	fmt.Fprintf(&b, "  SET LOCAL row_security = on;\n  IF EXISTS (SELECT FROM %[1]s) OR EXISTS (SELECT FROM %[2]s) OR EXISTS (SELECT FROM %[3]s) THEN\n"+
		"    RAISE NOTICE 'the trail holds evidence: its tables are kept';\n  ELSE\n    DROP TABLE %[1]s, %[2]s, %[3]s;\n    DROP FUNCTION %[4]s();\n    REVOKE ALL ON SCHEMA %[5]s FROM %[6]s;\n"+
		"    BEGIN\n      DROP ROLE %[6]s;\n    EXCEPTION WHEN dependent_objects_still_exist THEN\n      NULL;\n    END;\n  END IF;\n",
		qualified(Events), qualified(Checkpoints), qualified(Retired), qualified("trail_refuse"), Schema, Owner)
	b.WriteString("  IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'ringfence_trail') AND NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN\n" +
		"    REVOKE ringfence_trail FROM CURRENT_USER;\n  END IF;\nEND\n$ringfence$")
	return []string{b.String()}
}
