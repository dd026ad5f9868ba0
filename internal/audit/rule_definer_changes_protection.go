package audit

import (
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
)

var definerChangesProtection = Rule{
	ID:       "FUN016",
	Name:     "definer-changes-protection",
	Title:    "a SECURITY DEFINER function changes what keeps tenants apart",
	Severity: High,
	Fix:      "function_execute",
	Source:   "92, 97; verified attack by a maintenance function",
	Doc: `The function runs as its owner and holds a statement that switches row security off, changes policies, owners or privileges, or drops a table or a trigger.
Whoever may call it does that for all tenants, and for as long as nobody puts it back.

Take EXECUTE away from the application; migrations and maintenance have a role of their own.`,

	Check: func(in *Input, report func(Finding)) {
		in.definers(func(f *catalog.Function, app string) {
			if f.Result == "trigger" || f.Result == "event_trigger" {
				return
			}
			body, ok := in.body("FUN016", f)
			if !ok {
				return
			}
			what, table := protectionIn(body)
			if what == "" {
				return
			}
			found := definerFinding(f, app, "holds "+what)
			found.Severity, found.Table = High, table
			if in.Model.Reader.RefusesCallers(f) {
				found.Severity = Medium
				found.Detail += " Its body refuses some callers; whom, was not followed."
			}
			report(found)
		})
	},
}

// protectionIn names the first statement of this kind that a body holds, and its table; of those that it builds, by how they begin.
func protectionIn(b *expr.Body) (what, table string) {
	for _, q := range b.Statements {
		if what = changesProtection(q); what != "" {
			if len(q.Range) > 0 {
				table = q.Range[0].Relation.Identity()
			}
			return what, table
		}
	}
	for _, text := range b.Dynamic {
		text = strings.ToUpper(text)
		for _, begin := range builtProtections {
			if strings.Contains(text, "'"+begin) {
				return begin + ", which it builds", ""
			}
		}
		for _, part := range []string{" ROW LEVEL SECURITY", " OWNER TO ", "DISABLE TRIGGER "} {
			if strings.Contains(text, "'ALTER TABLE ") && strings.Contains(text, part) {
				return "ALTER TABLE …" + part + ", which it builds", ""
			}
		}
	}
	return "", ""
}

// builtProtections are the beginnings of statements that no function but a migration has a use for.
var builtProtections = []string{"GRANT ", "ALTER ROLE ", "ALTER USER ", "CREATE ROLE ", "CREATE USER ", "ALTER POLICY ", "CREATE POLICY ", "DROP POLICY ", "REASSIGN OWNED ", "DROP OWNED ", "ALTER SYSTEM "}

// protections are the statements that change who may do what, as the parser names them, with how people write them. Those that say true
// do so on a table that stands; of others it does not matter.
var protections = map[string]struct {
	words string
	table bool
}{
	"ALTERTABLE": {"ALTER TABLE", true}, "ALTEROWNER": {"ALTER … OWNER TO", false}, "CREATEPOLICY": {"CREATE POLICY", true}, "ALTERPOLICY": {"ALTER POLICY", true}, "DROP": {"DROP", true},
	"GRANT": {"GRANT", false}, "GRANTROLE": {"GRANT of a role", false}, "CREATEROLE": {"CREATE ROLE", false}, "ALTERROLE": {"ALTER ROLE", false}, "ALTERROLESET": {"ALTER ROLE … SET", false},
	"ALTERDEFAULTPRIVILEGES": {"ALTER DEFAULT PRIVILEGES", false}, "REASSIGNOWNED": {"REASSIGN OWNED", false}, "DROPOWNED": {"DROP OWNED", false}, "ALTERSYSTEM": {"ALTER SYSTEM", false},
}

// changesProtection names the statement of this kind that q is, or "".
func changesProtection(q *expr.Query) string {
	p, ok := protections[q.Utility]
	if q.Command != "utility" || !ok || p.table && len(q.Range) == 0 {
		return ""
	}
	var on []string
	for i := range q.Range {
		on = append(on, q.Range[i].Relation.Identity())
	}
	if len(on) > 0 {
		return p.words + " on " + strings.Join(on, ", ")
	}
	return p.words
}
