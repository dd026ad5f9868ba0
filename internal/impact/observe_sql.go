package impact

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// The causes that observing tells apart. Those of a statement are counted where it meets a row, once for what it finds and once more
// for what it makes; those of a row once for every row that is met, also such that the caller's own conditions drop later: an
// upper bound.
const (
	UnsetContext           = NoContext
	EmptyContext     Cause = "empty_context"
	MalformedContext Cause = "malformed_context"
	ForeignRow       Cause = "foreign_row"
	ForeignWrite     Cause = "foreign_write"
	installed        Cause = "installed" // scanned once when it was made: a lower count tells that the statistics were reset
)

// observed are the causes, those of statements first.
var observed = []Cause{UnsetContext, EmptyContext, MalformedContext, ForeignRow, ForeignWrite}

// ofStatement reports whether a cause is counted once a statement.
func ofStatement(c Cause) bool {
	return c == UnsetContext || c == EmptyContext || c == MalformedContext
}

// An observer writes the SQL that observes one table.
type observer struct {
	c       *change
	name    string   // prefix of its objects in the schema ringfence
	roles   []string // the last is everybody else, ""
	key     plan.KeyTest
	version int
}

// A marking says what a marker table counts; it stands in the table's comment.
type marking struct {
	Table string `json:"table"`
	Role  string `json:"role"`
	Cause Cause  `json:"cause"`
}

func newObserver(m *tenancy.Model, c *change) *observer {
	o := &observer{c: c, name: "observe_" + tag(c.rel), version: m.Snapshot.Server.VersionNum}
	for _, role := range m.Applications() {
		if m.Rights.Any(role, c.rel) {
			o.roles = append(o.roles, role)
		}
	}
	o.roles = append(o.roles, "")
	rows := c.shape.Rows
	for rows.Parent != nil {
		rows = rows.Parent.Rows
	}
	if rows.Key != nil {
		o.key = *rows.Key
	}
	return o
}

// step is the whole of a table's observation, one transaction.
func (o *observer) step(before string) plan.Step {
	identity := o.c.rel.Identity()
	s := plan.Step{
		Kind: ObserveKind, Object: identity, Table: identity, Lock: plan.AccessExclusive, UndoLock: plan.AccessExclusive, Transaction: "own",
		Do: o.do(), Done: o.done(), Undo: o.undo(), Danger: []string{}, Why: []string{}, Wave: 1, Before: map[string]string{},
	}
	if before != "" {
		s.Before[identity] = before
	}
	text, _ := json.Marshal(s)
	sum := sha256.Sum256(text)
	s.ID = ObserveKind + "-" + hex.EncodeToString(sum[:6])
	return s
}

func (o *observer) own(suffix string) string { return pg.Ident("ringfence", o.name+suffix) }

func (o *observer) table() string { return pg.Ident(o.c.rel.Schema, o.c.rel.Name) }

func (o *observer) marker(role int, cause Cause) string {
	return o.own(fmt.Sprintf("_%d_%s", role, cause))
}

func (o *observer) do() []string {
	out := []string{"CREATE SCHEMA IF NOT EXISTS ringfence"}
	for i, role := range o.roles {
		for _, cause := range observed {
			out = append(out, o.makeMarker(o.marker(i, cause), marking{o.c.rel.Identity(), role, cause})...)
		}
	}
	canary := o.own("_" + string(installed))
	out = append(out, o.makeMarker(canary, marking{o.c.rel.Identity(), "", installed})...)
	out = append(out, "SELECT pg_catalog.count(*) FROM "+canary)
	out = append(out, o.contextFunction(), o.rowFunction())
	if o.c.shape.Rows.Parent != nil {
		out = append(out, o.ownFunction())
	}
	for _, suffix := range o.functions() {
		out = append(out, "GRANT EXECUTE ON FUNCTION "+suffix+" TO PUBLIC")
	}
	if !o.c.rel.RowSecurity {
		out = append(out, fmt.Sprintf("CREATE POLICY %s ON %s AS PERMISSIVE FOR ALL TO PUBLIC USING (true) WITH CHECK (true)", pg.Ident(observePolicy), o.table()))
	}
	for _, c := range observedCommands {
		out = append(out, fmt.Sprintf("CREATE POLICY %s ON %s AS RESTRICTIVE FOR %s TO PUBLIC%s", pg.Ident(c.policy), o.table(), c.command, o.clauses(c)))
	}
	if !o.c.rel.RowSecurity {
		out = append(out, "ALTER TABLE "+o.table()+" ENABLE ROW LEVEL SECURITY")
	}
	return out
}

// observedCommands are the policies that count, one for each command: so that what an UPDATE makes does not count its context again
// beside SELECT's condition, which the server checks there too.
var observedCommands = []struct{ policy, command string }{
	{observePolicy + "_select", "SELECT"}, {observePolicy + "_insert", "INSERT"}, {observePolicy + "_update", "UPDATE"}, {observePolicy + "_delete", "DELETE"},
}

func (o *observer) clauses(c struct{ policy, command string }) string {
	read := fmt.Sprintf("\n  USING (%s)", o.counting(true, false))
	switch c.command {
	case "INSERT":
		return fmt.Sprintf("\n  WITH CHECK (%s)", o.counting(true, true))
	case "UPDATE":
		return read + fmt.Sprintf("\n  WITH CHECK (%s)", o.counting(false, true))
	}
	return read
}

// counting is an expression that is true for every row. Its sub-select is evaluated once a statement and gives the tenant, or NULL where
// there is none, which is counted there; only a row that is not that tenant's costs a call.
func (o *observer) counting(statement, write bool) string {
	context := fmt.Sprintf("(SELECT %s(CURRENT_USER, %v))", o.own("_context"), statement)
	call := fmt.Sprintf("%s(CURRENT_USER, %v)", o.own("_row"), write)
	if t := o.c.shape.Rows.Parent; t != nil {
		args := []string{context}
		for _, p := range t.On {
			args = append(args, pg.Ident(p.Column))
		}
		return fmt.Sprintf("COALESCE(%s(%s), true) OR %s", o.own("_own"), strings.Join(args, ", "), call)
	}
	return fmt.Sprintf("((COALESCE(%s::pg_catalog.text, '') = %s) IS NOT FALSE) OR %s", pg.Ident(o.key.Column), context, call)
}

func (o *observer) makeMarker(name string, what marking) []string {
	text, _ := json.Marshal(what)
	return []string{"CREATE TABLE " + name + " ()", fmt.Sprintf("COMMENT ON TABLE %s IS %s", name, pg.Literal(string(text)))}
}

// count is PL/pgSQL that scans the marker of whoever asks.
func (o *observer) count(cause Cause) string {
	last := len(o.roles) - 1
	if last == 0 {
		return "PERFORM FROM " + o.marker(0, cause) + ";"
	}
	var b strings.Builder
	b.WriteString("CASE asking")
	for i, role := range o.roles[:last] {
		fmt.Fprintf(&b, " WHEN %s THEN PERFORM FROM %s;", pg.Literal(role), o.marker(i, cause))
	}
	fmt.Fprintf(&b, " ELSE PERFORM FROM %s; END CASE;", o.marker(last, cause))
	return b.String()
}

// definer is how each function begins: as its owner, who may read the markers and the parents; names pinned. What it does is safe in
// parallel workers but for the handling of an error.
func definer(parallel string) string {
	return "LANGUAGE plpgsql SECURITY DEFINER PARALLEL " + parallel + " SET search_path = pg_catalog, pg_temp SET row_security = on"
}

func (o *observer) contextFunction() string {
	value, parallel := o.readContext()
	return fmt.Sprintf(`CREATE FUNCTION %s(asking name, counts boolean) RETURNS text %s VOLATILE AS %s`, o.own("_context"), definer(parallel), dollar(fmt.Sprintf(`
DECLARE
  raw text := pg_catalog.current_setting(%s, true);
  tenant text;
BEGIN
  IF raw IS NULL THEN
    IF counts THEN %s END IF;
    RETURN NULL;
  END IF;
  IF raw = '' THEN
    IF counts THEN %s END IF;
    RETURN NULL;
  END IF;
%s
  IF tenant IS NULL AND counts THEN %s END IF;
  RETURN tenant;
END`, pg.Literal(o.key.Setting), o.count(UnsetContext), o.count(EmptyContext), value, o.count(MalformedContext))))
}

// readContext is PL/pgSQL that turns raw into the tenant's text, as the key prints it, or NULL where it is none, and never an error.
func (o *observer) readContext() (body, parallel string) {
	base := o.key.Type
	take := "raw"
	if len(o.key.Path) > 0 {
		var path []string
		for _, p := range o.key.Path {
			path = append(path, pg.Literal(p))
		}
		take = fmt.Sprintf("(raw::pg_catalog.jsonb #>> ARRAY[%s])", strings.Join(path, ", "))
	}
	canonical := fmt.Sprintf("tenant := NULLIF(%s, '');", take)
	if base != "" {
		canonical = fmt.Sprintf("tenant := NULLIF(%s, '')::%s::pg_catalog.text;", take, base)
	}
	valid := map[string]string{
		"uuid":     `raw ~ '^(\{([0-9a-fA-F]{4}-?){7}[0-9a-fA-F]{4}\}|([0-9a-fA-F]{4}-?){7}[0-9a-fA-F]{4})$'`,
		"bigint":   `raw ~ '^\s*[-+]?[0-9]{1,18}\s*$'`,
		"integer":  `raw ~ '^\s*[-+]?[0-9]{1,9}\s*$'`,
		"smallint": `raw ~ '^\s*[-+]?[0-9]{1,4}\s*$'`,
	}[base]
	switch {
	case base == "" && len(o.key.Path) == 0:
		return "  " + canonical, "SAFE"
	case o.version >= 160000 && len(o.key.Path) == 0:
		return fmt.Sprintf("  IF pg_catalog.pg_input_is_valid(raw, %s) THEN %s END IF;", pg.Literal(base), canonical), "SAFE"
	case valid != "" && len(o.key.Path) == 0:
		return fmt.Sprintf("  IF %s THEN %s END IF;", valid, canonical), "SAFE"
	}
	return "  BEGIN " + canonical + " EXCEPTION WHEN OTHERS THEN tenant := NULL; END;", "UNSAFE"
}

func (o *observer) rowFunction() string {
	return fmt.Sprintf(`CREATE FUNCTION %s(asking name, writes boolean) RETURNS boolean %s VOLATILE AS %s`, o.own("_row"), definer("SAFE"), dollar(fmt.Sprintf(`
BEGIN
  IF writes THEN %s ELSE %s END IF;
  RETURN true;
END`, o.count(ForeignWrite), o.count(ForeignRow))))
}

// ownFunction asks a child's parents as their owner: the role that asks may not be allowed to, and must not be refused for it.
func (o *observer) ownFunction() string {
	args, columns := []string{"tenant text"}, []string{}
	for i, p := range o.c.shape.Rows.Parent.On {
		args = append(args, fmt.Sprintf("c%d %s", i, o.c.rel.ColumnByName(p.Column).Type))
		columns = append(columns, fmt.Sprintf("$%d AS %s", i+2, pg.Ident(p.Column)))
	}
	return fmt.Sprintf(`CREATE FUNCTION %s(%s) RETURNS boolean %s STABLE AS %s`, o.own("_own"), strings.Join(args, ", "), definer("SAFE"), dollar(fmt.Sprintf(`
BEGIN
  IF tenant IS NULL THEN RETURN NULL; END IF;
  RETURN (SELECT COALESCE($1 = ANY (%s), false) FROM (SELECT %s) AS %s);
END`, o.c.keysSQL(), strings.Join(slices.Compact(columns), ", "), pg.Ident(o.c.rel.Name))))
}

// functions lists the functions with their arguments' types.
func (o *observer) functions() []string {
	out := []string{o.own("_context") + "(name, boolean)", o.own("_row") + "(name, boolean)"}
	if t := o.c.shape.Rows.Parent; t != nil {
		args := []string{"text"}
		for _, p := range t.On {
			args = append(args, o.c.rel.ColumnByName(p.Column).Type)
		}
		out = append(out, o.own("_own")+"("+strings.Join(args, ", ")+")")
	}
	return out
}

func (o *observer) policies() []string {
	var out []string
	if !o.c.rel.RowSecurity {
		out = append(out, observePolicy)
	}
	for _, c := range observedCommands {
		out = append(out, c.policy)
	}
	return out
}

func (o *observer) undo() []string {
	var out []string
	for _, p := range o.policies() {
		out = append(out, fmt.Sprintf("DROP POLICY %s ON %s", pg.Ident(p), o.table()))
	}
	if !o.c.rel.RowSecurity {
		out = append(out, "ALTER TABLE "+o.table()+" DISABLE ROW LEVEL SECURITY")
	}
	for _, f := range o.functions() {
		out = append(out, "DROP FUNCTION "+f)
	}
	var markers []string
	for i := range o.roles {
		for _, cause := range observed {
			markers = append(markers, o.marker(i, cause))
		}
	}
	return append(out, "DROP TABLE "+strings.Join(append(markers, o.own("_"+string(installed))), ", "))
}

// done asks whether the table is under observation.
func (o *observer) done() string {
	var names []string
	for _, p := range o.policies() {
		names = append(names, pg.Literal(p))
	}
	return fmt.Sprintf(`SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = %s AND c.relname = %s AND c.relrowsecurity
  AND (SELECT pg_catalog.count(*) FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid AND p.polname IN (%s)) = %d)`,
		pg.Literal(o.c.rel.Schema), pg.Literal(o.c.rel.Name), strings.Join(names, ", "), len(names))
}

// dollar quotes a function's body by a tag that does not occur in it.
func dollar(body string) string {
	mark := "$ringfence$"
	for i := 0; strings.Contains(body, mark); i++ {
		mark = fmt.Sprintf("$ringfence%d$", i)
	}
	return mark + body + mark
}
