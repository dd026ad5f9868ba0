package reach

import (
	"cmp"
	"net/netip"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// loopbacks yields the ways to a relation over a foreign server that leads back to this database: who may use the server, and
// make a foreign table or call dblink, reads as the user of its mapping.
func (w *walker) loopbacks(app string, rel *catalog.Relation) {
	for i := range w.m.Snapshot.ForeignServers {
		s := &w.m.Snapshot.ForeignServers[i]
		if !w.leadsBack(s) || !w.m.Rights.Server(app, s) || !w.makesObjects(app) && !w.hasExtension("dblink") {
			continue
		}
		m := w.mapping(app, s.Name)
		if m == nil {
			continue
		}
		path := Path{{Via: "foreign_table", Name: s.Name}}
		remote := w.m.Snapshot.Role(m.RemoteUser)
		for _, c := range [...]Command{Select, Insert, Update, Delete} {
			way := Way{Role: app, As: m.RemoteUser, CurrentUser: m.RemoteUser, Relation: rel, Command: c, Kind: Isolation, Path: path, Privileged: true,
				Note: "over server " + s.Name + ", back into this database as " + cmp.Or(m.RemoteUser, "a user that is not known")}
			switch {
			case !m.Known || remote == nil:
				way.Opaque = "as whom server " + s.Name + " connects is not known"
				way.Old, way.New = free(c)
			case !w.holds(remote.Name, rel, verb{command: c, variant: "blind"}).Held:
				continue
			default:
				way.apply(w.bound(remote.Name, rel, c, ""))
			}
			w.emitOnce(way)
		}
	}
}

// leadsBack reports whether a server's options point at this very machine and database, as far as they say.
func (w *walker) leadsBack(s *catalog.ForeignServer) bool {
	if s.Wrapper != "postgres_fdw" && s.Wrapper != "dblink_fdw" {
		return false
	}
	if db := s.Options["dbname"]; db != "" && db != w.m.Snapshot.Server.Database {
		return false
	}
	host := cmp.Or(s.Options["hostaddr"], s.Options["host"])
	if host == "" || host == "localhost" || strings.HasPrefix(host, "/") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// mapping returns the user mapping that a role's use of a server goes by: its own before PUBLIC's.
func (w *walker) mapping(role, server string) *catalog.UserMapping {
	var found *catalog.UserMapping
	for i := range w.m.Snapshot.UserMappings {
		m := &w.m.Snapshot.UserMappings[i]
		if m.Server == server && (m.Role == role || m.Role == "" && found == nil) {
			found = m
		}
	}
	return found
}

func (w *walker) hasExtension(name string) bool {
	for i := range w.m.Snapshot.Extensions {
		if w.m.Snapshot.Extensions[i].Name == name {
			return true
		}
	}
	return false
}
