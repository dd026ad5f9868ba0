package expr

import (
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// A searchPath is the schemas in which unqualified names are looked up, in order.
type searchPath struct {
	schemas []string // pg_catalog in its place, pg_temp left out
	// temp is where pg_temp stands: true when it comes before every schema that holds user objects, as it does wherever the
	// path does not name it. Relations and types are then hidden by temporary ones; functions and operators never are.
	tempFirst bool
	mutable   bool // the function does not set it: it is the caller's
}

// pathOf returns the search_path that a function's string body is read under: its own, or, where it sets none, what the
// database, else PostgreSQL, gives by default.
func (r *Reader) pathOf(f *catalog.Function) searchPath {
	for _, c := range f.Config {
		if name, value, ok := strings.Cut(c, "="); ok && strings.EqualFold(name, "search_path") {
			return newSearchPath(value, f.Owner, f.SecurityDefiner)
		}
	}
	p := newSearchPath(r.defaultPath(), f.Owner, f.SecurityDefiner)
	p.mutable = true
	return p
}

// defaultPath is what the database sets for every role, else PostgreSQL's own default.
func (r *Reader) defaultPath() string {
	value := `"$user", public`
	for _, s := range r.snap.Settings {
		if s.Role == "" && strings.EqualFold(s.Name, "search_path") && (s.Database == "" || s.Database == r.snap.Server.Database) {
			value = s.Value
		}
	}
	return value
}

// PinPath returns a search_path under which the function's names go on meaning what they mean, for every caller: the one that it sets,
// else the database's and the function's own schema; pg_temp last. Left out are schemas that are not there and, of the database's path,
// those that shut says others make objects in.
func (r *Reader) PinPath(f *catalog.Function, shut func(schema string) bool) []string {
	p := r.pathOf(f)
	if p.mutable {
		p.schemas = slices.DeleteFunc(p.schemas, func(s string) bool { return s != f.Schema && shut(s) })
	}
	if p.mutable && !slices.Contains(p.schemas, f.Schema) {
		p.schemas = append(p.schemas, f.Schema)
	}
	p.schemas = slices.DeleteFunc(p.schemas, func(s string) bool { return s != "pg_catalog" && r.snap.Namespace(s) == nil })
	return append(p.schemas, "pg_temp")
}

// newSearchPath reads a setting's value. $user is the owner under SECURITY DEFINER, else nobody can say who.
func newSearchPath(value, owner string, definer bool) searchPath {
	p := searchPath{tempFirst: true}
	catalogNamed := false
	for _, name := range splitIdents(value) {
		switch name {
		case "$user":
			if !definer {
				continue
			}
			name = owner
		case "pg_temp":
			p.tempFirst = len(p.schemas) == 0
			continue
		case "pg_catalog":
			catalogNamed = true
		}
		p.schemas = append(p.schemas, name)
	}
	if !catalogNamed {
		p.schemas = append([]string{"pg_catalog"}, p.schemas...)
	}
	if !namesTemp(value) {
		p.tempFirst = true
	}
	return p
}

func namesTemp(value string) bool {
	for _, name := range splitIdents(value) {
		if name == "pg_temp" {
			return true
		}
	}
	return false
}

// splitIdents splits a list of identifiers as SplitIdentifierString does: quoted ones kept, others in lower case.
func splitIdents(s string) []string {
	var out []string
	var name strings.Builder
	quoted, was := false, false
	flush := func() {
		if n := name.String(); n != "" || was {
			if !was {
				n = strings.ToLower(strings.TrimSpace(n))
			}
			if n != "" {
				out = append(out, n)
			}
		}
		name.Reset()
		was = false
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' && quoted && i+1 < len(s) && s[i+1] == '"':
			name.WriteByte('"')
			i++
		case c == '"':
			if quoted = !quoted; quoted {
				name.Reset()
				was = true
			}
		case c == ',' && !quoted:
			flush()
		case was && !quoted: // spaces after a quoted name
		default:
			name.WriteByte(c)
		}
	}
	flush()
	return out
}
