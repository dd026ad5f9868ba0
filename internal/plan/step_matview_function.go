package plan

import (
	"fmt"
	"strings"
)

var matviewFunction = Kind{
	Name: "matview_function",
	Doc: `give a materialized view's rows out tenant by tenant, by a function

A materialized view has no policies, and the plan takes the application's privileges on it away. This step makes a function that
returns the rows of the context's tenant alone, as the view's owner, and only the application may call it. The application has to
call the function where it read the view; until it does it is refused there.`,
	Wave:   7,
	Danger: []string{"matview_function"},

	Do: func(t Target) []string {
		f := routine(t.Name, nil)
		return []string{
			fmt.Sprintf("CREATE FUNCTION %s RETURNS SETOF %s LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS %s", f, t.Old.sql(), lit(t.matviewBody())),
			fmt.Sprintf("ALTER FUNCTION %s OWNER TO %s", f, grantee(t.Member)),
			fmt.Sprintf("REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC", f),
			fmt.Sprintf("GRANT EXECUTE ON FUNCTION %s TO %s", f, idents(t.Roles)),
		}
	},
	Undo: func(t Target) []string { return oneStatement("DROP FUNCTION %s", routine(t.Name, nil)) },
	Done: func(t Target) string {
		and := []string{
			"f.prosecdef", "f.provolatile = 's'", "f.proconfig = ARRAY['search_path=pg_catalog, pg_temp']", "f.prosrc = " + lit(t.matviewBody()),
			"o.rolname = " + lit(t.Member),
		}
		return exists(ofRoutine(t, "JOIN pg_catalog.pg_roles o ON o.oid = f.proowner"), append(and, calledOnlyBy(t.Roles)...)...)
	},
	Object: func(t Target) string { return routineIdentity(t.Name, nil) },
	Note:   func(t Target) string { return "The application calls it in place of reading " + t.Old.Identity() + "." },
}

// matviewBody is the function's text, for the search_path that the function pins.
func (t Target) matviewBody() string {
	return "SELECT v.* FROM " + t.Old.sql() + " AS v WHERE " + strings.TrimSpace(t.Rows.sql(t.Old.Name, "v.", 0))
}
