package reach

import "github.com/ringfencehq/ringfence/internal/catalog"

// Predefined roles that lead past the database's own checks, to its files.
var fileRoles = []struct {
	role     string
	commands []Command
	why      string
}{
	{"pg_read_server_files", []Command{Select}, "it reads the server's files, the tables' among them"},
	{"pg_write_server_files", []Command{Update}, "it writes the server's files, the tables' among them"},
	{"pg_execute_server_program", []Command{Select, Insert, Update, Delete}, "it runs programs as the server's own account"},
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
				w.free(app, id.Role, rel, c, hops, f.why)
			}
		}
		if role.Replication {
			w.free(app, id.Role, rel, Select, joinPath(path, Hop{Via: "publication", Name: "REPLICATION of " + id.Role}, nil),
				"it reads the log of all changes, or a copy of the whole cluster")
		}
	}
}

// otherwise reports whether app gets at a role without taking the role named over: by inheritance, or by taking it alone.
func (w *walker) otherwise(app, over, role string) bool {
	return w.m.Rights.Inherited(app)[role] || over != role && w.m.Rights.CanSet(app, role)
}

// free yields a way that nothing filters.
func (w *walker) free(app, role string, rel *catalog.Relation, c Command, path Path, why string) {
	way := Way{Role: app, As: role, CurrentUser: role, Relation: rel, Command: c, Kind: Isolation, Path: path, Privileged: true, Unbound: why}
	way.Old, way.New = free(c)
	w.emitOnce(way)
}
