package tenancy

import (
	"slices"
	"sort"
)

// nameRoles decides which roles are the application's, which own tables, which serve.
func (in *inference) nameRoles() {
	all := in.standings()
	in.owners(all)
	if len(in.opts.AppRoles) > 0 {
		for _, name := range in.opts.AppRoles {
			in.addRole(name, Application, "named on the command line")
		}
	} else if given := in.present(in.config.Roles[string(Application)]); len(given) > 0 {
		for _, name := range given {
			in.addRole(name, Application, "named in the configuration")
		}
	} else {
		in.inferApplications(all)
	}
	for _, name := range in.config.Roles[string(Service)] {
		in.addRole(name, Service, "named in the configuration")
	}
	kindOrder := map[RoleKind]int{Application: 0, OwnerRole: 1, Service: 2}
	sort.SliceStable(in.model.Roles, func(i, j int) bool {
		a, b := in.model.Roles[i], in.model.Roles[j]
		if a.Name != b.Name {
			return a.Name < b.Name
		}
		return kindOrder[a.Kind] < kindOrder[b.Kind]
	})
}

// present leaves out the roles that are not there yet: until the plan has made the application's own role, the application is
// whoever it is today.
func (in *inference) present(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return in.snap.Role(n) == nil })
}

func (in *inference) addRole(name string, kind RoleKind, why string) {
	for _, r := range in.model.Roles {
		if r.Name == name && r.Kind == kind {
			return
		}
	}
	in.model.Roles = append(in.model.Roles, Role{Name: name, Kind: kind, Why: why})
}

// owners lists the roles that own tables.
func (in *inference) owners(all []*standing) {
	given := in.config.Roles[string(OwnerRole)]
	for _, name := range given {
		in.addRole(name, OwnerRole, "named in the configuration")
	}
	if len(given) > 0 {
		return
	}
	for _, s := range all {
		if s.owns > 0 {
			in.addRole(s.role.Name, OwnerRole, "owns tables")
		}
	}
}

// inferApplications decides from grants and ownership.
func (in *inference) inferApplications(all []*standing) {
	var logins, bypassing, switching, owning []*standing
	session := in.snap.Server.SessionRole
	for _, s := range all {
		switch {
		case !s.role.Login || s.role.Name == session:
		case s.role.Superuser && !s.direct:
		case s.named == 0 && !s.other && s.owns == 0:
		case in.onlySwitches(s):
			switching = append(switching, s)
		case s.owns > 0 && s.named == 0:
			owning = append(owning, s)
		case s.role.BypassRLS || s.role.Superuser:
			bypassing = append(bypassing, s)
		default:
			logins = append(logins, s)
		}
	}
	for _, s := range logins {
		in.addRole(s.role.Name, Application, in.whyApplication(s))
	}
	in.switched(switching, all)
	in.bypassing(bypassing)
	in.withoutLogin(all)
	in.owningLogins(owning)
	if len(in.model.Applications()) == 0 {
		in.throughPublic()
	}
	if len(in.model.Applications()) == 0 {
		in.sessionOnly(all)
	}
}

// owningLogins decides on logins that own tables and hold no grant on others': the application itself, or who migrates for it.
func (in *inference) owningLogins(owning []*standing) {
	alone, writers := len(in.model.Applications()) == 0, in.anyWrites()
	for _, s := range owning {
		switch {
		case alone:
			in.addRole(s.role.Name, Application, "logs in and owns the tables; no other role has privileges on them")
		case !writers:
			in.addRole(s.role.Name, Application, "logs in and owns the tables; no other role writes them")
		case !in.ownsSchemas(s.role.Name) && s.other:
			in.addRole(s.role.Name, Application, "logs in and owns tables in a schema that another role made")
		}
	}
}

// anyWrites reports whether an application role found so far may write some table.
func (in *inference) anyWrites() bool {
	for _, name := range in.model.Applications() {
		for _, t := range in.model.Tables {
			if in.rights.Relation(name, t.Relation, "INSERT").Held || in.rights.Relation(name, t.Relation, "UPDATE").Held {
				return true
			}
		}
	}
	return false
}

// ownsSchemas reports whether role owns the schema of some table that it owns.
func (in *inference) ownsSchemas(role string) bool {
	for _, t := range in.model.Tables {
		if t.Relation.Owner != role {
			continue
		}
		if ns := in.snap.Namespace(t.Relation.Schema); ns != nil && in.rights.HasPrivsOf(role, ns.Owner) {
			return true
		}
	}
	return false
}

func (in *inference) whyApplication(s *standing) string {
	switch {
	case s.owns > 0:
		return "logs in, has privileges on the tables, and owns some"
	case s.direct:
		return "logs in and has privileges on the tables"
	default:
		return "logs in and inherits privileges on the tables"
	}
}

// onlySwitches reports whether a login has no privilege of its own and takes others' roles for every request.
func (in *inference) onlySwitches(s *standing) bool {
	return !s.direct && s.owns == 0 && s.named == 0 && s.member >= 2
}

// switched takes the roles that a switching login becomes as the application's: anon and authenticated under PostgREST.
func (in *inference) switched(logins, all []*standing) {
	for _, login := range logins {
		in.addRole(login.role.Name, Service, "logs in without privileges of its own and takes the role of each request by SET ROLE")
		for _, s := range all {
			if s == login || s.role.Login || !s.direct || !in.rights.CanSet(login.role.Name, s.role.Name) {
				continue
			}
			if s.role.BypassRLS || s.role.Superuser {
				in.addRole(s.role.Name, Service, "bypasses row security on purpose; "+login.role.Name+" takes it by SET ROLE")
				continue
			}
			in.addRole(s.role.Name, Application, "requests run as it: "+login.role.Name+" takes it by SET ROLE")
		}
	}
}

// bypassing decides on logins that row security does not bind: where there is an application beside them they may be meant to see
// all, but only a name or the configuration says so.
func (in *inference) bypassing(all []*standing) {
	others := in.model.Applications()
	for _, s := range all {
		switch {
		case len(others) > 0 && servantName(s.role.Name):
			in.addRole(s.role.Name, Service, "bypasses row security, is called as a service is, and is not the only login")
			in.ask("role", []string{s.role.Name}, "%s bypasses row security: taken as a service because of its name alone; say so under roles, or make it an application", s.role.Name)
		default:
			in.addRole(s.role.Name, Application, "logs in and has privileges on the tables; row security does not bind it")
		}
	}
}

var servantWords = map[string]bool{
	"service": true, "backup": true, "dump": true, "job": true, "jobs": true, "worker": true, "cron": true, "admin": true, "support": true,
	"replica": true, "replication": true, "etl": true, "report": true, "reporting": true, "analytics": true, "migrator": true, "migrate": true,
	"migration": true, "migrations": true, "maintenance": true, "monitor": true, "ops": true, "dba": true, "batch": true, "bi": true, "export": true,
}

func servantName(name string) bool {
	return slices.ContainsFunc(words(name), func(w string) bool { return servantWords[w] })
}

// withoutLogin takes roles that have privileges and that no login of the cluster gets at: the logins are made elsewhere. One that may
// make roles is for who runs the server, where others serve the tenants.
func (in *inference) withoutLogin(all []*standing) {
	var makers []*standing
	for _, s := range all {
		switch {
		case s.role.Login || !s.direct || s.named == 0 || s.role.Superuser || s.owns > 0 || in.reachable(s.role.Name):
		case s.role.BypassRLS:
			in.addRole(s.role.Name, Service, "has privileges on the tables and bypasses row security; no login takes it")
		case s.role.CreateRole:
			makers = append(makers, s)
		default:
			in.addRole(s.role.Name, Application, "has privileges on the tables; the logins that take it are not on this server")
		}
	}
	beside := len(in.model.Applications()) > 0
	for _, s := range makers {
		if beside {
			in.addRole(s.role.Name, Service, "may make roles, and no login takes it: for who runs the server")
			continue
		}
		in.addRole(s.role.Name, Application, "has privileges on the tables; the logins that take it are not on this server")
	}
}

// reachable reports whether some login other than a superuser has or takes the role.
func (in *inference) reachable(role string) bool {
	for i := range in.snap.Roles {
		r := &in.snap.Roles[i]
		if r.Login && !r.Superuser && r.Name != role && (in.rights.HasPrivsOf(r.Name, role) || in.rights.CanSet(r.Name, role)) {
			return true
		}
	}
	return false
}

// throughPublic takes, where no grant names anybody, the logins that reach tables as PUBLIC.
func (in *inference) throughPublic() {
	for i := range in.snap.Roles {
		r := &in.snap.Roles[i]
		if !r.Login || r.Superuser || r.Name == in.snap.Server.SessionRole {
			continue
		}
		for _, t := range in.model.Tables {
			if in.rights.Any(r.Name, t.Relation) {
				in.addRole(r.Name, Application, "logs in and reaches tables through PUBLIC")
				break
			}
		}
	}
}

// sessionOnly asks, where only the session's own role is left.
func (in *inference) sessionOnly(all []*standing) {
	for _, s := range all {
		if s.role.Name == in.snap.Server.SessionRole && !s.role.Superuser && (s.named > 0 || s.owns > 0) {
			in.ask("role", []string{s.role.Name}, "only the role of this session has privileges on the tables; name it where the application connects as it")
			return
		}
	}
	if len(in.model.Tables) > 0 {
		in.ask("role", nil, "no role but superusers has privileges on the tables; name the application's")
	}
}

// databaseOwnerRole owns schema public since 15 and stands for whoever owns the database.
const databaseOwnerRole = "pg_database_owner"
