package audit

import "github.com/ringfencehq/ringfence/internal/expr"

var policyFunctionPath = calledFault(Rule{
	ID:       "FUN007",
	Name:     "policy-function-path",
	Title:    "a function in a policy finds its names by the caller's search_path",
	Severity: High,
	Fix:      "function_search_path",
	Source:   "83",
	Doc: `The policy calls a function whose string body is read under the search_path of who asks. He makes a temporary table, or a function in a schema of his, of
the right name, and the function believes it.

ALTER FUNCTION ... SET search_path = pg_catalog, SCHEMA, pg_temp; or write it with a SQL-standard body.`,
}, func(in *Input, c called) (string, Severity) {
	f := c.function
	if f.Body != nil || c.body == nil {
		return "", ""
	}
	app, found, captured := in.captures(c.body)
	if captured && !found.Chosen {
		return "Its search_path leads through schema " + found.Schema + ", where " + app + " may make " + found.Name.Kind + " " + found.Name.Name + ".", High
	}
	if f.SecurityDefiner || !c.body.SearchPathMutable || pinned(f) {
		return "", ""
	}
	if len(c.body.Reads()) > 0 && len(c.body.TempShadowed) > 0 {
		return "It names " + list(c.body.TempShadowed) + " without a schema.", High
	}
	if captured {
		return "search_path is not set on it, and " + app + " may make " + found.Name.Kind + " " + found.Name.Name + " in schema " + found.Schema + ".", High
	}
	if in.theirs(f.Owner) {
		return "", ""
	}
	return "search_path is not set on it.", Low
})

// captures returns an application role that may make what a body's names then find, and where.
func (in *Input) captures(b *expr.Body) (string, expr.Capture, bool) {
	for _, app := range in.Model.Applications() {
		var makes []string
		for i := range in.Model.Snapshot.Schemas {
			if name := in.Model.Snapshot.Schemas[i].Name; in.Model.Rights.Schema(app, name, "CREATE") {
				makes = append(makes, name)
			}
		}
		if c, ok := b.Captured(makes, nil); ok {
			return app, c, true
		}
	}
	return "", expr.Capture{}, false
}
