package reach

import (
	"cmp"
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/rights"
)

// maxAlike bounds how many roles are listed that give the same over SET ROLE and differ only in who they are.
const maxAlike = 8

// becoming yields the ways over roles that a session can take: those that give what the session has not got already.
func (w *walker) becoming(app string, rel *catalog.Relation, plain []Way) {
	alike := make(map[string]int)
	for _, id := range w.m.Rights.Identities(app)[1:] {
		path := Path{{Via: "set_role", Name: id.Role}}
		w.ownerPower(app, id.Role, rel, path)
		n := 0
		for _, v := range verbs {
			if v.since > w.version {
				continue
			}
			way := w.directWay(app, id.Role, rel, v, path)
			if way.roles && w.standsFor(app, id.Role, rel) {
				way.CurrentUser, way.Note = app, app+" stands for "+id.Role+": it may become no other, and is granted nothing itself"
			}
			if way.Privileged && (gains(&way, &plain[n]) && !w.already(&way) || way.roles && alike[v.variant+string(v.command)] < maxAlike) {
				alike[v.variant+string(v.command)]++
				way.Note = cmp.Or(noteOf(id), way.Note)
				w.emit(way)
			}
			n++
		}
	}
}

// standsFor reports whether a login reaches a relation as the one role that it may become, and as nobody else: whoever keys rows by the
// current role then means that login.
func (w *walker) standsFor(app, role string, rel *catalog.Relation) bool {
	for _, id := range w.m.Rights.Identities(app)[1:] {
		if id.Role != role && w.m.Rights.Any(id.Role, rel) {
			return false
		}
	}
	own := func(g catalog.Grant) bool { return g.Grantee == app || g.Grantee == "" }
	return !slices.ContainsFunc(rel.Grants, own) && !slices.ContainsFunc(rel.Columns, func(c catalog.Column) bool { return slices.ContainsFunc(c.Grants, own) })
}

// noteOf says by what means a role is taken, where SET ROLE alone does not do.
func noteOf(id rights.Identity) string {
	switch id.How {
	case rights.Admin:
		return id.Over + " holds " + id.Role + " with ADMIN OPTION and can grant it to itself"
	case rights.Creator:
		return id.Over + " has CREATEROLE and can grant itself " + id.Role
	default:
		return ""
	}
}

// gains reports whether a way gives more than the plain one: a privilege, more columns, freedom from row security, another
// predicate.
func gains(way, plain *Way) bool {
	switch {
	case !plain.Privileged, plain.Columns != nil && way.Columns == nil:
		return true
	case plain.Unbound != "":
		return false
	case way.Unbound != "":
		return true
	}
	return way.Old != plain.Old || way.New != plain.New
}

// already reports whether a way over another role was listed that gives the same.
func (w *walker) already(way *Way) bool {
	key := outcome{way.Relation, way.Command, way.Variant, way.Unbound, way.Old, way.New}
	if w.outcomes[key] {
		return true
	}
	w.outcomes[key] = true
	return false
}

// ownerPower yields the ways of who has the rights of the owner: it may switch row security off, forced or not, drop the
// policies and drop the table.
func (w *walker) ownerPower(app, role string, rel *catalog.Relation, path Path) {
	r := w.m.Rights
	if r.Superuser(role) || !r.Owns(role, rel) || rel.Kind == catalog.MatView || rel.Kind == catalog.Foreign {
		w.schemaPower(app, role, rel, path)
		return
	}
	if w.exempt(role, rel) == "BYPASSRLS" {
		return
	}
	hops := append(append(Path(nil), path...), Hop{Via: "owner", Name: rel.Owner})
	for _, c := range [...]Command{Select, Insert, Update, Delete, Truncate} {
		way := Way{Role: app, As: role, CurrentUser: role, Relation: rel, Command: c, Kind: Isolation, Path: hops, Privileged: true,
			Unbound: "the owner may switch row security off"}
		way.Old, way.New = free(c)
		w.emit(way)
	}
}

// schemaPower yields the way of who owns the schema, or the whole database, and not the table: it may drop that.
func (w *walker) schemaPower(app, role string, rel *catalog.Relation, path Path) {
	r, db := w.m.Rights, w.m.Snapshot.Server
	ns := w.m.Snapshot.Namespace(rel.Schema)
	if ns == nil || r.Superuser(role) || r.Owns(role, rel) {
		return
	}
	switch {
	case r.HasPrivsOf(role, ns.Owner):
		w.dropping(app, role, rel, append(append(Path(nil), path...), Hop{Via: "owner", Name: ns.Name}), "the schema's owner may drop the table")
	case db.DatabaseOwner != "" && r.HasPrivsOf(role, db.DatabaseOwner):
		w.dropping(app, role, rel, append(append(Path(nil), path...), Hop{Via: "owner", Name: DatabaseHop + catalog.QuoteIdent(db.Database)}),
			"the database's owner may drop the database, and set what new sessions begin with")
	}
}

// DatabaseHop begins the name of an owner's hop that stands for the whole database.
const DatabaseHop = "database "

// dropping yields the way of who may drop what a table stands in.
func (w *walker) dropping(app, role string, rel *catalog.Relation, path Path, why string) {
	way := Way{Role: app, As: role, CurrentUser: role, Relation: rel, Command: Truncate, Kind: Isolation, Path: path, Privileged: true, Unbound: why}
	way.Old, way.New = free(Truncate)
	w.emit(way)
}
