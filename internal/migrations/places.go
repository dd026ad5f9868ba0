package migrations

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
)

// What a statement touched is told by event triggers, which see through DO blocks and functions; privileges, which event triggers
// name no object for, by comparing access lists. All of it lives in a schema of its own that is gone before anything is compared.
const traceSQL = `
CREATE SCHEMA ringfence_trace;
CREATE TABLE ringfence_trace.seen (tag text, kind text, identity text);
CREATE FUNCTION ringfence_trace.ended() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  INSERT INTO ringfence_trace.seen
  SELECT c.command_tag, c.object_type, c.object_identity FROM pg_event_trigger_ddl_commands() c WHERE NOT coalesce(c.in_extension, false);
END $$;
CREATE FUNCTION ringfence_trace.dropped() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  INSERT INTO ringfence_trace.seen
  SELECT 'DROP', d.object_type, d.object_identity FROM pg_event_trigger_dropped_objects() d WHERE NOT d.is_temporary;
END $$;
CREATE FUNCTION ringfence_trace.privileges() RETURNS TABLE (object text, acl text) LANGUAGE sql SET search_path = pg_catalog AS $$
  SELECT c.oid::regclass::text, c.relacl::text FROM pg_class c WHERE c.relacl IS NOT NULL
  UNION ALL SELECT 'function ' || p.oid::regprocedure::text, p.proacl::text FROM pg_proc p WHERE p.proacl IS NOT NULL
  UNION ALL SELECT 'schema ' || quote_ident(n.nspname), n.nspacl::text FROM pg_namespace n WHERE n.nspacl IS NOT NULL
  UNION ALL SELECT 'column ' || quote_ident(a.attname) || ' of ' || a.attrelid::regclass::text, a.attacl::text
    FROM pg_attribute a WHERE a.attacl IS NOT NULL AND a.attnum > 0
$$;
CREATE EVENT TRIGGER ringfence_trace_ended ON ddl_command_end EXECUTE FUNCTION ringfence_trace.ended();
CREATE EVENT TRIGGER ringfence_trace_dropped ON sql_drop EXECUTE FUNCTION ringfence_trace.dropped();
`

const endTraceSQL = `
DROP EVENT TRIGGER ringfence_trace_ended;
DROP EVENT TRIGGER ringfence_trace_dropped;
DROP SCHEMA ringfence_trace CASCADE;
`

// seenSQL takes what was seen since the last time, as one document.
const seenSQL = `
WITH taken AS (DELETE FROM ringfence_trace.seen RETURNING tag, kind, identity)
SELECT coalesce(pg_catalog.json_agg(taken), '[]')::text FROM taken`

// privilegesSQL gives every access list that is not the default one, by the name package drift gives its object.
const privilegesSQL = "SELECT * FROM ringfence_trace.privileges()"

func startTrace(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.PgConn().Exec(ctx, traceSQL).ReadAll(); err != nil {
		return fmt.Errorf("preparing to trace the migrations: %w", err)
	}
	return nil
}

func endTrace(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.PgConn().Exec(ctx, endTraceSQL).ReadAll(); err != nil {
		return fmt.Errorf("ending the trace of the migrations: %w", err)
	}
	return nil
}

type seen struct {
	Tag      string  `json:"tag"`
	Kind     string  `json:"kind"`
	Identity *string `json:"identity"`
}

// note remembers what the statement that just ran touched. It runs in the file's transaction, where there is one.
func (r *runner) note(ctx context.Context, s Statement) error {
	results, err := r.conn.PgConn().Exec(ctx, seenSQL).ReadAll()
	if err != nil {
		return fmt.Errorf("reading what %s touched: %w", s.Place, err)
	}
	var all []seen
	if err := json.Unmarshal(results[0].Rows[0][0], &all); err != nil {
		return fmt.Errorf("reading what %s touched: %w", s.Place, err)
	}
	t := touch{s.Place, strings.ToLower(s.SQL)}
	privileges := false
	for _, x := range all {
		if x.Identity != nil {
			r.run.touched[*x.Identity] = append(r.run.touched[*x.Identity], t)
		}
		privileges = privileges || x.Tag == "GRANT" || x.Tag == "REVOKE"
	}
	if privileges {
		return r.notePrivileges(ctx, t)
	}
	return nil
}

// notePrivileges finds whose access list the statement changed.
func (r *runner) notePrivileges(ctx context.Context, t touch) error {
	results, err := r.conn.PgConn().Exec(ctx, privilegesSQL).ReadAll()
	if err != nil {
		return fmt.Errorf("reading privileges after %s: %w", t.Place, err)
	}
	now := map[string]string{}
	for _, row := range results[0].Rows {
		now[string(row[0])] = string(row[1])
	}
	for object, acl := range now {
		if r.privileges[object] != acl {
			r.run.touched[grantKey(object)] = append(r.run.touched[grantKey(object)], t)
		}
	}
	for object := range r.privileges {
		if _, still := now[object]; !still {
			r.run.touched[grantKey(object)] = append(r.run.touched[grantKey(object)], t)
		}
	}
	r.privileges = now
	return nil
}

func grantKey(object string) string { return "grant " + object }

var lastName = regexp.MustCompile(`"((?:[^"]|"")+)"$|([^." ]+)$`)

// Place returns the last statement that bears on an object: by its identity, as pg_identify_object gives it; for a grant, by the
// object it is on; for what is a part of a table and has no identity there (a column, a constraint), by the last statement on the
// table that names the part. words are further words, one of which the statement must hold; none: any statement.
func (r *Run) Place(kind, identity, table string, words ...string) (Place, bool) {
	if kind == "grant" {
		return last(r.touched[grantKey(identity)], nil)
	}
	if p, ok := last(r.touched[identity], words); ok {
		return p, true
	}
	if table == "" || table == identity {
		return Place{}, false
	}
	name, _, _ := strings.Cut(identity, " on ")
	name, _, _ = strings.Cut(name, " of ")
	if m := lastName.FindStringSubmatch(name); m != nil {
		name = strings.ToLower(strings.ReplaceAll(m[1], `""`, `"`) + m[2])
	}
	return last(r.touched[table], []string{name})
}

func last(all []touch, words []string) (Place, bool) {
	for i := len(all) - 1; i >= 0; i-- {
		if len(words) == 0 {
			return all[i].Place, true
		}
		for _, w := range words {
			if strings.Contains(all[i].sql, w) {
				return all[i].Place, true
			}
		}
	}
	return Place{}, false
}
