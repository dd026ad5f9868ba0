package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/pg"
)

var functionSearchPath = Kind{
	Name: "function_search_path",
	Doc: `pin the search_path of a function that runs with its owner's rights

Without it whoever calls the function decides which schema its names are found in, and can put a table or function of their own
in the place of the one that was meant. The path is the one that the function has or, where it has none, the database's with the
function's own schema, less the schemas in which the application makes objects; pg_temp comes last. A function that relied on names
elsewhere fails from this step on.`,
	Wave: 7,

	Do: func(t Target) []string {
		return oneStatement("ALTER ROUTINE %s SET search_path = %s", routine(t.Name, t.Arguments), idents(t.searchPath()))
	},
	Undo: func(t Target) []string {
		if t.WasValue == nil {
			return oneStatement("ALTER ROUTINE %s RESET search_path", routine(t.Name, t.Arguments))
		}
		return oneStatement("ALTER ROUTINE %s SET search_path = %s", routine(t.Name, t.Arguments), identList(*t.WasValue))
	},
	Done: func(t Target) string {
		return exists(ofRoutine(t), lit("search_path="+t.storedSearchPath())+" = ANY (f.proconfig)")
	},
	Object: func(t Target) string { return routineIdentity(t.Name, t.Arguments) },
}

func (t Target) searchPath() []string {
	if len(t.Path) > 0 {
		return slices.Clone(t.Path)
	}
	if t.Schema == "pg_catalog" {
		return []string{"pg_catalog", "pg_temp"}
	}
	return []string{"pg_catalog", t.Schema, "pg_temp"}
}

// storedSearchPath is the path as the server keeps it.
func (t Target) storedSearchPath() string {
	path := t.searchPath()
	for i, name := range path {
		path[i] = printedIdent(name)
	}
	return strings.Join(path, ", ")
}

// ofRoutine is the start of a catalogue query about one function, f; it finds nothing where there is none.
func ofRoutine(t Target, joins ...string) string {
	types := make([]string, len(t.Arguments))
	for i, a := range t.Arguments {
		types[i] = lit(a)
	}
	return fmt.Sprintf("FROM pg_catalog.pg_proc f JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace %s WHERE n.nspname = %s AND f.proname = %s"+
		" AND ARRAY(SELECT pg_catalog.format_type(u.t, NULL) FROM pg_catalog.unnest(f.proargtypes) WITH ORDINALITY u(t, i) ORDER BY u.i) = ARRAY[%s]::pg_catalog.text[]",
		strings.Join(joins, " "), lit(t.Schema), lit(t.Name.Name), strings.Join(types, ", "))
}

// identList writes a stored list of names again: "$user", public. Each name is quoted anew, so that whatever the list held it is
// names only.
func identList(stored string) string {
	var out []string
	for rest := strings.TrimSpace(stored); rest != ""; rest = strings.TrimSpace(rest) {
		var name string
		name, rest = cutName(rest)
		if rest = strings.TrimSpace(rest); strings.HasPrefix(rest, ",") {
			rest = rest[1:]
		}
		if name == "" {
			out = append(out, "''")
			continue
		}
		out = append(out, pg.Ident(name))
	}
	if len(out) == 0 {
		return "''"
	}
	return strings.Join(out, ", ")
}

// cutName takes the first name off a list.
func cutName(list string) (name, rest string) {
	if !strings.HasPrefix(list, `"`) {
		name, _, _ = strings.Cut(list, ",")
		return strings.TrimSpace(name), list[len(name):]
	}
	for i := 1; i < len(list); i++ {
		if list[i] != '"' {
			continue
		}
		if strings.HasPrefix(list[i+1:], `"`) {
			i++
			continue
		}
		return strings.ReplaceAll(list[1:i], `""`, `"`), list[i+1:]
	}
	return list[1:], ""
}
