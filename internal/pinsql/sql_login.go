package pinsql

// chargeBody counts one try against a key and returns how many seconds to wait where that was one too many, else NULL. A
// window begins with its first try. One statement, so that no two tries count as one.
const chargeBody = `
DECLARE
  c record;
BEGIN
  INSERT INTO ringfence.pin_throttle AS t (kind, key, ends_at, count)
    VALUES (of_kind, sha256(convert_to(of_key, 'UTF8')), clock_timestamp() + make_interval(secs => seconds), 1)
    ON CONFLICT (kind, key) DO UPDATE SET
      count = CASE WHEN t.ends_at <= clock_timestamp() THEN 1 ELSE t.count + 1 END,
      ends_at = CASE WHEN t.ends_at <= clock_timestamp() THEN excluded.ends_at ELSE t.ends_at END
    RETURNING t.count, t.ends_at INTO c;
  IF c.count > most THEN
    RETURN greatest(1, extract(epoch FROM c.ends_at - clock_timestamp()));
  END IF;
  RETURN NULL;
END`

// refundBody takes back a try that turned out right: throttles count what is wrong.
const refundBody = `
BEGIN
  UPDATE ringfence.pin_throttle t SET count = greatest(0, t.count - 1) WHERE t.kind = of_kind AND t.key = sha256(convert_to(of_key, 'UTF8'));
END`

// admitBody decides whether a try may go on to be hashed, and for which tenant: that of the device, never one that was sent. A
// network pays for every try; device, user and tenant only where the device is an enrolled one, so that nobody without a device
// shuts anybody out. Keys are charged in one order, from the narrow to the wide, and the first that has none left ends it.
const admitBody = `
DECLARE
  d ringfence.pin_device;
  who text;
BEGIN
  wait := ringfence.pin_charge('network', of_network, most[1], seconds);
  IF wait IS NOT NULL THEN
    state := 'network';
    RETURN NEXT;
    RETURN;
  END IF;
  SELECT x.* INTO d FROM ringfence.pin_device x WHERE x.id = of_device AND x.secret = of_secret AND x.ended_at IS NULL;
  IF NOT FOUND THEN
    state := 'unknown';
    RETURN NEXT;
    RETURN;
  END IF;
  tenant := d.tenant;
  bound := d.user_id;
  who := coalesce(d.user_id, of_user);
  state := 'device';
  wait := ringfence.pin_charge('device', d.id::text, most[2], seconds);
  IF wait IS NULL THEN
    state := 'user';
    wait := ringfence.pin_charge('user', length(d.tenant) || ':' || d.tenant || who, most[3], seconds);
  END IF;
  IF wait IS NULL THEN
    state := 'tenant';
    wait := ringfence.pin_charge('tenant', d.tenant, most[4], seconds);
  END IF;
  IF wait IS NULL THEN
    state := 'go';
  END IF;
  RETURN NEXT;
END`

// beginBody counts a try before it is made, under the row's lock, and hands out what it is compared with. However many tries come
// at once, no more than tries of them are compared between two that are right. The one that uses the last up locks the row at
// once; when it turns out right pin_finish takes the lock away again. After ever failures without a right one between them only
// an operator unlocks.
const beginBody = `
DECLARE
  c ringfence.user_pins;
BEGIN
  SELECT x.* INTO c FROM ringfence.user_pins x WHERE x.tenant = of_tenant AND x.user_id = of_user FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    state := 'unknown';
    RETURN NEXT;
    RETURN;
  END IF;
  IF c.locked_until > clock_timestamp() THEN
    state := 'locked';
    RETURN NEXT;
    RETURN;
  END IF;
  c.attempts := CASE WHEN c.locked_until IS NULL THEN c.attempts + 1 ELSE 1 END;
  last := c.attempts >= tries OR c.failures + 1 >= ever;
  UPDATE ringfence.user_pins x SET attempts = c.attempts, failures = c.failures + 1,
      locked_until = CASE WHEN c.failures + 1 >= ever THEN 'infinity' WHEN last THEN clock_timestamp() + make_interval(secs => seconds) END,
      locked_by = CASE WHEN last THEN 'tries' END
    WHERE x.tenant = of_tenant AND x.user_id = of_user;
  state := 'try';
  salt := c.salt;
  hash := c.hash;
  memory := c.memory;
  passes := c.passes;
  threads := c.threads;
  pepper := c.pepper;
  generation := c.generation;
  RETURN NEXT;
END`

// finishBody forgets the failures after a right PIN, gives the throttles their try back, and begins a session where one is named.
// It is false where the PIN was changed or locked by an operator meanwhile: then it is right no longer.
const finishBody = `
BEGIN
  UPDATE ringfence.user_pins x SET attempts = 0, failures = 0, locked_until = NULL, locked_by = NULL
    WHERE x.tenant = of_tenant AND x.user_id = of_user AND x.generation = of_generation AND x.locked_by IS DISTINCT FROM 'operator';
  IF NOT FOUND OR NOT EXISTS (SELECT FROM ringfence.pin_device d WHERE d.id = of_device AND d.tenant = of_tenant AND d.ended_at IS NULL) THEN
    RETURN false;
  END IF;
  PERFORM ringfence.pin_refund('network', of_network);
  PERFORM ringfence.pin_refund('device', of_device::text);
  PERFORM ringfence.pin_refund('user', length(of_tenant) || ':' || of_tenant || of_user);
  PERFORM ringfence.pin_refund('tenant', of_tenant);
  IF of_session IS NOT NULL THEN
    INSERT INTO ringfence.pin_session (id, tenant, user_id, device, expires_at)
      VALUES (of_session, of_tenant, of_user, of_device, clock_timestamp() + make_interval(secs => seconds));
  END IF;
  RETURN true;
END`

// refreshBody exchanges the refresh token of a generation for the next. An older generation is a token that somebody else has
// used, or is using: the session ends, whoever it was.
const refreshBody = `
DECLARE
  s ringfence.pin_session;
BEGIN
  SELECT x.* INTO s FROM ringfence.pin_session x WHERE x.id = of_session FOR UPDATE;
  IF NOT FOUND THEN
    state := 'unknown';
    RETURN NEXT;
    RETURN;
  END IF;
  tenant := s.tenant;
  user_id := s.user_id;
  IF s.ended_at IS NOT NULL OR s.expires_at <= clock_timestamp() THEN
    state := 'ended';
  ELSIF s.device IS DISTINCT FROM of_device
     OR NOT EXISTS (SELECT FROM ringfence.pin_device d WHERE d.id = of_device AND d.secret = of_secret AND d.ended_at IS NULL) THEN
    state := 'device';
  ELSIF s.generation <> of_generation THEN
    UPDATE ringfence.pin_session x SET ended_at = clock_timestamp(), ended_by = 'reuse' WHERE x.id = s.id;
    state := 'reused';
  ELSE
    UPDATE ringfence.pin_session x SET generation = s.generation + 1 WHERE x.id = s.id;
    state := 'go';
  END IF;
  RETURN NEXT;
END`

// endBody ends a session, once, and says whose it was.
const endBody = `
BEGIN
  RETURN QUERY UPDATE ringfence.pin_session x SET ended_at = clock_timestamp(), ended_by = why
    WHERE x.id = of_session AND x.ended_at IS NULL RETURNING x.tenant, x.user_id;
END`

// endUserBody ends all sessions of a user and returns them.
const endUserBody = `
DECLARE
  gone uuid[];
BEGIN
  WITH ended AS (UPDATE ringfence.pin_session x SET ended_at = clock_timestamp(), ended_by = why
    WHERE x.tenant = of_tenant AND x.user_id = of_user AND x.ended_at IS NULL RETURNING x.id)
  SELECT coalesce(array_agg(e.id ORDER BY e.id), '{}') INTO gone FROM ended e;
  RETURN gone;
END`

// claimBody takes a one-time code for a device. Nothing is returned for one that is unknown, used or too old.
const claimBody = `
DECLARE
  c ringfence.pin_code;
BEGIN
  DELETE FROM ringfence.pin_code x WHERE x.digest = of_digest RETURNING x.* INTO c;
  IF NOT FOUND OR c.expires_at <= clock_timestamp() THEN
    RETURN;
  END IF;
  INSERT INTO ringfence.pin_device (id, tenant, user_id, secret, label) VALUES (of_device, c.tenant, c.user_id, of_secret, c.label);
  RETURN QUERY SELECT c.tenant, c.user_id, c.label;
END`

// sweepBody forgets what has ended: windows at once, codes and sessions a week later.
const sweepBody = `
BEGIN
  DELETE FROM ringfence.pin_throttle t WHERE t.ends_at <= clock_timestamp();
  DELETE FROM ringfence.pin_code c WHERE c.expires_at <= clock_timestamp() - interval '7 days';
  DELETE FROM ringfence.pin_session s WHERE coalesce(s.ended_at, s.expires_at) <= clock_timestamp() - interval '7 days';
END`
