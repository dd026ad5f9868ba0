package bench

import (
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/pg"
)

// A Target is a table that can be timed, as plain data.
type Target struct {
	Table  string // identity, as documents name it
	Schema string
	Name   string
	Key    string   // tenant key column; "" where the tenant comes by a parent: then only rows are looked up by their own key
	Type   string   // of Key, as format_type prints it
	ID     []string // primary key; nil: none
	Types  []string // of ID
	Recent string   // a column that says when; "": none
	Role   string   // the application's
	Policy bool     // row security binds Role on it
}

// A query is one kind of tenant-scoped statement. $1 is the tenant, what follows a row's own key, both as text.
type query struct {
	name string
	sql  func(t *Target) string // "": the table does not have what it takes
}

// queries are what applications ask most: one row by its key, a page of a tenant's rows, the newest of them, and how many there are.
var queries = []query{
	{"key_lookup", func(t *Target) string {
		if len(t.ID) == 0 {
			return ""
		}
		return fmt.Sprintf("SELECT * FROM %s WHERE %s", t.sql(), strings.Join(t.idTerms(t.tenantTerm()), " AND "))
	}},
	{"tenant_list", func(t *Target) string {
		if t.Key == "" || len(t.ID) == 0 {
			return ""
		}
		return fmt.Sprintf("SELECT * FROM %s WHERE %s ORDER BY %s LIMIT 50", t.sql(), t.tenantTerm(), t.idList())
	}},
	{"recent", func(t *Target) string {
		if t.Key == "" || t.Recent == "" {
			return ""
		}
		return fmt.Sprintf("SELECT * FROM %s WHERE %s ORDER BY %s DESC LIMIT 20", t.sql(), t.tenantTerm(), pg.Ident(t.Recent))
	}},
	{"count", func(t *Target) string {
		if t.Key == "" {
			return ""
		}
		return fmt.Sprintf("SELECT count(*) FROM %s WHERE %s", t.sql(), t.tenantTerm())
	}},
}

func (t *Target) sql() string { return pg.Ident(t.Schema, t.Name) }

func (t *Target) tenantTerm() string {
	if t.Key == "" {
		return ""
	}
	return fmt.Sprintf("%s = $1::pg_catalog.text::%s", pg.Ident(t.Key), t.Type)
}

// idTerms compares the row's own key; its parameters follow the tenant's where there is one.
func (t *Target) idTerms(tenant string) []string {
	var out []string
	first := 1
	if tenant != "" {
		out, first = append(out, tenant), 2
	}
	for i, column := range t.ID {
		out = append(out, fmt.Sprintf("%s = $%d::pg_catalog.text::%s", pg.Ident(column), first+i, t.Types[i]))
	}
	return out
}

func (t *Target) idList() string {
	out := make([]string, len(t.ID))
	for i, column := range t.ID {
		out[i] = pg.Ident(column)
	}
	return strings.Join(out, ", ")
}

// sampleSQL asks for one row, of the tenant that has most among the first: the tenant's text, then the row's own key's.
func (t *Target) sampleSQL() string {
	tenant := "NULL::pg_catalog.text"
	if t.Key != "" {
		tenant = pg.Ident(t.Key) + "::pg_catalog.text"
	}
	ids := make([]string, len(t.ID))
	for i, column := range t.ID {
		ids[i] = pg.Ident(column) + "::pg_catalog.text"
	}
	return fmt.Sprintf(`WITH part AS (SELECT %[1]s AS tenant, ARRAY[%[2]s]::pg_catalog.text[] AS id FROM %[3]s LIMIT 5000)
SELECT tenant, id FROM part WHERE %[4]s ORDER BY count(*) OVER (PARTITION BY tenant) DESC, tenant, id LIMIT 1`,
		tenant, strings.Join(ids, ", "), t.sql(), map[bool]string{true: "true", false: "tenant IS NOT NULL"}[t.Key == ""])
}
