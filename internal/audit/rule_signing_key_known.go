package audit

import (
	"fmt"
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/reach"
)

var signingKeyKnown = Rule{
	ID:       "CTX009",
	Name:     "signing-key-known",
	Title:    "the application role knows the key that signs the tenant",
	Severity: Critical,
	Fix:      "revoke",
	Source:   "verified attack: a signed context whose key is readable",
	Doc: `The function that policies rest on checks a signature, and the key stands where the application role reads it: in a table on which it has SELECT, or in a setting, which
every session reads and may even set. Injected SQL signs itself a token for any tenant.

Keep the key in a table of the function's owner, which only SECURITY DEFINER functions read.`,

	Check: func(in *Input, report func(Finding)) {
		told := map[string]bool{}
		in.eachCalled("CTX009", func(c called) {
			if c.body == nil || in.canTouch(c.rel) == nil {
				return
			}
			tables, settings := signingKeys(c.body)
			for _, t := range tables {
				w := in.canTouch(t, reach.Select)
				if w == nil || told[t.Identity()] {
					continue
				}
				told[t.Identity()] = true
				report(Finding{
					Object: t.Identity(), ObjectType: string(t.Kind), Table: t.Identity(), Role: w.Role, Path: w.Path, Command: string(reach.Select),
					Detail: fmt.Sprintf("%s, on which policy %s rests, takes the key from it.", c.function.Identity(), c.policy.Identity(c.rel)),
					Fix:    &Fix{SQL: "REVOKE ALL ON TABLE " + t.Identity() + " FROM " + pg.Ident(w.As), Why: "the application no longer reads the key"},
				})
			}
			if f := c.function.Identity(); len(settings) > 0 && !told[f] {
				told[f] = true
				report(Finding{
					Object: f, ObjectType: "function", Table: c.rel.Identity(), Role: in.canTouch(c.rel).Role,
					Detail: fmt.Sprintf("It takes the key from %s. Policy %s rests on it.", list(settings), c.policy.Identity(c.rel)),
				})
			}
		})
	},
}

// digests are the functions, PostgreSQL's own or an extension's, that make a signature or a digest of what they are given.
var digests = []string{"hmac", "digest", "verify", "md5", "sha224", "sha256", "sha384", "sha512"}

// madeOf returns the arguments of a call that makes a signature; hmac and verify are given the key apart, second.
func madeOf(e expr.Expr) (args []expr.Expr, key expr.Expr) {
	c, ok := e.(*expr.Call)
	if !ok || c.Func == nil || !c.Func.System && c.Func.Extension == "" || !slices.Contains(digests, c.Func.Name) {
		return nil, nil
	}
	if (c.Func.Name == "hmac" || c.Func.Name == "verify") && len(c.Args) > 1 {
		key = c.Args[1]
	}
	return c.Args, key
}

// signingKeys lists the tables that a body takes what it signs with from, and the settings. A key in a variable comes from any table that
// the body reads.
func signingKeys(b *expr.Body) (tables []*catalog.Relation, settings []string) {
	variable := false
	add := func(q *expr.Query) {
		expr.Queries(q, func(q *expr.Query) {
			for i := range q.Range {
				if r := q.Range[i].Relation; r != nil && !r.System && !slices.Contains(tables, r) {
					tables = append(tables, r)
				}
			}
		})
	}
	for _, q := range b.Statements {
		expr.WalkQuery(q, func(e expr.Expr, _ int) bool {
			args, key := madeOf(e)
			for _, a := range args {
				expr.WalkDeep(a, func(e expr.Expr, _ int) bool {
					if s, ok := e.(*expr.SubLink); ok {
						add(s.Query)
					}
					return true
				})
			}
			if key == nil {
				return true
			}
			variable = variable || ofVariable(key)
			expr.WalkDeep(key, func(e expr.Expr, _ int) bool {
				if c, ok := expr.ContextOf(e); ok && c.Kind != "user" && !slices.Contains(settings, c.Name) {
					settings = append(settings, c.Name)
				}
				return true
			})
			return true
		})
	}
	if variable {
		for _, q := range b.Statements {
			add(q)
		}
	}
	return tables, settings
}
