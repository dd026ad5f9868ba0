-- What the call centre does before it knows a tenant, beside callcenter.login_lookup(text): one narrow function for each, run
-- as the tables' owner after the plan was applied. Each answers for what it was given, and lists nothing.

-- A telephony provider reports an event of a call on one trunk; whose it is, the trunk says. NULL where there is no such trunk.
CREATE FUNCTION callcenter.webhook_received(trunk uuid, call uuid, event text) RETURNS bigint
  LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
  AS $$ INSERT INTO callcenter.telnyx_call_events (organization_id, call_id, event_type)
        SELECT t.organization_id, call, event FROM "Telephony".sip_trunks t
        JOIN callcenter.webhook_event_types e ON e.code = event WHERE t.id = trunk RETURNING id $$;
REVOKE ALL ON FUNCTION callcenter.webhook_received(uuid, uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION callcenter.webhook_received(uuid, uuid, text) TO callcenter_app;
