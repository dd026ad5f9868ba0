package prove

import (
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/reach"
)

// statement is the SQL by which a reader reproduces the way, for people: the roles taken first, then the command at its end.
func statement(w *reach.Way) string {
	var sql []string
	target := w.Relation.Identity()
	for _, h := range w.Path {
		if w.Planted != nil && h.Via != "set_role" {
			return strings.Join(append(sql, "CREATE OR REPLACE FUNCTION "+w.Planted.Identity()+" …"), "; ")
		}
		switch h.Via {
		case "set_role":
			sql = append(sql, "SET ROLE "+catalog.QuoteIdent(h.Name))
		case "view", "matview", "rule", "partition", "parent", "foreign_table":
			target = h.Name
		case "trigger":
			if w.Kind == reach.Inference {
				return strings.Join(append(sql, "LISTEN …"), "; ")
			}
		case "function":
			return strings.Join(append(sql, "SELECT * FROM "+h.Name), "; ")
		}
	}
	return strings.Join(append(sql, commandOn(w, target)), "; ")
}

func commandOn(w *reach.Way, target string) string {
	column := "…"
	if len(w.Relation.Columns) > 0 {
		column = catalog.QuoteIdent(w.Relation.Columns[len(w.Relation.Columns)-1].Name)
	}
	switch w.Command {
	case reach.Insert:
		if w.Variant == "copy" {
			return fmt.Sprintf("COPY %s FROM STDIN", target)
		}
		if w.Variant == "on_conflict" {
			return fmt.Sprintf("INSERT INTO %s VALUES (…) ON CONFLICT (…) DO UPDATE SET %s = EXCLUDED.%s", target, column, column)
		}
		return fmt.Sprintf("INSERT INTO %s VALUES (…)", target)
	case reach.Update:
		if w.Variant != "" {
			return fmt.Sprintf("UPDATE %s SET %s = …", target, column)
		}
		return fmt.Sprintf("UPDATE %s SET %s = … WHERE …", target, column)
	case reach.Delete:
		if w.Variant != "" {
			return "DELETE FROM " + target
		}
		return fmt.Sprintf("DELETE FROM %s WHERE …", target)
	case reach.Truncate:
		return "TRUNCATE " + target
	case reach.Select:
		if w.Variant == "copy" {
			return fmt.Sprintf("COPY %s TO STDOUT", target)
		}
		return "SELECT * FROM " + target
	}
	return fmt.Sprintf("%s ON %s", w.Command, target)
}
