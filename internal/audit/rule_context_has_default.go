package audit

import (
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
)

var contextHasDefault = Rule{
	ID:       "CTX005",
	Name:     "context-has-default",
	Title:    "sessions begin as some tenant",
	Severity: High,
	Fix:      "unset_context_default",
	Source:   "73",
	Doc: `ALTER ROLE or ALTER DATABASE ... SET gives the tenant setting a value in every new session. A request that forgot its tenant is then not
refused: it is served as that one.

Reset it. Without a tenant there must be no rows.`,

	Check: func(in *Input, report func(Finding)) {
		for _, s := range in.Model.Snapshot.Settings {
			if !isContext(in, s.Name) || (s.Database != "" && s.Database != in.Model.Snapshot.Server.Database) {
				continue
			}
			f := Finding{Object: object(s), ObjectType: "role", Severity: Info}
			if s.Role == "" {
				f.ObjectType = "database"
			}
			if app, path, ok := in.holder(s.Role); ok {
				f.Severity, f.Role, f.Path = High, app, path
			}
			f.Detail = fmt.Sprintf("%s is set there by default.", s.Name)
			f.Fix = &Fix{SQL: reset(s), Why: "a session without a tenant reaches no rows"}
			report(f)
		}
	},
}

func isContext(in *Input, name string) bool {
	for _, c := range in.Model.Contexts {
		if (c.Kind == "setting" || c.Kind == "claim") && strings.EqualFold(c.Name, name) {
			return true
		}
	}
	return false
}

// object names what the setting hangs on: the role where there is one, else the database.
func object(s catalog.Setting) string {
	if s.Role != "" {
		return catalog.QuoteIdent(s.Role)
	}
	return catalog.QuoteIdent(s.Database)
}

// reset is the SQL that takes the setting back.
func reset(s catalog.Setting) string {
	name := pg.Ident(strings.Split(s.Name, ".")...)
	switch {
	case s.Role == "" && s.Database == "":
		return "ALTER ROLE ALL RESET " + name
	case s.Role == "":
		return fmt.Sprintf("ALTER DATABASE %s RESET %s", pg.Ident(s.Database), name)
	case s.Database == "":
		return fmt.Sprintf("ALTER ROLE %s RESET %s", pg.Ident(s.Role), name)
	}
	return fmt.Sprintf("ALTER ROLE %s IN DATABASE %s RESET %s", pg.Ident(s.Role), pg.Ident(s.Database), name)
}
