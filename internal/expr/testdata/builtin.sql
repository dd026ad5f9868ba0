-- What builtin.tsv.gz holds of one version: each row is a line, its columns separated by tabs. The file has, after the kind,
-- the first and the last version with the line, and is sorted by kind, OIDs and version. TestBuiltins compares it with a server.
SELECT 'p', p.oid, proname, coalesce(array_to_string(proargtypes::oid[], ','), ''), prorettype, prokind, proisstrict::int, provolatile, proretset::int,
  provariadic, pronargdefaults, proleakproof::int, CASE WHEN proargmodes IS NULL THEN '' ELSE array_to_string(proargmodes, '') END,
  CASE WHEN proargmodes IS NULL THEN '' ELSE coalesce(array_to_string(proallargtypes, ','), '') END, coalesce(array_to_string(proargnames, ','), '')
FROM pg_proc p WHERE pronamespace = 11 AND p.oid < 12000 AND (prorettype <> 2281 OR prokind <> 'f');
SELECT 'o', oid, oprname, oprleft, oprright, oprresult, oprcode::oid, oprcom, oprnegate,
  coalesce((SELECT min(amopstrategy) FROM pg_amop a JOIN pg_opfamily f ON f.oid = amopfamily WHERE amopopr = o.oid AND amopmethod = 403 AND opfname NOT LIKE '%pattern%'), 0),
  coalesce((SELECT min(opfname::text) FROM pg_amop a JOIN pg_opfamily f ON f.oid = amopfamily WHERE amopopr = o.oid AND amopmethod = 403 AND opfname NOT LIKE '%pattern%'), '')
FROM pg_operator o WHERE oprnamespace = 11 AND oid < 12000;
SELECT 'c', castsource, casttarget, castfunc, castcontext, castmethod FROM pg_cast WHERE oid < 16384 AND castsource < 12000 AND casttarget < 12000;
SELECT 't', oid, typname, format_type(oid, NULL), typtype, typcategory, typispreferred::int, typelem, typarray, typlen, typbyval::int, typalign, typcollation
FROM pg_type WHERE typnamespace = 11 AND oid < 12000 AND typtype IN ('b', 'p', 'r', 'm')
