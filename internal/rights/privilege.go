package rights

import (
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// The predefined roles that give privileges on every table. Row security binds them all the same.
const (
	readAllData  = "pg_read_all_data"
	writeAllData = "pg_write_all_data"
	maintainRole = "pg_maintain"
)

// A Holding says that a privilege is held, and by which role's grant.
type Holding struct {
	Held bool
	// Via is the role that the privilege was granted to: the role itself, one it inherits, or "" for PUBLIC.
	Via string
	// Columns limits the privilege; nil: the whole relation.
	Columns []string
}

// Relation returns how role holds a privilege (SELECT, INSERT, …) on rel, in the order that says most: by its own or PUBLIC's
// grant on the table, by an inherited one, by a predefined role, on some columns. Schema usage is not asked for.
func (r *Rights) Relation(role string, rel *catalog.Relation, privilege string) Holding {
	if r.Superuser(role) {
		return Holding{Held: true, Via: role}
	}
	roles := r.Inherited(role)
	if via, ok := heldBy(rel.Grants, privilege, role, roles); ok {
		return Holding{Held: true, Via: via}
	}
	if via := predefined(privilege, roles); via != "" && rel.Kind != catalog.Composite {
		return Holding{Held: true, Via: via}
	}
	return columnsHeld(rel, privilege, role, roles)
}

// columnsHeld returns the holding of a privilege on single columns.
func columnsHeld(rel *catalog.Relation, privilege, role string, roles map[string]bool) Holding {
	var out Holding
	for i := range rel.Columns {
		if len(rel.Columns[i].Grants) == 0 {
			continue
		}
		if via, ok := heldBy(rel.Columns[i].Grants, privilege, role, roles); ok {
			if !out.Held || via == role {
				out.Held, out.Via = true, via
			}
			out.Columns = append(out.Columns, rel.Columns[i].Name)
		}
	}
	return out
}

// heldBy looks for a grant of privilege to PUBLIC or one of roles; role itself and PUBLIC come first.
func heldBy(grants []catalog.Grant, privilege, role string, roles map[string]bool) (via string, ok bool) {
	for i := range grants {
		g := &grants[i]
		if g.Privilege != privilege {
			continue
		}
		if g.Grantee == role || g.Grantee == "" {
			return g.Grantee, true
		}
		if roles[g.Grantee] && (!ok || g.Grantee < via) {
			via, ok = g.Grantee, true
		}
	}
	return via, ok
}

// predefined returns the predefined role among roles that gives privilege on every table, or "".
func predefined(privilege string, roles map[string]bool) string {
	switch privilege {
	case "SELECT":
		if roles[readAllData] {
			return readAllData
		}
	case "INSERT", "UPDATE", "DELETE":
		if roles[writeAllData] {
			return writeAllData
		}
	case "MAINTAIN":
		if roles[maintainRole] {
			return maintainRole
		}
	}
	return ""
}

// Schema reports whether role holds a privilege (USAGE, CREATE) on the schema. A schema that the Snapshot does not hold is one
// of the system's: usable, not to be made objects in.
func (r *Rights) Schema(role, schema, privilege string) bool {
	if r.Superuser(role) {
		return true
	}
	ns := r.snap.Namespace(schema)
	if ns == nil || strings.HasPrefix(schema, "pg_") || schema == "information_schema" {
		return privilege == "USAGE"
	}
	roles := r.Inherited(role)
	if _, ok := heldBy(ns.Grants, privilege, role, roles); ok {
		return true
	}
	return privilege == "USAGE" && (roles[readAllData] || roles[writeAllData])
}

// Database reports whether role holds a privilege (CREATE, CONNECT, TEMPORARY) on the database that the Snapshot was taken of.
func (r *Rights) Database(role, privilege string) bool {
	if r.HasPrivsOf(role, r.snap.Server.DatabaseOwner) {
		return true
	}
	for i := range r.snap.Databases {
		if d := &r.snap.Databases[i]; d.Name == r.snap.Server.Database {
			_, ok := heldBy(d.Grants, privilege, role, r.Inherited(role))
			return ok
		}
	}
	return false
}

// Execute reports whether role may call the function: EXECUTE on it and USAGE on its schema.
func (r *Rights) Execute(role string, f *catalog.Function) bool {
	return r.ExecuteStored(role, f) && (r.Superuser(role) || r.Schema(role, f.Schema, "USAGE"))
}

// ExecuteStored reports whether role may call the function where a stored expression names it, as a policy does: the name is resolved
// already, and nobody asks for the schema.
func (r *Rights) ExecuteStored(role string, f *catalog.Function) bool {
	if r.Superuser(role) {
		return true
	}
	_, ok := heldBy(f.Grants, "EXECUTE", role, r.Inherited(role))
	return ok
}

// Aggregate is the first aggregate that role may call and that has f do its work, or nil: the server asks the aggregate's owner for
// EXECUTE on f, and not who calls.
func (r *Rights) Aggregate(role string, f *catalog.Function) *catalog.Function {
	for i := range r.snap.Functions {
		if a := &r.snap.Functions[i]; slices.Contains(a.Support, f.Identity()) && r.Execute(role, a) {
			return a
		}
	}
	return nil
}

// Runs reports whether role can have the function run: by a call, within an aggregate, or by what asks nobody.
func (r *Rights) Runs(role string, f *catalog.Function) bool {
	return f.Unasked || r.Execute(role, f) || r.Aggregate(role, f) != nil
}

// Owns reports whether role has the rights of the relation's owner.
func (r *Rights) Owns(role string, rel *catalog.Relation) bool { return r.HasPrivsOf(role, rel.Owner) }

// Any reports whether role holds any privilege on rel or one of its columns, and may use its schema.
func (r *Rights) Any(role string, rel *catalog.Relation) bool {
	if !r.Schema(role, rel.Schema, "USAGE") {
		return false
	}
	for _, p := range [...]string{"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"} {
		if r.Relation(role, rel, p).Held {
			return true
		}
	}
	return false
}

// Server reports whether role may use a foreign server.
func (r *Rights) Server(role string, s *catalog.ForeignServer) bool {
	if r.HasPrivsOf(role, s.Owner) {
		return true
	}
	_, ok := heldBy(s.Grants, "USAGE", role, r.Inherited(role))
	return ok
}
