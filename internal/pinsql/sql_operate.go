package pinsql

// setBody sets a user's PIN and ends the user's sessions, which it returns. With a generation it changes that one only, and
// returns NULL where it is another by now: a rotation stands on the PIN that was shown. Without one it enrols, and unlocks.
const setBody = `
DECLARE
  found_one boolean;
BEGIN
  IF was IS NULL THEN
    INSERT INTO ringfence.user_pins AS x (tenant, user_id, salt, hash, memory, passes, threads, pepper)
      VALUES (of_tenant, of_user, of_salt, of_hash, of_memory, of_passes, of_threads, of_pepper)
      ON CONFLICT (tenant, user_id) DO UPDATE SET salt = excluded.salt, hash = excluded.hash, memory = excluded.memory, passes = excluded.passes,
        threads = excluded.threads, pepper = excluded.pepper, generation = x.generation + 1, attempts = 0, failures = 0,
        locked_until = NULL, locked_by = NULL, changed_at = clock_timestamp();
  ELSE
    UPDATE ringfence.user_pins x SET salt = of_salt, hash = of_hash, memory = of_memory, passes = of_passes, threads = of_threads,
        pepper = of_pepper, generation = x.generation + 1, changed_at = clock_timestamp()
      WHERE x.tenant = of_tenant AND x.user_id = of_user AND x.generation = was AND x.locked_by IS NULL;
    IF NOT FOUND THEN
      RETURN NULL;
    END IF;
  END IF;
  RETURN ringfence.pin_end_user(of_tenant, of_user, 'pin_changed');
END`

// lockBody locks a PIN until an operator unlocks it, and ends the user's sessions, which it returns; NULL where there is no PIN.
const lockBody = `
BEGIN
  UPDATE ringfence.user_pins x SET locked_until = 'infinity', locked_by = 'operator' WHERE x.tenant = of_tenant AND x.user_id = of_user;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  RETURN ringfence.pin_end_user(of_tenant, of_user, 'locked');
END`

// unlockBody forgets failures and locks; false where there is no PIN.
const unlockBody = `
BEGIN
  UPDATE ringfence.user_pins x SET attempts = 0, failures = 0, locked_until = NULL, locked_by = NULL WHERE x.tenant = of_tenant AND x.user_id = of_user;
  RETURN FOUND;
END`

// removeBody removes a PIN and ends the user's sessions, which it returns; NULL where there is none.
const removeBody = `
BEGIN
  DELETE FROM ringfence.user_pins x WHERE x.tenant = of_tenant AND x.user_id = of_user;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  RETURN ringfence.pin_end_user(of_tenant, of_user, 'removed');
END`

// codeBody keeps a one-time code for a device.
const codeBody = `
BEGIN
  INSERT INTO ringfence.pin_code (digest, tenant, user_id, label, expires_at)
    VALUES (of_digest, of_tenant, of_user, of_label, clock_timestamp() + make_interval(secs => seconds));
END`

// deviceEndBody ends a device of a tenant and the sessions that began on it, which it returns; NULL where there is none.
const deviceEndBody = `
DECLARE
  gone uuid[];
BEGIN
  UPDATE ringfence.pin_device d SET ended_at = clock_timestamp() WHERE d.id = of_device AND d.tenant = of_tenant AND d.ended_at IS NULL;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  WITH ended AS (UPDATE ringfence.pin_session x SET ended_at = clock_timestamp(), ended_by = 'device'
    WHERE x.device = of_device AND x.ended_at IS NULL RETURNING x.id)
  SELECT coalesce(array_agg(e.id ORDER BY e.id), '{}') INTO gone FROM ended e;
  RETURN gone;
END`

// statusBody tells of the PINs of a tenant, or of all where it is NULL: never a hash.
const statusBody = `
BEGIN
  RETURN QUERY SELECT c.tenant, c.user_id,
      CASE WHEN c.locked_until > clock_timestamp() THEN 'locked by ' || c.locked_by ELSE 'open' END, c.attempts, c.locked_until, c.pepper, c.changed_at,
      (SELECT count(*) FROM ringfence.pin_session s WHERE s.tenant = c.tenant AND s.user_id = c.user_id AND s.ended_at IS NULL AND s.expires_at > clock_timestamp())
    FROM ringfence.user_pins c WHERE of_tenant IS NULL OR c.tenant = of_tenant ORDER BY c.tenant, c.user_id;
END`

// devicesBody tells of the devices of a tenant, or of all.
const devicesBody = `
BEGIN
  RETURN QUERY SELECT d.tenant, d.id, d.user_id, d.label, d.enrolled_at, d.ended_at FROM ringfence.pin_device d
    WHERE of_tenant IS NULL OR d.tenant = of_tenant ORDER BY d.tenant, d.enrolled_at, d.id;
END`
