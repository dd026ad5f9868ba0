-- Prints, as one JSON document, the trees of the objects that trees.sql made and the names they need. Kept beside the
-- recordings so that another version can be added: psql -qAtX -f record.sql > trees_N.json
SELECT jsonb_pretty(jsonb_build_object(
 'version', current_setting('server_version_num')::int,
 'relations', (SELECT jsonb_agg(jsonb_build_object('oid', c.oid::int8, 'schema', nspname, 'name', relname, 'columns',
    (SELECT jsonb_agg(jsonb_build_object('num', attnum, 'name', attname, 'type_oid', atttypid::int8) ORDER BY attnum) FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped)) ORDER BY c.oid)
    FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname IN ('s', 'evil') AND relkind IN ('r', 'v', 'c', 'S')),
 'functions', (SELECT jsonb_agg(jsonb_build_object('oid', p.oid::int8, 'schema', nspname, 'name', proname, 'arguments', (SELECT jsonb_agg(format_type(t, NULL) ORDER BY i) FROM unnest(proargtypes) WITH ORDINALITY u(t, i)),
    'argument_oids', (SELECT jsonb_agg(t::int8 ORDER BY i) FROM unnest(proargtypes) WITH ORDINALITY u(t, i)),
    'kind', 'function', 'volatility', 'volatile', 'defaults', CASE WHEN proargdefaults IS NOT NULL THEN jsonb_build_object('node', proargdefaults::text) END) ORDER BY p.oid)
    FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname IN ('s', 'evil')),
 'operators', (SELECT jsonb_agg(jsonb_build_object('oid', o.oid::int8, 'schema', nspname, 'name', oprname, 'left', format_type(oprleft, NULL), 'right', format_type(oprright, NULL)))
    FROM pg_operator o JOIN pg_namespace n ON n.oid = oprnamespace WHERE nspname = 'evil'),
 'types', (SELECT jsonb_agg(jsonb_build_object('oid', t.oid::int8, 'schema', nspname, 'name', typname, 'format', format_type(t.oid, NULL), 'category', typcategory,
    'kind', CASE typtype WHEN 'c' THEN 'composite' WHEN 'd' THEN 'domain' WHEN 'e' THEN 'enum' ELSE 'base' END, 'element', CASE typcategory WHEN 'A' THEN typelem::int8 ELSE 0 END, 'base', typbasetype::int8,
    'length', typlen, 'align', typalign, 'relation', CASE WHEN typrelid <> 0 THEN typrelid::regclass::text END,
    'labels', (SELECT jsonb_agg(enumlabel ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid), 'label_oids', (SELECT jsonb_agg(oid::int8 ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid)) ORDER BY t.oid)
    FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace WHERE nspname = 's'),
 'trees', (SELECT jsonb_object_agg(k, jsonb_build_object('relation', r, 'node', tree, 'text', txt)) FROM (
    SELECT 'policy ' || polname AS k, polrelid::regclass::text AS r, polqual::text AS tree, pg_get_expr(polqual, polrelid) AS txt FROM pg_policy
    UNION ALL SELECT 'check of ' || polname, polrelid::regclass::text, polwithcheck::text, pg_get_expr(polwithcheck, polrelid) FROM pg_policy WHERE polwithcheck IS NOT NULL
    UNION ALL SELECT 'rule ' || c.relname || ' ' || rulename, NULL, ev_action::text, NULL FROM pg_rewrite r JOIN pg_class c ON c.oid = ev_class WHERE relnamespace = 's'::regnamespace
    UNION ALL SELECT 'qual of ' || rulename, ev_class::regclass::text, ev_qual::text, NULL FROM pg_rewrite r JOIN pg_class c ON c.oid = ev_class WHERE relnamespace = 's'::regnamespace AND ev_qual::text <> '<>'
    UNION ALL SELECT 'default ' || c.relname || ' ' || attname, adrelid::regclass::text, adbin::text, pg_get_expr(adbin, adrelid) FROM pg_attrdef d JOIN pg_class c ON c.oid = adrelid JOIN pg_attribute a ON attrelid = adrelid AND attnum = adnum WHERE relnamespace = 's'::regnamespace
    UNION ALL SELECT 'constraint ' || conname, nullif(conrelid, 0)::regclass::text, conbin::text, NULL FROM pg_constraint WHERE contype = 'c' AND connamespace = 's'::regnamespace
    UNION ALL SELECT 'index ' || relname, indrelid::regclass::text, indexprs::text, NULL FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE relnamespace = 's'::regnamespace AND indexprs IS NOT NULL
    UNION ALL SELECT 'predicate ' || relname, indrelid::regclass::text, indpred::text, NULL FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE relnamespace = 's'::regnamespace AND indpred IS NOT NULL
    UNION ALL SELECT 'trigger ' || tgname, tgrelid::regclass::text, tgqual::text, NULL FROM pg_trigger WHERE tgqual IS NOT NULL
    UNION ALL SELECT 'body ' || proname, NULL, prosqlbody::text, NULL FROM pg_proc WHERE prosqlbody IS NOT NULL AND pronamespace = 's'::regnamespace) x)));
