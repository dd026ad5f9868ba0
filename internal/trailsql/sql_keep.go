package trailsql

// checkpointBody adds a signed checkpoint; one of the same size that is there already is left as it is, and the answer is false.
const checkpointBody = `
BEGIN
  INSERT INTO ringfence.trail_checkpoint (node, epoch, size, sequence, event_id, root, frontier, note)
    VALUES (of_node, of_epoch, of_size, of_sequence, of_id, of_root, of_frontier, of_note)
    ON CONFLICT (node, epoch, size) DO NOTHING;
  RETURN FOUND;
END`

// tailBody gives what a node needs to go on with a chain's tree: the last checkpoint, and the hashes stored since, up to a sequence.
const tailBody = `
DECLARE
  last ringfence.trail_checkpoint;
BEGIN
  SELECT c.* INTO last FROM ringfence.trail_checkpoint c WHERE c.node = of_node AND c.epoch = of_epoch AND c.sequence <= up_to ORDER BY c.size DESC LIMIT 1;
  RETURN QUERY SELECT coalesce(last.size, 0), coalesce(last.sequence, 0), last.event_id, coalesce(last.frontier, '{}'),
      coalesce(array_agg(e.sequence ORDER BY e.sequence), '{}'), coalesce(array_agg(e.event_id ORDER BY e.sequence), '{}'), coalesce(array_agg(e.hash ORDER BY e.sequence), '{}')
    FROM ringfence.trail_event e
    WHERE e.node = of_node AND e.epoch = of_epoch AND e.sequence > coalesce(last.sequence, 0) AND e.sequence <= up_to
      AND (last.event_id IS NULL OR e.id >= (left(last.event_id::text, 13) || '-0000-0000-000000000000')::uuid);
END`

// aheadBody makes the partitions of this month and of months to come, and returns the names of those it made.
const aheadBody = `
DECLARE
  made text[] := '{}';
  part text;
BEGIN
  IF months NOT BETWEEN 0 AND 24 THEN
    RAISE EXCEPTION 'partitions are made for 0 to 24 months ahead, not %', months USING ERRCODE = 'invalid_parameter_value';
  END IF;
  FOR m IN 0 .. months LOOP
    part := ringfence.trail_month(date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => m));
    IF part IS NOT NULL THEN
      made := made || part;
    END IF;
  END LOOP;
  RETURN made;
END`

// retireBody takes whole months that ended before a moment out of the trail: detached (the table stays, out of the trail) or dropped.
// What went is recorded first, with the hash of every event, so that chains and checkpoints still verify. It goes back no nearer than a
// month, and never touches trail_event_other.
const retireBody = `
DECLARE
  part record;
  kept text;
  gone text[] := '{}';
BEGIN
  IF mode NOT IN ('detach', 'drop') OR coalesce(btrim(why), '') = '' THEN
    RAISE EXCEPTION 'months are retired by detach or drop, with a reason' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF before > now() - interval '1 month' THEN
    RAISE EXCEPTION 'months that ended less than a month ago are not retired' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM pg_advisory_xact_lock(7234017283807667300);
  FOR part IN SELECT c.relname, to_timestamp(substr(c.relname, 13) || '01', 'YYYYMMDD')::timestamp AS low
                FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid
               WHERE i.inhparent = 'ringfence.trail_event'::regclass AND c.relname ~ '^trail_event_[0-9]{6}$' ORDER BY 1 LOOP
    CONTINUE WHEN part.low + interval '1 month' > before AT TIME ZONE 'UTC';
    EXECUTE format('LOCK TABLE ringfence.%I IN ACCESS EXCLUSIVE MODE', part.relname);
    INSERT INTO ringfence.trail_retired (partition, node, epoch, first_sequence, last_sequence, previous_hash, hashes, mode, reason, retired_by)
      SELECT part.relname, r.node, r.epoch, min(r.sequence), max(r.sequence), (array_agg(r.previous_hash ORDER BY r.sequence))[1],
             string_agg(r.hash, ''::bytea ORDER BY r.sequence), trail_retire.mode, trail_retire.why, session_user
        FROM (SELECT e.*, e.sequence - row_number() OVER (PARTITION BY e.node, e.epoch ORDER BY e.sequence) AS run
                FROM ringfence.trail_event e
               WHERE e.id >= ringfence.trail_bound(part.low) AND e.id < ringfence.trail_bound(part.low + interval '1 month')) r
       GROUP BY r.node, r.epoch, r.run, r.sequence / 100000;
    IF NOT FOUND THEN
      INSERT INTO ringfence.trail_retired (partition, mode, reason, retired_by) VALUES (part.relname, trail_retire.mode, trail_retire.why, session_user);
    END IF;
    EXECUTE format('ALTER TABLE ringfence.trail_event DETACH PARTITION ringfence.%I', part.relname);
    IF trail_retire.mode = 'drop' THEN
      EXECUTE format('DROP TABLE ringfence.%I', part.relname);
    ELSE
      kept := 'trail_retired_' || substr(part.relname, 13);
      EXECUTE format('ALTER TABLE ringfence.%I RENAME TO %I', part.relname, kept);
    END IF;
    gone := gone || part.relname::text;
  END LOOP;
  RETURN gone;
END`
