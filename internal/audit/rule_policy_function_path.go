package audit

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
	if f.SecurityDefiner || f.Body != nil || c.body == nil || !c.body.SearchPathMutable || pinned(f) {
		return "", ""
	}
	if len(c.body.Reads()) > 0 && len(c.body.TempShadowed) > 0 {
		return "It names " + list(c.body.TempShadowed) + " without a schema.", High
	}
	return "search_path is not set on it.", Low
})
