package audit

import (
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

var definerSearchPath = Rule{
	ID:       "FUN001",
	Name:     "definer-search-path",
	Title:    "a SECURITY DEFINER function finds its names by the caller's search_path",
	Severity: High,
	Fix:      "function_search_path",
	Source:   "83, 96",
	Doc: `The function runs as its owner and does not pin search_path, so that the caller decides which tables, functions and operators its
unqualified names mean. Temporary tables come first where pg_temp is not named: a caller makes one of the right name and is the
tenant he likes.

ALTER FUNCTION ... SET search_path = pg_catalog, SCHEMA, pg_temp, with pg_temp last; or write it with a SQL-standard body (BEGIN ATOMIC),
whose names are resolved once.`,

	Check: func(in *Input, report func(Finding)) {
		for i := range in.Model.Snapshot.Functions {
			f := &in.Model.Snapshot.Functions[i]
			if f.System || f.Extension != "" || !f.SecurityDefiner || f.Body != nil {
				continue
			}
			if pinned(f) {
				in.leadsAstray(f, report)
				continue
			}
			out := Finding{Object: f.Identity(), ObjectType: "function", Severity: Info}
			if app, ok := in.caller(f); ok {
				out.Severity, out.Role = in.pathGravity(f), app
			}
			out.Detail = "search_path is not set on it."
			if own, set := ownPath(f); set {
				out.Detail = "Its search_path (" + own + ") does not end with pg_temp: a caller's temporary tables come first."
			}
			out.Fix = &Fix{SQL: "ALTER FUNCTION " + f.Signature() + " SET search_path = " + in.pinnedPath(f), Why: "its names mean the same for every caller"}
			report(out)
		}
	},
}

// pathGravity is how much the caller's search_path and temporary objects can change a body: much, where it names relations without
// their schema, builds statements or could not be read, or where the application makes objects that its names would find; little, where
// every relation is qualified, for functions and operators are never looked up among temporary objects.
func (in *Input) pathGravity(f *catalog.Function) Severity {
	b, err := in.Model.Reader.Body(f)
	if err != nil || len(b.Statements) == 0 || len(b.Dynamic)+len(b.TempShadowed)+len(b.Absent) > 0 || b.SearchPathMutable && len(b.Opaque) > 0 {
		return High
	}
	if _, _, found := in.captures(b); found {
		return High
	}
	if b.SearchPathMutable || len(b.Opaque) > 0 {
		return Medium
	}
	return Low
}

// leadsAstray reports a definer's function whose own search_path leads through a schema in which an application role makes objects.
func (in *Input) leadsAstray(f *catalog.Function, report func(Finding)) {
	b, ok := in.body("FUN001", f)
	if !ok {
		return
	}
	app, c, ok := in.captures(b)
	if !ok || c.Chosen {
		return
	}
	report(Finding{Object: f.Identity(), ObjectType: "function", Severity: High, Role: app,
		Detail: "Its search_path leads through schema " + c.Schema + ", where " + app + " may make " + c.Name.Kind + " " + c.Name.Name + "."})
}

// ownPath returns the search_path that the function sets, as it is stored.
func ownPath(f *catalog.Function) (string, bool) {
	for _, c := range f.Config {
		if name, value, _ := strings.Cut(c, "="); strings.EqualFold(name, "search_path") {
			return value, true
		}
	}
	return "", false
}

// pinnedPath writes the search_path that keeps the function's names to what they mean.
func (in *Input) pinnedPath(f *catalog.Function) string {
	path := in.Model.Reader.PinPath(f, func(schema string) bool {
		return slices.ContainsFunc(in.Model.Applications(), func(app string) bool { return in.Model.Rights.Schema(app, schema, "CREATE") })
	})
	for i := range path {
		path[i] = catalog.QuoteIdent(path[i])
	}
	return strings.Join(path, ", ")
}

// pinned reports whether search_path is set on the function so that no caller's temporary objects come first.
func pinned(f *catalog.Function) bool {
	for _, c := range f.Config {
		name, value, _ := strings.Cut(c, "=")
		if name != "search_path" {
			continue
		}
		var path []string
		for _, s := range strings.Split(value, ",") {
			path = append(path, strings.Trim(strings.TrimSpace(s), `"`))
		}
		return len(path) == 1 && (path[0] == "" || path[0] == "pg_catalog") || path[len(path)-1] == "pg_temp"
	}
	return false
}

// caller returns an application role that can get the function run: by EXECUTE, or by a policy of a table it reaches.
func (in *Input) caller(f *catalog.Function) (string, bool) {
	for _, app := range in.Model.Applications() {
		for _, id := range in.identities(app) {
			if in.Model.Rights.Runs(id.role, f) {
				return app, true
			}
		}
	}
	return "", false
}
