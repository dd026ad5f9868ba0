package plan

import "strings"

var matviewFunction = Kind{
	Name: "matview_function",
	Doc: `give a materialized view's rows out tenant by tenant, by a function

A materialized view has no policies, and the plan takes the application's privileges on it away. This step makes a function that
returns the rows of the context's tenant alone, as the view's owner, and only the application may call it. The application has to
call the function where it read the view; until it does it is refused there.`,
	Wave:   7,
	Danger: []string{"matview_function"},

	Do:     func(t Target) []string { return t.createDefiner("SETOF "+t.Old.sql(), "STABLE", t.matviewBody()) },
	Undo:   func(t Target) []string { return t.dropDefiner() },
	Done:   func(t Target) string { return t.definerDone("s", t.matviewBody()) },
	Object: func(t Target) string { return routineIdentity(t.Name, nil) },
	Note:   func(t Target) string { return "The application calls it in place of reading " + t.Old.Identity() + "." },
}

// matviewBody is the function's text, for the search_path that the function pins.
func (t Target) matviewBody() string {
	return "SELECT v.* FROM " + t.Old.sql() + " AS v WHERE " + strings.TrimSpace(t.Rows.sql(t.Old.Name, "v.", 0))
}
