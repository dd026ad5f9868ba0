package reach

import (
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
)

// A Notification is what a trigger's function sends of the rows that fire it.
type Notification struct {
	// Channels are the names that stand in the body as constants, sorted; a name that is put together is not among them.
	Channels []string
}

// Notifies says whether the body of a trigger's function sends content of the rows of rel by NOTIFY, which is more than which row it
// is and whose: key are the columns that say whose. Nil: it does not. Where the payload is a variable, what the body makes of the row counts.
func Notifies(b *expr.Body, rel *catalog.Relation, key []string) *Notification {
	content, found, out := false, false, &Notification{}
	each := func(visit func(expr.Expr)) {
		for _, s := range b.Statements {
			expr.WalkQuery(s, func(e expr.Expr, _ int) bool { visit(e); return true })
		}
	}
	each(func(e expr.Expr) { content = content || RowContent(e, rel, key) })
	each(func(e expr.Expr) {
		c, ok := e.(*expr.Call)
		if !ok || c.Func == nil || c.Func.Name != "pg_notify" || len(c.Args) != 2 || !RowContent(c.Args[1], rel, key) && !(content && asksVariable(c.Args[1])) {
			return
		}
		found = true
		if k, ok := c.Args[0].(*expr.Const); ok && !k.Null && k.Text != "" {
			out.Channels = append(out.Channels, k.Text)
		}
	})
	for _, text := range b.Dynamic {
		if channel, ok := notifyText(text, rel, key); ok {
			found = true
			if channel != "" {
				out.Channels = append(out.Channels, channel)
			}
		}
	}
	if !found {
		return nil
	}
	slices.Sort(out.Channels)
	out.Channels = slices.Compact(out.Channels)
	return out
}

// asksVariable reports whether an expression looks at a variable other than the fired row.
func asksVariable(e expr.Expr) bool {
	found := false
	expr.WalkDeep(e, func(e expr.Expr, _ int) bool {
		p, ok := e.(*expr.Param)
		found = found || ok && p.Kind == "variable" && !firedRow(p)
		return !found
	})
	return found
}

// notifyText says whether the text of an EXECUTE puts a NOTIFY together out of the fired row, and on which channel.
func notifyText(text string, rel *catalog.Relation, key []string) (channel string, sends bool) {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return r != '_' && r != '.' && r != '$' && r < 128 && (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	at := slices.Index(words, "notify")
	if at < 0 {
		return "", false
	}
	for _, w := range words {
		row, column, dotted := strings.Cut(w, ".")
		if row == "new" || row == "old" {
			sends = sends || !dotted || !namesRow(rel, key, column)
		}
	}
	if at+1 < len(words) && words[at+1] != "i" && words[at+1] != "s" { // %I and %s: the name is put together too
		channel = words[at+1]
	}
	return channel, sends
}

// RowContent says what an expression in a trigger's function holds of the row that fired it: the whole of it, or columns other than
// those that only say which row and whose.
func RowContent(e expr.Expr, rel *catalog.Relation, key []string) bool {
	found := false
	expr.WalkDeep(e, func(e expr.Expr, _ int) bool {
		switch x := e.(type) {
		case *expr.Field:
			if firedRow(x.Arg) {
				found = found || !namesRow(rel, key, x.Name)
				return false
			}
		case *expr.Param:
			found = found || firedRow(x)
		case *expr.Unknown: // the function stands on several tables: its row has no one type
			_, of, ok := strings.Cut(x.Key, `field "`)
			if name, _, _ := strings.Cut(of, `"`); ok && x.Tag == "RECORD" {
				row, column, _ := strings.Cut(name, ".")
				found = found || (row == "new" || row == "old") && !namesRow(rel, key, column)
			}
		}
		return !found
	})
	return found
}

// firedRow reports whether an expression is NEW or OLD.
func firedRow(e expr.Expr) bool {
	p, ok := e.(*expr.Param)
	return ok && p.Kind == "variable" && (p.Name == "new" || p.Name == "old")
}

// namesRow reports whether a column only says which row it is, or whose.
func namesRow(rel *catalog.Relation, key []string, column string) bool {
	if slices.Contains(key, column) {
		return true
	}
	for i := range rel.Constraints {
		if c := &rel.Constraints[i]; c.Kind == "primary" && slices.Contains(c.Columns, column) {
			return true
		}
	}
	return false
}
