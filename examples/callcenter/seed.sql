-- Rows for the reference system: :organizations tenants, :events rows in the large table. Both are settings of the session
-- (seed.organizations, seed.events), so that a test can change them and see the figures change.
SET session_replication_role = replica; -- the rows refer to each other by construction: a million checks are spared
SET ROLE callcenter_owner;
SET search_path = callcenter, pg_catalog;
SELECT setseed(0.42);

INSERT INTO organizations (id, name)
  SELECT ('00000000-0000-4000-8000-' || lpad(to_hex(g), 12, '0'))::uuid, 'Organisation ' || g
  FROM generate_series(1, current_setting('seed.organizations')::int) g;
INSERT INTO users (email, password_hash, full_name)
  SELECT 'user' || g || '@example.com', 'x', 'User ' || g FROM generate_series(1, current_setting('seed.organizations')::int) g;
INSERT INTO org_roles (organization_id, name) SELECT id, 'agent' FROM organizations;
INSERT INTO org_members (organization_id, user_id, role_id)
  SELECT o.id, u.id::text, r.id
  FROM (SELECT id, row_number() OVER (ORDER BY name) AS n FROM organizations) o
  JOIN (SELECT id, row_number() OVER (ORDER BY email) AS n FROM users) u USING (n)
  JOIN org_roles r ON r.organization_id = o.id;
INSERT INTO role_permissions (organization_id, role_id, permission) SELECT organization_id, id, 'calls.read' FROM org_roles;
INSERT INTO plan_usage_limits (organization_id, metric, "limit") SELECT id, 'minutes', 1000 FROM organizations;
INSERT INTO usage_meters (organization_id, metric, used) SELECT id, 'minutes', 10 FROM organizations;
INSERT INTO team_invites (organization_id, email) SELECT id, 'invite@example.com' FROM organizations;
INSERT INTO tool_access (organization_id, tool) SELECT id, 'dialer' FROM organizations;
INSERT INTO campaigns (organization_id, name, status) SELECT id, 'Spring', 'running' FROM organizations;
INSERT INTO campaign_calls (campaign_id, phone) SELECT id, '+3100000000' FROM campaigns;
INSERT INTO artifacts (campaign_id, kind) SELECT id, 'script' FROM campaigns;
INSERT INTO ai_call_events (organization_id, event_type) SELECT id, 'intent' FROM organizations;
INSERT INTO ai_summaries (organization_id, summary) SELECT id, 'Called back' FROM organizations;
INSERT INTO bond_ai_copilot_contexts (organization_id) SELECT id FROM organizations;
INSERT INTO collection_accounts (organization_id, debtor, balance) SELECT id, 'Debtor of ' || name, 100 FROM organizations;
INSERT INTO collection_calls (organization_id, account_id, "from", "to") SELECT organization_id, id, '+31', '+32' FROM collection_accounts;
INSERT INTO collection_csv_imports (organization_id, file_name) SELECT id, 'accounts.csv' FROM organizations;
INSERT INTO collection_letters (organization_id, account_id, body) SELECT organization_id, id, 'Dear debtor' FROM collection_accounts;
INSERT INTO collection_payments (organization_id, account_id, amount) SELECT organization_id, id, 10 FROM collection_accounts;
INSERT INTO collection_tasks (organization_id, account_id, title) SELECT organization_id, id, 'Call' FROM collection_accounts;
INSERT INTO crm_contacts (organization_id, email, full_name) SELECT id, 'contact-' || id || '@example.com', 'Contact' FROM organizations;
INSERT INTO crm_interactions (organization_id, contact_id, channel) SELECT organization_id, id, 'voice' FROM crm_contacts;
INSERT INTO customer_history (organization_id, contact_id, entry) SELECT organization_id, id, 'created' FROM crm_contacts;
INSERT INTO disposition_workflows (organization_id, name) SELECT id, 'default' FROM organizations;
INSERT INTO disposition_outcomes (organization_id, workflow_id, code) SELECT organization_id, id, 'promise' FROM disposition_workflows;
INSERT INTO call_confirmations (organization_id) SELECT id FROM organizations;
INSERT INTO compliance_monitoring (organization_id, rule) SELECT id, 'quiet-hours' FROM organizations;
INSERT INTO recordings (organization_id, url) SELECT id, 'recordings/1.wav' FROM organizations;
INSERT INTO email_logs (organization_id, recipient) SELECT id, 'someone@example.com' FROM organizations;
INSERT INTO ivr_sessions (organization_id, caller) SELECT id, '+33' FROM organizations;
INSERT INTO webhook_event_types (code, description) VALUES ('call.ended', 'A call ended'), ('call.answered', 'A call was answered');
INSERT INTO webhook_retry_history (organization_id, event_type) SELECT id, 'call.ended' FROM organizations;
INSERT INTO surveys (organization_id, question, score) SELECT id, 'Were you helped?', 8 FROM organizations;
INSERT INTO verification_codes (organization_id, code_hash) SELECT id, 'x' FROM organizations;
INSERT INTO "Telephony".sip_trunks (organization_id, host, secret) SELECT id, 'sip.example.com', 'x' FROM organizations;
INSERT INTO "Telephony".webrtc_credentials (organization_id, username) SELECT id, 'agent' FROM organizations;
INSERT INTO "Telephony".voice_configs (organization_id) SELECT id FROM organizations;
INSERT INTO "Telephony".webrtc_sessions (organization_id, credential_id) SELECT organization_id, id FROM "Telephony".webrtc_credentials;

INSERT INTO telnyx_call_events (organization_id, call_id, event_type, created_at)
  SELECT ('00000000-0000-4000-8000-' || lpad(to_hex(1 + g % current_setting('seed.organizations')::int), 12, '0'))::uuid,
         md5(g::text)::uuid, CASE g % 3 WHEN 0 THEN 'call.ended' ELSE 'call.answered' END,
         timestamptz '2026-01-01' + (g % 525600) * interval '1 minute'
  FROM generate_series(1, current_setting('seed.events')::int) g;

RESET search_path;
RESET ROLE;
RESET session_replication_role;
