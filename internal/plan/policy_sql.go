package plan

import (
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/pg"
)

// createPolicySQL writes CREATE POLICY for a shape: permissive and TO PUBLIC, since before 15.20 and its sister releases a
// role could drop a policy that is TO itself by DROP OWNED BY CURRENT_USER.
func createPolicySQL(table Name, p PolicyShape) string {
	return policySQL(table, StoredPolicy{
		Name: p.Name, Command: p.Command, Permissive: true, Using: p.using(table.Name), Check: p.check(table.Name),
	})
}

// policySQL writes CREATE POLICY for a policy as it stands.
func policySQL(table Name, p StoredPolicy) string {
	var b strings.Builder
	kind := "PERMISSIVE"
	if !p.Permissive {
		kind = "RESTRICTIVE"
	}
	to := "PUBLIC"
	if len(p.Roles) > 0 {
		to = idents(p.Roles)
	}
	fmt.Fprintf(&b, "CREATE POLICY %s ON %s AS %s FOR %s TO %s", pg.Ident(p.Name), table.sql(), kind, p.Command, to)
	if p.Using != "" {
		fmt.Fprintf(&b, "\n  USING (%s)", p.Using)
	}
	if p.Check != "" {
		fmt.Fprintf(&b, "\n  WITH CHECK (%s)", p.Check)
	}
	return b.String()
}

// restorePolicySQL makes a policy again as it was, with its comment.
func restorePolicySQL(table Name, p StoredPolicy) []string {
	out := []string{policySQL(table, p)}
	if p.Comment != "" {
		out = append(out, fmt.Sprintf("COMMENT ON POLICY %s ON %s IS %s", pg.Ident(p.Name), table.sql(), lit(p.Comment)))
	}
	return out
}

func dropPolicySQL(table Name, policy string) string {
	return fmt.Sprintf("DROP POLICY %s ON %s", pg.Ident(policy), table.sql())
}

// polcmd is pg_policy's letter for a command.
var polcmd = map[string]string{"ALL": "*", "SELECT": "r", "INSERT": "a", "UPDATE": "w", "DELETE": "d"}

// policyDone asks whether the table has the policy with exactly this meaning; see PolicyShape for why that is sound.
func policyDone(table Name, p PolicyShape) string {
	printed := func(clause, sql string) string {
		if sql == "" {
			return "p." + clause + " IS NULL"
		}
		return fmt.Sprintf("pg_catalog.pg_get_expr(p.%s, p.polrelid) = %s", clause, lit(p.Rows.printed(table.Name, "", 0)))
	}
	but := ""
	if p.Rows.asksVerifier() {
		but = " AND d.refobjid IS DISTINCT FROM pg_catalog.to_regprocedure(" + lit(verifier) + ")::pg_catalog.oid"
	}
	return exists(ofRelation(table, "JOIN pg_catalog.pg_policy p ON p.polrelid = c.oid"),
		"p.polname = "+lit(p.Name), "p.polcmd = "+lit(polcmd[p.Command]), "p.polpermissive", "p.polroles = '{0}'::pg_catalog.oid[]",
		printed("polqual", p.using(table.Name)), printed("polwithcheck", p.check(table.Name)),
		"NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass AND d.objid = p.oid"+
			" AND d.refclassid IN ('pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_operator'::pg_catalog.regclass)"+but+")")
}

// policyAbsent asks whether the table has no policy of that name. A table that is gone has none.
func policyAbsent(table Name, policy string) string {
	return "SELECT NOT EXISTS (SELECT " + ofRelation(table, "JOIN pg_catalog.pg_policy p ON p.polrelid = c.oid") + " AND p.polname = " + lit(policy) + ")"
}

// policyOn is pg_identify_object's name of a policy.
func policyOn(policy string, table Name) string {
	return printedIdent(policy) + " on " + table.Identity()
}
