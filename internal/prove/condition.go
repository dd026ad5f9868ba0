package prove

import (
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// conditions writes composed predicates as SQL again. What was composed are the expressions that the catalogue stores, so each
// is printed as PostgreSQL itself prints it; a predicate with anything else in it (a view's own filter) has no SQL here. It is
// not safe for concurrent use.
type conditions struct {
	reader *expr.Reader
	texts  map[*catalog.Relation]map[expr.Expr]string
	named  map[string]map[string]string // relation and role → identity of an expression with the role written in → its text
}

func newConditions(m *tenancy.Model) *conditions {
	return &conditions{reader: m.Reader, texts: map[*catalog.Relation]map[expr.Expr]string{}, named: map[string]map[string]string{}}
}

// sql returns the predicate as SQL over a row of rel, for user to evaluate, and whether all of it could be written.
func (c *conditions) sql(rel *catalog.Relation, user string, e expr.Expr) (string, bool) {
	if text, ok := c.stored(rel)[e]; ok && text != "" {
		return "(" + text + ")", true
	}
	switch e := e.(type) {
	case *expr.Const:
		if e.Known && !e.Null && (e.Text == "true" || e.Text == "false") {
			return e.Text, true
		}
	case *expr.Logic:
		if text, ok := c.logic(rel, user, e); ok {
			return text, true
		}
	}
	text, ok := c.written(rel, user)[c.reader.Identity(e)]
	return "(" + text + ")", ok
}

func (c *conditions) logic(rel *catalog.Relation, user string, e *expr.Logic) (string, bool) {
	var parts []string
	for _, a := range e.Args {
		part, ok := c.sql(rel, user, a)
		if !ok {
			return "", false
		}
		parts = append(parts, part)
	}
	if e.Op == "not" {
		return fmt.Sprintf("(NOT %s)", strings.Join(parts, "")), true
	}
	return "(" + strings.Join(parts, " "+strings.ToUpper(e.Op)+" ") + ")", true
}

// stored indexes the expressions of rel's policies by what the reader made of them.
func (c *conditions) stored(rel *catalog.Relation) map[expr.Expr]string {
	if known, ok := c.texts[rel]; ok {
		return known
	}
	out := map[expr.Expr]string{}
	for i := range rel.Policies {
		for _, tree := range []*catalog.Tree{rel.Policies[i].Using, rel.Policies[i].Check} {
			if tree == nil {
				continue
			}
			if e, err := c.reader.Expression(tree, rel); err == nil && e != nil {
				out[e] = tree.Text
			}
		}
	}
	c.texts[rel] = out
	return out
}

// written indexes the expressions of rel's policies that ask who runs them by what they become with user written in: so they
// stand in predicates that are reached as another role, and evaluated as that role the stored text says the same.
func (c *conditions) written(rel *catalog.Relation, user string) map[string]string {
	key := fmt.Sprint(rel.OID, "\x00", user)
	if known, ok := c.named[key]; ok {
		return known
	}
	out := map[string]string{}
	for e, text := range c.stored(rel) {
		out[c.reader.Identity(expr.Rewrite(e, func(n expr.Expr, _ int) (expr.Expr, bool) {
			v, ok := n.(*expr.SessionValue)
			if !ok || v.Name != "current_user" && v.Name != "current_role" && v.Name != "user" {
				return nil, false
			}
			return &expr.Const{TypeOID: v.TypeOID, Known: true, Text: user}, true
		}))] = text
	}
	c.named[key] = out
	return out
}
