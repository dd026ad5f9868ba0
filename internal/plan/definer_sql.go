package plan

import "fmt"

// definerPath is the search_path that a function which runs with its owner's rights is made with.
const definerPath = "pg_catalog, pg_temp"

// createDefiner writes a function of the SQL language that runs as t.Member, and that t.Roles alone may call.
func (t Target) createDefiner(returns, volatility, body string) []string {
	f := routine(t.Name, t.Arguments)
	out := []string{
		fmt.Sprintf("CREATE FUNCTION %s RETURNS %s LANGUAGE sql %s SECURITY DEFINER SET search_path = %s AS %s", f, returns, volatility, definerPath, lit(body)),
		fmt.Sprintf("ALTER FUNCTION %s OWNER TO %s", f, grantee(t.Member)),
		fmt.Sprintf("REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC", f),
	}
	if len(t.Roles) > 0 {
		out = append(out, fmt.Sprintf("GRANT EXECUTE ON FUNCTION %s TO %s", f, idents(t.Roles)))
	}
	return out
}

func (t Target) dropDefiner() []string {
	return oneStatement("DROP FUNCTION %s", routine(t.Name, t.Arguments))
}

// definerDone asks whether the function stands as createDefiner makes it.
func (t Target) definerDone(volatility, body string) string {
	and := []string{
		"f.prosecdef", "f.prokind = 'f'", "l.lanname = 'sql'", "f.provolatile = " + lit(volatility),
		"f.proconfig = ARRAY[" + lit("search_path="+definerPath) + "]", "f.prosrc = " + lit(body), "o.rolname = " + lit(t.Member),
	}
	return exists(ofRoutine(t, "JOIN pg_catalog.pg_roles o ON o.oid = f.proowner", "JOIN pg_catalog.pg_language l ON l.oid = f.prolang"),
		append(and, calledOnlyBy(t.Roles)...)...)
}
