package trailsql

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/definer"
)

// A Function is one of the trail's functions, as it must stand in the catalogue; For is writer, keeper or nobody.
type Function = definer.Function

// Functions are the trail's functions, each after those that it calls.
func Functions() []Function {
	return []Function{
		{Name: "trail_refuse", Result: "trigger", Body: refuseBody},
		{Name: "trail_bound", Arguments: "at timestamp", Types: "timestamp", Result: "uuid", Body: boundBody},
		{Name: "trail_month", Arguments: "month timestamp", Types: "timestamp", Result: "text", Body: monthBody},
		{Name: "trail_append", Arguments: appendArguments, Types: appendTypes, Result: "TABLE (stored_id uuid, stored_hash bytea)",
			Body: appendBody, Definer: true, For: "writer"},
		{Name: "trail_checkpoint_add", Arguments: "of_node text, of_epoch bigint, of_size bigint, of_sequence bigint, of_id uuid, of_root bytea, of_frontier bytea[], of_note text",
			Types: "text, bigint, bigint, bigint, uuid, bytea, bytea[], text", Result: "boolean", Body: checkpointBody, Definer: true, For: "writer"},
		{Name: "trail_tail", Arguments: "of_node text, of_epoch bigint, up_to bigint", Types: "text, bigint, bigint",
			Result: "TABLE (size bigint, last_sequence bigint, last_id uuid, frontier bytea[], sequences bigint[], ids uuid[], hashes bytea[])", Body: tailBody, Definer: true, For: "writer"},
		{Name: "trail_ahead", Arguments: "months integer", Types: "integer", Result: "text[]", Body: aheadBody, Definer: true, For: "keeper"},
		{Name: "trail_retire", Arguments: "before timestamp with time zone, mode text, why text", Types: "timestamp with time zone, text, text",
			Result: "text[]", Body: retireBody, Definer: true, For: "keeper"},
	}
}

// IsOwn reports whether a function of the catalogue is one of the trail's, unchanged: by its schema, name, owner and body.
func IsOwn(schema, name, owner, body string) bool {
	return schema == Schema && owner == Owner && slices.ContainsFunc(Functions(), func(f Function) bool { return f.Name == name && f.Body == body })
}

// refuseBody is what every UPDATE, DELETE and TRUNCATE of the trail meets, the owner's too.
const refuseBody = `
BEGIN
  RAISE EXCEPTION '% of %.% is refused: the trail is append-only', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END`

// boundBody is the least UUIDv7 of a time, which is UTC.
const boundBody = `
DECLARE
  digits text := lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0');
BEGIN
  RETURN (substr(digits, 1, 8) || '-' || substr(digits, 9, 4) || '-0000-0000-000000000000')::uuid;
END`

// monthBody makes the partition of a month where it is missing, and returns its name then. Where events of the month already
// lie in trail_event_other they stay there, and so does the month. ATTACH lets readers and writers of other months go on.
const monthBody = `
DECLARE
  low timestamp := date_trunc('month', month);
  part text := 'trail_event_' || to_char(low, 'YYYYMM');
BEGIN
  IF to_regclass('ringfence.' || part) IS NOT NULL THEN
    RETURN NULL;
  END IF;
  PERFORM pg_advisory_xact_lock(7234017283807667300);
  IF to_regclass('ringfence.' || part) IS NOT NULL THEN
    RETURN NULL;
  END IF;
  IF EXISTS (SELECT FROM ringfence.trail_event e WHERE e.id >= ringfence.trail_bound(low) AND e.id < ringfence.trail_bound(low + interval '1 month')) THEN
    RETURN NULL;
  END IF;
  EXECUTE format('CREATE TABLE ringfence.%I (LIKE ringfence.trail_event INCLUDING ALL)', part);
  EXECUTE format('ALTER TABLE ringfence.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', part);
  EXECUTE format('CREATE TRIGGER trail_refuse_statement BEFORE UPDATE OR DELETE OR TRUNCATE ON ringfence.%I FOR EACH STATEMENT EXECUTE FUNCTION ringfence.trail_refuse()', part);
  EXECUTE format('ALTER TABLE ringfence.trail_event ATTACH PARTITION ringfence.%I FOR VALUES FROM (%L) TO (%L)',
                 part, ringfence.trail_bound(low), ringfence.trail_bound(low + interval '1 month'));
  EXECUTE format('ALTER TABLE ringfence.%I ENABLE ALWAYS TRIGGER trail_refuse_statement', part);
  EXECUTE format('ALTER TABLE ringfence.%I ENABLE ALWAYS TRIGGER trail_refuse_row', part);
  RETURN part;
END`

// The arrays of the append function, one for each column in the order of Columns.
const (
	appendArguments = "ids uuid[], types text[], users text[], tenants text[], attempted text[], sessions text[], addresses text[], agents text[]," +
		" severities text[], created timestamp with time zone[], event_ids uuid[], nodes text[], epochs bigint[], sequences bigint[], counts bigint[]," +
		" firsts timestamp with time zone[], lasts timestamp with time zone[], details jsonb[], hashes bytea[], previous bytea[]"
	appendTypes = "uuid[], text[], text[], text[], text[], text[], text[], text[], text[], timestamp with time zone[], uuid[], text[], bigint[], bigint[]," +
		" bigint[], timestamp with time zone[], timestamp with time zone[], jsonb[], bytea[], bytea[]"
)

// appendBody stores the events that are new and returns, for each one asked for, the hash of what stands under its key. Partitions of the
// months around now are made on the way; events of other months, from clocks that are wrong, go to trail_event_other. The rows are
// first put in plainly, which is a third cheaper; where a key is taken, all are put in again past the taken ones. The last statement has a snapshot of
// its own, so that it sees what another session committed while this one waited for it. Arrays are read by subscript, at no cost
// since PL/pgSQL holds them expanded; unnest of twenty arrays would write each to a store of its own.
const appendBody = `
DECLARE
  low uuid;
  high uuid;
  month timestamp;
  month_low uuid;
  month_high uuid;
BEGIN
  IF cardinality(ids) > 10000 THEN
    RAISE EXCEPTION 'a batch of % events is over the limit of 10000', cardinality(ids) USING ERRCODE = 'program_limit_exceeded';
  END IF;
  SELECT u INTO low FROM unnest(ids) u ORDER BY u LIMIT 1;
  SELECT u INTO high FROM unnest(ids) u ORDER BY u DESC LIMIT 1;
  FOR months_back IN -2 .. 13 LOOP
    month := date_trunc('month', now() AT TIME ZONE 'UTC') - make_interval(months => months_back);
    month_low := ringfence.trail_bound(month);
    month_high := ringfence.trail_bound(month + interval '1 month');
    IF month_high > low AND month_low <= high AND EXISTS (SELECT FROM unnest(ids) u WHERE u >= month_low AND u < month_high) THEN
      PERFORM ringfence.trail_month(month);
    END IF;
  END LOOP;
  BEGIN
    ` + appendInsert + `;
    RETURN QUERY SELECT * FROM unnest(ids, hashes);
    RETURN;
  EXCEPTION WHEN unique_violation THEN
    NULL;
  END;
  ` + appendInsert + ` ON CONFLICT (id) DO NOTHING;
  RETURN QUERY SELECT e.id, e.hash FROM unnest(ids) WITH ORDINALITY u (id, n) JOIN ringfence.trail_event e ON e.id = u.id ORDER BY u.n;
END`

const appendInsert = `INSERT INTO ringfence.trail_event (id, event_type, user_id, authenticated_tenant_id, attempted_tenant_id, session_id, ip_address, user_agent,
      severity, created_at, event_id, node, epoch, sequence, count, first_at, last_at, detail, hash, previous_hash)
    SELECT ids[i], types[i], users[i], tenants[i], attempted[i], sessions[i], addresses[i], agents[i], severities[i], created[i], event_ids[i],
      nodes[i], epochs[i], sequences[i], counts[i], firsts[i], lasts[i], details[i], hashes[i], previous[i]
      FROM generate_series(1, cardinality(ids)) i`
