package clone

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
)

// makeCluster makes what pg_dump leaves out: roles without passwords, their memberships and settings, and the empty database
// with its owner, privileges and settings. The embedded server's own superuser stands in for a role of its name.
func makeCluster(ctx context.Context, admin *pgx.Conn, s *catalog.Snapshot) error {
	var sql []string
	for _, r := range s.Roles {
		if !r.Predefined && r.Name != pg.Superuser {
			sql = append(sql, "CREATE ROLE "+pg.Ident(r.Name)+attributes(r))
		}
	}
	for _, m := range s.Memberships {
		if m.Member != pg.Superuser && m.Role != pg.Superuser || s.Role(m.Member) != nil && s.Role(m.Role) != nil {
			sql = append(sql, membership(m, s.Server.VersionNum))
		}
	}
	name := pg.Ident(s.Server.Database)
	if s.Server.Database != "postgres" {
		sql = append(sql, "CREATE DATABASE "+name+" TEMPLATE template0 ENCODING 'UTF8'")
	}
	sql = append(sql, database(s)...)
	for _, set := range s.Settings {
		sql = append(sql, setting(set, s)...)
	}
	for _, statement := range sql {
		if _, err := admin.Exec(ctx, statement, pgx.QueryExecModeSimpleProtocol); err != nil && !bearable(err) {
			return fmt.Errorf("making the copy's roles and database: %w", err)
		}
	}
	return nil
}

// bearable reports whether a statement failed for what the comparison of the two catalogues will show anyway: an object that is
// there already, or one that is not there, or a setting whose module is absent.
func bearable(err error) bool {
	switch pg.SQLState(err) {
	case "42710", "42704", "58P01", "22023", "42501", "0LP01":
		return true
	}
	return false
}

func attributes(r catalog.Role) string {
	var b strings.Builder
	for _, a := range []struct {
		on   bool
		word string
	}{{r.Superuser, "SUPERUSER"}, {r.BypassRLS, "BYPASSRLS"}, {r.Inherit, "INHERIT"}, {r.CreateRole, "CREATEROLE"}, {r.CreateDB, "CREATEDB"},
		{r.Login, "LOGIN"}, {r.Replication, "REPLICATION"}} {
		word := a.word
		if !a.on {
			word = "NO" + word
		}
		b.WriteString(" " + word)
	}
	fmt.Fprintf(&b, " CONNECTION LIMIT %d", r.ConnLimit)
	return b.String()
}

func membership(m catalog.Membership, version int) string {
	sql := fmt.Sprintf("GRANT %s TO %s", pg.Ident(m.Role), pg.Ident(m.Member))
	if version >= 160000 {
		return sql + fmt.Sprintf(" WITH ADMIN %t, INHERIT %t, SET %t", m.Admin, m.Inherit, m.Set)
	}
	if m.Admin {
		sql += " WITH ADMIN OPTION"
	}
	return sql
}

// database gives the database its owner and privileges.
func database(s *catalog.Snapshot) []string {
	name := pg.Ident(s.Server.Database)
	out := []string{"REVOKE ALL ON DATABASE " + name + " FROM PUBLIC"}
	for _, d := range s.Databases {
		if d.Name != s.Server.Database {
			continue
		}
		if d.Owner != "" {
			out = append(out, "ALTER DATABASE "+name+" OWNER TO "+pg.Ident(d.Owner))
		}
		for _, g := range d.Grants {
			grantee := "PUBLIC"
			if g.Grantee != "" {
				grantee = pg.Ident(g.Grantee)
			}
			sql := fmt.Sprintf("GRANT %s ON DATABASE %s TO %s", g.Privilege, name, grantee)
			if g.Grantable && g.Grantee != "" && g.Grantee != d.Owner {
				sql += " WITH GRANT OPTION"
			}
			out = append(out, sql)
		}
	}
	return out
}

// setting gives roles and the database the settings they begin with.
func setting(set catalog.Setting, s *catalog.Snapshot) []string {
	if set.Database != "" && set.Database != s.Server.Database {
		return nil
	}
	subject := "ALTER ROLE ALL"
	switch {
	case set.Role != "":
		subject = "ALTER ROLE " + pg.Ident(set.Role)
	case set.Database != "":
		return []string{fmt.Sprintf("ALTER DATABASE %s SET %s = %s", pg.Ident(set.Database), settingName(set.Name), settingValue(set))}
	}
	if set.Database != "" {
		subject += " IN DATABASE " + pg.Ident(set.Database)
	}
	return []string{fmt.Sprintf("%s SET %s = %s", subject, settingName(set.Name), settingValue(set))}
}

// settingName quotes each part of app.tenant_id.
func settingName(name string) string { return pg.Ident(strings.SplitN(name, ".", 2)...) }

// listSettings hold lists, which are stored quoted already.
var listSettings = map[string]bool{"search_path": true, "temp_tablespaces": true, "session_preload_libraries": true,
	"local_preload_libraries": true, "datestyle": true, "DateStyle": true}

func settingValue(set catalog.Setting) string {
	if listSettings[set.Name] && set.Value != "" {
		return set.Value
	}
	return pg.Literal(set.Value)
}
