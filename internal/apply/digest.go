package apply

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/plan"
)

// absent is the digest of an object that does not exist.
const absent = "absent"

// relationDigest condenses what steps change on a relation. Indexes count only when valid: a build under way, or one that
// was stopped, is no change. It is apply's own and cheap enough to stand inside a step's transaction, so that a change by
// other hands between two steps, or between two runs, is seen. A plan's own fingerprints come from the Snapshot.
const relationDigest = `SELECT n.nspname::pg_catalog.text, c.relname::pg_catalog.text, pg_catalog.md5(pg_catalog.concat_ws(E'\n',
	ROW(c.relkind, pg_catalog.pg_get_userbyid(c.relowner), c.relrowsecurity, c.relforcerowsecurity, c.reloptions, c.relacl, c.relispartition,
	  pg_catalog.pg_get_expr(c.relpartbound, c.oid), CASE WHEN c.relkind IN ('v', 'm') THEN pg_catalog.pg_get_viewdef(c.oid) END)::pg_catalog.text,
	(SELECT pg_catalog.string_agg(ROW(a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attacl, a.attidentity,
	   a.attgenerated, pg_catalog.pg_get_expr(d.adbin, d.adrelid))::pg_catalog.text, ',' ORDER BY a.attnum)
	 FROM pg_catalog.pg_attribute AS a LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
	 WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
	(SELECT pg_catalog.string_agg(ROW(k.conname, pg_catalog.pg_get_constraintdef(k.oid), k.convalidated)::pg_catalog.text, ',' ORDER BY k.conname)
	 FROM pg_catalog.pg_constraint AS k WHERE k.conrelid = c.oid),
	(SELECT pg_catalog.string_agg(pg_catalog.pg_get_indexdef(i.indexrelid), ',' ORDER BY pg_catalog.pg_get_indexdef(i.indexrelid))
	 FROM pg_catalog.pg_index AS i WHERE i.indrelid = c.oid AND i.indisvalid),
	(SELECT pg_catalog.string_agg(ROW(pg_catalog.pg_get_triggerdef(g.oid), g.tgenabled)::pg_catalog.text, ',' ORDER BY g.tgname)
	 FROM pg_catalog.pg_trigger AS g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal),
	(SELECT pg_catalog.string_agg(ROW(p.polname, p.polcmd, p.polpermissive, ARRAY(SELECT CASE WHEN r = 0 THEN '' ELSE
	   pg_catalog.pg_get_userbyid(r)::pg_catalog.text END FROM pg_catalog.unnest(p.polroles) AS r ORDER BY 1),
	   pg_catalog.pg_get_expr(p.polqual, p.polrelid), pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid))::pg_catalog.text, ',' ORDER BY p.polname)
	 FROM pg_catalog.pg_policy AS p WHERE p.polrelid = c.oid)))
	FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
	JOIN ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])) AS w (schema, name) ON w.schema = n.nspname AND w.name = c.relname
	WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')`

// functionDigest condenses a function, found by the identity that PostgreSQL gives it.
const functionDigest = `SELECT i.identity, pg_catalog.md5(ROW(pg_catalog.pg_get_userbyid(f.proowner), f.prolang, f.prosecdef, f.proleakproof,
	f.provolatile, f.proparallel, f.proisstrict, f.proconfig, f.proacl, f.prosrc, pg_catalog.pg_get_function_sqlbody(f.oid),
	pg_catalog.pg_get_function_result(f.oid))::pg_catalog.text)
	FROM pg_catalog.pg_proc AS f JOIN pg_catalog.pg_namespace AS n ON n.oid = f.pronamespace,
	LATERAL pg_catalog.pg_identify_object('pg_catalog.pg_proc'::pg_catalog.regclass, f.oid, 0) AS i
	WHERE n.nspname = ANY ($1::pg_catalog.text[]) AND i.identity = ANY ($2::pg_catalog.text[])`

// digests condenses the objects that are relations or functions; what is neither (a role, a policy, which its table
// covers) is left out. An object that does not exist has the digest absent.
func digests(ctx context.Context, s *session, objects []string) (map[string]string, error) {
	out := map[string]string{}
	byName := map[relName]string{}
	var schemas, names, fnSchemas, fns []string
	for _, o := range objects {
		if n, ok := parseRel(o); ok {
			byName[n], out[o] = o, absent
			schemas, names = append(schemas, n.schema), append(names, n.name)
			continue
		}
		if n, ok := parseFunction(o); ok {
			out[o] = absent
			fnSchemas, fns = append(fnSchemas, n.schema), append(fns, o)
		}
	}
	type digest struct{ Schema, Name, Sum string }
	if len(names) > 0 {
		found, err := rows(ctx, s, pgx.RowToStructByPos[digest], relationDigest, schemas, names)
		if err != nil {
			return nil, fmt.Errorf("condensing the objects of a step: %w", err)
		}
		for _, d := range found {
			out[byName[relName{d.Schema, d.Name}]] = d.Sum
		}
	}
	if len(fns) > 0 {
		type fn struct{ Identity, Sum string }
		found, err := rows(ctx, s, pgx.RowToStructByPos[fn], functionDigest, fnSchemas, fns)
		if err != nil {
			return nil, fmt.Errorf("condensing the objects of a step: %w", err)
		}
		for _, f := range found {
			out[f.Identity] = f.Sum
		}
	}
	return out, nil
}

// parseFunction reads "schema.name(…".
func parseFunction(identity string) (relName, bool) {
	p := &words{tokens(identity)}
	n, ok := p.qualified()
	return n, ok && p.skip("(") && strings.HasSuffix(identity, ")")
}

// objectsOf lists what a step touches, as the plan names it.
func objectsOf(s *plan.Step) []string {
	var all []string
	for o := range s.Before {
		all = append(all, o)
	}
	for _, o := range []string{s.Table, s.Object} {
		if o != "" {
			all = append(all, o)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
