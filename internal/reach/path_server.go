package reach

import (
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// Predefined roles that lead past the database's own checks, to its files.
var fileRoles = []struct {
	role     string
	commands []Command
	why      string
}{
	{"pg_read_server_files", []Command{Select}, readsFiles},
	{"pg_write_server_files", []Command{Update}, "it writes the server's files, the tables' among them"},
	{"pg_execute_server_program", []Command{Select, Insert, Update, Delete}, "it runs programs as the server's own account"},
}

// A Below is a function, told by how its name begins, that reaches what lies below the tables.
type Below struct {
	Prefix   string
	Commands []Command
	Why      string
	Files    bool // of the server's account, whatever they hold
}

const (
	readsFiles  = "it reads the server's files, the tables' among them"
	writesFiles = "it writes the server's files"
	readsLog    = "it reads the log of changes of every table"
)

// belowTables are the functions that PostgreSQL and its own extensions keep from PUBLIC since no privilege on a table guards what
// they reach, and that look for no more than EXECUTE: those of pageinspect ask for a superuser all the same, and those of pg_surgery
// for the table's owner.
var belowTables = []Below{
	{"pg_read_file", []Command{Select}, readsFiles, true},
	{"pg_read_binary_file", []Command{Select}, readsFiles, true},
	{"lo_import", []Command{Select}, readsFiles, true},
	{"lo_export", []Command{Update}, writesFiles, true},
	{"pg_file_write", []Command{Update}, writesFiles, true},
	{"pg_file_", []Command{Delete}, "it changes the server's files", true},
	{"pg_get_wal_record", []Command{Select}, readsLog, false},
	{"pg_get_wal_block", []Command{Select}, readsLog, false},
}

// BelowTables tells what of this kind a function is; nil for any other.
func BelowTables(f *catalog.Function) *Below {
	if !f.System && f.Extension == "" {
		return nil
	}
	for i := range belowTables {
		if b := &belowTables[i]; strings.HasPrefix(f.Name, b.Prefix) {
			return b
		}
	}
	return nil
}

// functionsBelow lists the functions that reach below tables and that a role may call; it is asked for every table.
func (w *walker) functionsBelow(role string) []*catalog.Function {
	if w.below == nil {
		w.below, w.belowFor = []*catalog.Function{}, make(map[string][]*catalog.Function)
		for i := range w.m.Snapshot.Functions {
			if f := &w.m.Snapshot.Functions[i]; BelowTables(f) != nil {
				w.below = append(w.below, f)
			}
		}
	}
	out, known := w.belowFor[role]
	if !known {
		for _, f := range w.below {
			if w.m.Rights.Execute(role, f) {
				out = append(out, f)
			}
		}
		w.belowFor[role] = out
	}
	return out
}

// called yields the ways over functions that reach below the tables and that a role may call itself.
func (w *walker) called(app, role string, rel *catalog.Relation, path Path) {
	for _, f := range w.functionsBelow(role) {
		if role != app && w.m.Rights.Execute(app, f) {
			continue
		}
		b := BelowTables(f)
		for _, c := range b.Commands {
			way := beneath(app, role, rel, c, joinPath(path, Hop{Via: "function", Name: f.Identity()}, nil), b.Why)
			way.Below = f
			w.emitOnce(way)
		}
	}
}

// beside yields the ways to a relation that no privilege on it guards: the server's files, replication, a superuser's own.
func (w *walker) beside(app string, rel *catalog.Relation) {
	for _, id := range w.m.Rights.Identities(app) {
		var path Path
		if id.Role != app {
			path = Path{{Via: "set_role", Name: id.Role}}
		}
		role := w.m.Snapshot.Role(id.Role)
		if role == nil || w.m.Rights.Superuser(id.Role) {
			continue
		}
		for _, f := range fileRoles {
			// A role that is taken is reported for what it is itself, not for what it inherits: that has its own entry.
			if !w.m.Rights.Inherited(id.Role)[f.role] || id.Role != app && w.otherwise(app, id.Role, f.role) {
				continue
			}
			hops := path
			if id.Role != f.role {
				hops = joinPath(path, Hop{Via: "inherit", Name: f.role}, nil)
			}
			for _, c := range f.commands {
				w.emitOnce(beneath(app, id.Role, rel, c, hops, f.why))
			}
		}
		w.called(app, id.Role, rel, path)
		if role.Replication {
			w.emitOnce(beneath(app, id.Role, rel, Select, joinPath(path, Hop{Via: "publication", Name: "REPLICATION of " + id.Role}, nil),
				"it reads the log of all changes, or a copy of the whole cluster"))
		}
	}
}

// otherwise reports whether app gets at a role without taking the role named over: by inheritance, or by taking it alone.
func (w *walker) otherwise(app, over, role string) bool {
	return w.m.Rights.Inherited(app)[role] || over != role && w.m.Rights.CanSet(app, role)
}

// beneath is a way that nothing filters.
func beneath(app, role string, rel *catalog.Relation, c Command, path Path, why string) Way {
	way := Way{Role: app, As: role, CurrentUser: role, Relation: rel, Command: c, Kind: Isolation, Path: path, Privileged: true, Unbound: why}
	way.Old, way.New = free(c)
	return way
}
