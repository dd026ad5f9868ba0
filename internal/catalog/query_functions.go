package catalog

// A functionRow is a Function while it is being read.
type functionRow struct {
	Function
	support []uint32
}

// A triggerEntry is a Trigger whose function is not named yet.
type triggerEntry struct {
	Trigger
	function uint32
}

// readFunctions are the functions that are always read: the user's own, and those of PostgreSQL that somebody was granted since
// the server was made, which initdb kept from all but superusers, or that are LEAKPROOF and were changed since (rows that initdb made have
// the bootstrap's transaction).
const readFunctions = `(p.pronamespace IN ` + userSchema + ` OR p.pronamespace = 11 AND p.proacl IS NOT NULL AND EXISTS (
	SELECT FROM aclexplode(p.proacl) g WHERE g.grantee <> p.proowner AND NOT EXISTS (
		SELECT FROM pg_init_privs i, aclexplode(i.initprivs) h WHERE i.objoid = p.oid AND i.classoid = 1255 AND h.grantee = g.grantee)
	AND EXISTS (SELECT FROM pg_init_privs i WHERE i.objoid = p.oid AND i.classoid = 1255)) OR p.pronamespace = 11 AND p.proleakproof AND p.xmin <> '1')`

// functionQueries read functions by a condition on pg_proc p; Definition and bodies for the user's own only.
func (b *builder) functionQueries(where string, args ...string) []query {
	const own = `p.pronamespace IN ` + userSchema
	return []query{{name: "functions", take: b.takeFunction, args: args, sql: `SELECT p.oid, p.pronamespace, p.proname::text, p.proargtypes::oid[],
		p.proargnames, p.proargmodes::text[], p.proallargtypes, format_type(p.prorettype, NULL), p.prorettype, p.proretset, p.prokind::text, p.prolang,
		p.proowner, p.prosecdef, p.proleakproof, p.proisstrict, p.provolatile::text, p.proparallel::text, p.procost, p.proconfig,
		CASE WHEN ` + own + ` THEN p.prosrc ELSE '' END, p.prosqlbody::text, ` + b.printed(`CASE WHEN p.prosqlbody IS NOT NULL THEN pg_get_function_sqlbody(p.oid) END`) + `,
		p.proargdefaults::text, pg_get_expr(p.proargdefaults, 0),
		CASE WHEN ` + own + ` AND p.prokind <> 'a' AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 1255 AND d.objid = p.oid
			AND d.refclassid = ` + extensionOID + ` AND d.deptype = 'e') THEN ` + b.printed(`pg_get_functiondef(p.oid)`) + ` ELSE '' END,
		(SELECT ARRAY[a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn, a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn]::oid[]
			FROM pg_aggregate a WHERE a.aggfnoid = p.oid AND ` + own + `),
		p.prosecdef AND p.oid IN (SELECT amproc FROM pg_amproc UNION ALL SELECT rngsubdiff FROM pg_range)
		FROM pg_proc p WHERE ` + where}}
}

var (
	functionKinds = words{"f": "function", "p": "procedure", "a": "aggregate", "w": "window"}
	volatilities  = words{"i": "immutable", "s": "stable", "v": "volatile"}
	parallels     = words{"s": "safe", "r": "restricted", "u": "unsafe"}
	argumentModes = words{"i": "in", "o": "out", "b": "inout", "v": "variadic", "t": "table"}
)

func (b *builder) takeFunction(r *row) {
	f := &functionRow{Function: Function{OID: r.oid(), Schema: b.namespaces[r.oid()], Name: r.text(), ArgumentOIDs: r.oids(), ArgumentNames: r.texts()}}
	for _, mode := range r.texts() {
		f.ArgumentModes = append(f.ArgumentModes, argumentModes.of(mode))
	}
	f.AllArgumentOIDs, f.Result, f.ResultOID, f.ReturnsSet = r.oids(), r.text(), r.oid(), r.bool()
	f.Kind, f.Language, f.Owner = functionKinds.of(r.text()), b.languages[r.oid()], b.role(r.oid())
	f.SecurityDefiner, f.Leakproof, f.Strict = r.bool(), r.bool(), r.bool()
	f.Volatility, f.Parallel, f.Cost, f.Config = volatilities.of(r.text()), parallels.of(r.text()), r.float32(), r.texts()
	f.Source, f.Body, f.Defaults, f.Definition = r.text(), r.tree(), r.tree(), r.text()
	f.support, f.Unasked = r.oids(), r.bool()
	f.System = systemSchema(f.Schema)
	f.Arguments = make([]string, len(f.ArgumentOIDs))
	for i, oid := range f.ArgumentOIDs {
		f.Arguments[i] = b.typeFormat(oid)
	}
	if b.functions[f.OID] == nil {
		b.functions[f.OID] = f
	}
}
