package trailsql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/definer"
	"github.com/ringfencehq/ringfence/internal/pg"
)

// The ways in which a role may use the trail.
const (
	Writer = "writer" // ships events: may append, and nothing else
	Reader = "reader" // reads events, checkpoints and what was retired
	Keeper = "keeper" // makes partitions ahead, and retires old months
)

// Uses are all ways to use the trail.
var Uses = []string{Writer, Reader, Keeper}

// ReadPolicy is the policy by which the reader sees the trail's rows.
const ReadPolicy = "trail_read"

// granted lists what a use grants, as what stands after GRANT and before TO.
func granted(use string) []string {
	var out []string
	for _, f := range Functions() {
		if f.For == use {
			out = append(out, "EXECUTE ON FUNCTION "+f.Signature())
		}
	}
	if use == Reader {
		for _, t := range Tables() {
			out = append(out, "SELECT ON "+qualified(t))
		}
	}
	return out
}

// Grant returns the statements that open the trail to a role for a use; schema says whether it needs USAGE on the schema, too.
func Grant(use, role string, schema SchemaUse) []string {
	var out []string
	if schema {
		out = append(out, "GRANT USAGE ON SCHEMA "+Schema+" TO "+pg.Ident(role))
	}
	for _, g := range granted(use) {
		out = append(out, "GRANT "+g+" TO "+pg.Ident(role))
	}
	if use == Reader {
		for _, t := range Tables() {
			out = append(out, fmt.Sprintf("CREATE POLICY %s ON %s FOR SELECT TO %s USING (true)", ReadPolicy, qualified(t), pg.Ident(role)))
		}
	}
	return asOwner(out)
}

// SchemaUse says whether USAGE on the schema goes with a grant.
type SchemaUse bool

// WithSchema has USAGE on the schema granted too, WithoutSchema leaves it to another grant.
const (
	WithSchema    SchemaUse = true
	WithoutSchema SchemaUse = false
)

// Revoke takes Grant back. Where the trail's functions or tables are gone already there is nothing to take.
func Revoke(use, role string, schema SchemaUse) []string {
	var out []string
	if use == Reader {
		for _, t := range Tables() {
			out = append(out, fmt.Sprintf("DROP POLICY IF EXISTS %s ON %s", ReadPolicy, qualified(t)))
		}
	}
	for _, g := range granted(use) {
		out = append(out, "REVOKE "+g+" FROM "+pg.Ident(role))
	}
	if schema {
		out = append(out, "REVOKE USAGE ON SCHEMA "+Schema+" FROM "+pg.Ident(role))
	}
	return asOwner(out)
}

// asOwner runs statements with the owner's rights: a superuser has them, and who may administer the owner takes them until the end.
func asOwner(statements []string) []string {
	return slices.Concat([]string{definer.Return(Owner)}, statements, []string{definer.Leave(Owner)})
}

// GrantDone is a query for one boolean: may the role use the trail so?
func GrantDone(use, role string) string {
	is := "x.grantee = (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = " + pg.Literal(role) + ")"
	var facts []string
	for _, f := range Functions() {
		if f.For == use {
			facts = append(facts, f.Granted(role))
		}
	}
	if use == Reader {
		for _, t := range Tables() {
			facts = append(facts, fmt.Sprintf("EXISTS (SELECT %s AND c.relname = %s AND EXISTS (SELECT FROM pg_catalog.aclexplode(c.relacl) x WHERE x.privilege_type = 'SELECT' AND %s)"+
				" AND EXISTS (SELECT FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_roles r ON p.polroles = ARRAY[r.oid] WHERE p.polrelid = c.oid AND p.polname = %s AND p.polcmd = 'r' AND r.rolname = %s))",
				ofClass, pg.Literal(t), is, pg.Literal(ReadPolicy), pg.Literal(role)))
		}
	}
	return "SELECT " + strings.Join(facts, "\n   AND ")
}
