package plan

import (
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/signed"
)

// A PolicyShape is a policy that Ringfence writes: which rows belong to the tenant of the context.
//
// It is rendered twice: as SQL for people and the server (sql), and as the server prints it back under a search_path of
// pg_catalog (printed). Done compares the printed form. With that path pinned, the server qualifies each function, type,
// relation and explicit operator that is not pg_catalog's; what it prints without naming (the "=" inside NULLIF, the function
// behind a cast) is in pg_depend unless it is pg_catalog's own. So equal text, and no dependency on any function or operator but
// the verifier of signed contexts, where it is asked, means the same stored tree: a policy of that name with other meaning, or with a planted operator, is not done.
type PolicyShape struct {
	Name    string    `json:"name"`
	Command string    `json:"command"` // ALL, SELECT, …
	Rows    Predicate `json:"rows"`
}

// A Predicate is one of: every row, a key compared to the context, a parent that is the tenant's.
type Predicate struct {
	Every  bool        `json:"every,omitempty"`
	Key    *KeyTest    `json:"key,omitempty"`
	Parent *ParentTest `json:"parent,omitempty"`
}

// A KeyTest compares a column to the tenant context.
type KeyTest struct {
	Column     string `json:"column"`
	ColumnCast string `json:"column_cast,omitempty"` // text, where the column's own "=" is not identity or not pg_catalog's
	Type       string `json:"type,omitempty"`        // what the setting is cast to; "": it is text
	Setting    string `json:"setting"`
	// Path leads to a claim where the setting holds a JSON document; empty: the setting is the value itself.
	Path []string `json:"path,omitempty"`
	// Signed compares with what the verifier of signed contexts gives, instead of a setting.
	Signed bool `json:"signed,omitempty"`
}

// A ParentTest finds the row's tenant through another table.
type ParentTest struct {
	Table Name      `json:"table"`
	On    []Pair    `json:"on"`
	Rows  Predicate `json:"rows"` // which of the other table's rows are the tenant's
}

// A Pair is one equality between this table and the other, each side cast where the types have no equality of their own.
type Pair struct {
	Column     string `json:"column"` // of this table
	ColumnCast string `json:"column_cast,omitempty"`
	Ref        string `json:"ref"` // of the other
	RefCast    string `json:"ref_cast,omitempty"`
}

func castSQL(operand, cast string) string {
	if cast == "" {
		return operand
	}
	return operand + "::" + cast
}

func castPrinted(operand, cast string) string {
	if cast == "" {
		return operand
	}
	return "(" + operand + ")::" + cast
}

// verifier is the call of the function that gives a signed context's tenant.
const verifier = signed.Schema + "." + signed.Function + "()"

func (k KeyTest) sql(qualifier string) string {
	if k.Signed {
		return fmt.Sprintf("%s = (SELECT %s)", castSQL(qualifier+pg.Ident(k.Column), k.ColumnCast), castSQL(verifier, k.Type))
	}
	setting := fmt.Sprintf("NULLIF(current_setting(%s, true), '')", lit(k.Setting))
	switch len(k.Path) {
	case 0:
	case 1:
		setting = fmt.Sprintf("NULLIF(%s::jsonb ->> %s, '')", setting, lit(k.Path[0]))
	default:
		setting = fmt.Sprintf("NULLIF(%s::jsonb #>> %s, '')", setting, lit(pathArray(k.Path)))
	}
	setting = castSQL(setting, k.Type)
	return fmt.Sprintf("%s = (SELECT %s)", castSQL(qualifier+pg.Ident(k.Column), k.ColumnCast), setting)
}

func (k KeyTest) printed(qualifier string) string {
	if k.Signed {
		return fmt.Sprintf("(%s = ( SELECT %s AS %s))", castPrinted(qualifier+printedIdent(k.Column), k.ColumnCast), castPrinted(verifier, k.Type), signed.Function)
	}
	setting := fmt.Sprintf("NULLIF(current_setting(%s::text, true), ''::text)", printedLiteral(k.Setting))
	switch len(k.Path) {
	case 0:
	case 1:
		setting = fmt.Sprintf("NULLIF(((%s)::jsonb ->> %s::text), ''::text)", setting, printedLiteral(k.Path[0]))
	default:
		setting = fmt.Sprintf("NULLIF(((%s)::jsonb #>> %s::text[]), ''::text)", setting, printedLiteral(pathArray(k.Path)))
	}
	column := castPrinted(qualifier+printedIdent(k.Column), k.ColumnCast)
	return fmt.Sprintf(`(%s = ( SELECT %s AS "nullif"))`, column, castPrinted(setting, k.Type))
}

// pathArray writes a path as array_out does: elements are quoted where they are empty, NULL, or hold what has a meaning there.
func pathArray(path []string) string {
	out := make([]string, len(path))
	for i, p := range path {
		out[i] = p
		if p == "" || strings.EqualFold(p, "null") || strings.ContainsAny(p, `{},"\ `+"\t\n\v\f\r") {
			out[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(p) + `"`
		}
	}
	return "{" + strings.Join(out, ",") + "}"
}

// sql writes the predicate over table; level counts the sub-queries around it.
func (p Predicate) sql(table, qualifier string, level int) string {
	switch {
	case p.Key != nil:
		return p.Key.sql(qualifier)
	case p.Parent != nil:
		return p.Parent.sql(table, level)
	default:
		return "true"
	}
}

func (p Predicate) printed(table, qualifier string, level int) string {
	switch {
	case p.Key != nil:
		return p.Key.printed(qualifier)
	case p.Parent != nil:
		return p.Parent.printed(table, level)
	default:
		return "true"
	}
}

func (t *ParentTest) sql(outer string, level int) string {
	alias := parentAlias(outer, level)
	var terms []string
	for _, on := range t.On {
		ref, column := castSQL(alias+"."+pg.Ident(on.Ref), on.RefCast), castSQL(pg.Ident(outer)+"."+pg.Ident(on.Column), on.ColumnCast)
		terms = append(terms, ref+" = "+column)
	}
	terms = append(terms, t.Rows.sql(alias, alias+".", level+1))
	return fmt.Sprintf("EXISTS (SELECT 1 FROM %s %s WHERE %s)", t.Table.sql(), alias, strings.Join(terms, " AND "))
}

func (t *ParentTest) printed(outer string, level int) string {
	alias, indent := parentAlias(outer, level), strings.Repeat(" ", 8*level)
	var terms []string
	for _, on := range t.On {
		ref, column := castPrinted(alias+"."+printedIdent(on.Ref), on.RefCast), castPrinted(printedIdent(outer)+"."+printedIdent(on.Column), on.ColumnCast)
		terms = append(terms, "("+ref+" = "+column+")")
	}
	terms = append(terms, t.Rows.printed(alias, alias+".", level+1))
	return fmt.Sprintf("(EXISTS ( SELECT 1\n%s   FROM %s %s\n%s  WHERE (%s)))",
		indent, t.Table.Identity(), alias, indent, strings.Join(terms, " AND "))
}

// parentAlias names the parent in the sub-query; never like the table it stands in, which the server would rename.
func parentAlias(outer string, level int) string {
	alias := fmt.Sprintf("parent%d", level+1)
	if alias == outer {
		alias += "_row"
	}
	return alias
}

// asksVerifier reports whether the predicate asks the verifier of signed contexts.
func (p Predicate) asksVerifier() bool {
	return p.Key != nil && p.Key.Signed || p.Parent != nil && p.Parent.Rows.asksVerifier()
}

// using and check give the clauses the command takes; "" where it takes none.
func (p PolicyShape) using(table string) string {
	if p.Command == "INSERT" {
		return ""
	}
	return p.Rows.sql(table, "", 0)
}

func (p PolicyShape) check(table string) string {
	if p.Command == "SELECT" || p.Command == "DELETE" {
		return ""
	}
	return p.Rows.sql(table, "", 0)
}

// UsingSQL returns the condition under which a row is visible, over the columns of table (its name without a schema); "" where the
// policy is for INSERT only. It is meant for a search_path of pg_catalog.
func (p PolicyShape) UsingSQL(table string) string { return p.using(table) }
