-- Reference system B: a call-centre SaaS, as it stands before any remediation. The tenant is an organisation.
--
-- Everything runs as one role that owns the tables and bypasses row security, through a transaction-mode pooler. Some tables
-- already carry a policy; none of them isolates anything. Each trap of the real system is here, marked "trap:".

CREATE ROLE callcenter_owner LOGIN BYPASSRLS; -- trap: the application connects as the owner, and bypasses row security
CREATE ROLE callcenter_backup NOLOGIN BYPASSRLS; -- back-ups and data jobs, on purpose

CREATE SCHEMA callcenter AUTHORIZATION callcenter_owner;
CREATE SCHEMA "Telephony" AUTHORIZATION callcenter_owner; -- trap: a name that needs quoting
GRANT USAGE ON SCHEMA callcenter, "Telephony" TO callcenter_backup;
ALTER DEFAULT PRIVILEGES FOR ROLE callcenter_owner IN SCHEMA callcenter GRANT SELECT ON TABLES TO callcenter_backup;

SET ROLE callcenter_owner;
SET search_path = callcenter, pg_catalog;

CREATE TABLE organizations (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text NOT NULL, plan text NOT NULL DEFAULT 'basic',
  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz);

-- Organisation and roles ---------------------------------------------------------------------------------------------------

CREATE TABLE users ( -- trap: belongs to organisations through org_members; login finds it before any tenant is known
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), email text NOT NULL UNIQUE, password_hash text NOT NULL, full_name text,
  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz);
CREATE TABLE org_roles (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT NULL REFERENCES organizations, name text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(), UNIQUE (organization_id, name));
CREATE TABLE org_members (
  organization_id uuid NOT NULL REFERENCES organizations,
  user_id text NOT NULL, -- trap: text here, uuid in users
  role_id uuid REFERENCES org_roles, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz,
  PRIMARY KEY (organization_id, user_id));
CREATE TABLE role_permissions (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT NULL REFERENCES organizations,
  role_id uuid NOT NULL REFERENCES org_roles, permission text NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE plan_usage_limits (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT NULL REFERENCES organizations, metric text NOT NULL,
  "limit" bigint NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), UNIQUE (organization_id, metric));
CREATE TABLE usage_meters (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT NULL REFERENCES organizations, metric text NOT NULL,
  used bigint NOT NULL DEFAULT 0 CHECK (used >= 0), created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE team_invites (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT NULL REFERENCES organizations, email text NOT NULL,
  expires_at timestamptz NOT NULL DEFAULT now() + interval '7 days', created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz);
CREATE TABLE tool_access (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  organization_id uuid REFERENCES organizations, -- trap: nullable
  tool text NOT NULL, enabled boolean NOT NULL DEFAULT true, created_at timestamptz NOT NULL DEFAULT now());

-- AI and analytics ---------------------------------------------------------------------------------------------------------

CREATE TABLE campaigns (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT NULL REFERENCES organizations, name text NOT NULL,
  status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'running', 'paused', 'done')),
  starts_at timestamptz, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz);
CREATE INDEX campaigns_org_idx ON campaigns (organization_id, created_at); -- trap: a good index, not to be doubled
CREATE TABLE campaign_calls ( -- trap: no tenant column; the tenant is the campaign's
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), campaign_id uuid NOT NULL REFERENCES campaigns, phone text NOT NULL,
  outcome text, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz);
CREATE TABLE artifacts ( -- trap: likewise
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), campaign_id uuid NOT NULL REFERENCES campaigns, kind text NOT NULL, url text,
  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz);
CREATE TABLE ai_call_events (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT NULL REFERENCES organizations, call_id uuid,
  event_type text NOT NULL, payload jsonb NOT NULL DEFAULT '{}', created_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX ai_call_events_type_idx ON ai_call_events (event_type, organization_id); -- trap: leads with another column
CREATE TABLE ai_summaries (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT NULL REFERENCES organizations, call_id uuid,
  summary text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz);
ALTER TABLE ai_summaries ENABLE ROW LEVEL SECURITY;
CREATE POLICY org_isolation_ai_summaries ON ai_summaries -- trap: the name that the plan would choose, open when unset
  USING (organization_id = current_setting('app.current_org_id', true)::uuid OR current_setting('app.current_org_id', true) IS NULL);
CREATE TABLE bond_ai_copilot_contexts (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT NULL REFERENCES organizations, context jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now());

-- Collections and CRM ------------------------------------------------------------------------------------------------------

CREATE TABLE collection_accounts (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT NULL REFERENCES organizations, debtor text NOT NULL,
  balance numeric(12,2) NOT NULL DEFAULT 0 CHECK (balance >= 0), created_at timestamptz NOT NULL DEFAULT now());
CREATE FUNCTION collection_accounts_touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW.debtor := btrim(NEW.debtor); RETURN NEW; END $$;
CREATE TRIGGER set_updated_at BEFORE UPDATE ON collection_accounts -- trap: the name that the plan would choose, another function
  FOR EACH ROW EXECUTE FUNCTION collection_accounts_touch();
CREATE TABLE collection_calls (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT NULL REFERENCES organizations,
  account_id uuid NOT NULL REFERENCES collection_accounts, -- trap: a foreign key without the tenant
  "from" text, "to" text, started_at timestamptz, created_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX collection_calls_account_idx ON collection_calls (account_id);
CREATE TABLE collection_csv_imports (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT NULL REFERENCES organizations, file_name text NOT NULL,
  rows integer NOT NULL DEFAULT 0, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE collection_letters (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT NULL REFERENCES organizations,
  account_id uuid NOT NULL REFERENCES collection_accounts, body text NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE collection_payments (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT NULL REFERENCES organizations,
  account_id uuid NOT NULL REFERENCES collection_accounts, amount numeric(12,2) NOT NULL CHECK (amount > 0),
  paid_on date NOT NULL DEFAULT current_date, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE collection_tasks (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT NULL REFERENCES organizations,
  account_id uuid REFERENCES collection_accounts, title text NOT NULL, due_on date, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE crm_contacts (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT NULL REFERENCES organizations,
  email text, phone text, full_name text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (email)); -- trap: a unique key without the tenant
CREATE TABLE crm_interactions (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT NULL REFERENCES organizations,
  contact_id uuid NOT NULL REFERENCES crm_contacts, channel text NOT NULL, note text, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE customer_history (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT NULL REFERENCES organizations,
  contact_id uuid REFERENCES crm_contacts, entry text NOT NULL, created_at timestamptz NOT NULL DEFAULT now());

-- Call workflow ------------------------------------------------------------------------------------------------------------

CREATE TABLE disposition_workflows (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT NULL REFERENCES organizations, name text NOT NULL,
  definition jsonb NOT NULL DEFAULT '{}', created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE disposition_outcomes (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT NULL REFERENCES organizations,
  workflow_id uuid REFERENCES disposition_workflows, code text NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE call_confirmations (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT NULL REFERENCES organizations, call_id uuid,
  confirmed boolean NOT NULL DEFAULT false, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE compliance_monitoring (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT NULL REFERENCES organizations, rule text NOT NULL,
  violated boolean NOT NULL DEFAULT false, created_at timestamptz NOT NULL DEFAULT now());
ALTER TABLE compliance_monitoring ENABLE ROW LEVEL SECURITY;
CREATE POLICY compliance_org ON compliance_monitoring -- trap: the second name of the setting, which nobody sets
  USING (organization_id = NULLIF(current_setting('app.current_organization_id', true), '')::uuid);
CREATE TABLE recordings (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT NULL REFERENCES organizations, call_id uuid, url text NOT NULL,
  seconds integer NOT NULL DEFAULT 0, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz);
ALTER TABLE recordings ENABLE ROW LEVEL SECURITY;
CREATE POLICY recordings_org ON recordings
  USING (organization_id = NULLIF(current_setting('app.current_org_id', true), '')::uuid);
CREATE POLICY recordings_support ON recordings FOR SELECT USING (true); -- trap: undoes the first

-- Communications -----------------------------------------------------------------------------------------------------------

CREATE TABLE email_logs (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT NULL REFERENCES organizations, recipient text NOT NULL,
  subject text, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE ivr_sessions (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT NULL REFERENCES organizations, caller text, menu_path text[],
  created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE telnyx_call_events ( -- trap: partitioned, and the large one
  id bigint GENERATED ALWAYS AS IDENTITY, organization_id uuid NOT NULL REFERENCES organizations, call_id uuid NOT NULL,
  event_type text NOT NULL, payload jsonb, created_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (id, created_at)
) PARTITION BY RANGE (created_at);
-- trap: names whose derived index names collide after 63 bytes, and one that needs quoting
CREATE TABLE telnyx_call_events_of_the_european_points_of_presence_h1_2026 PARTITION OF telnyx_call_events FOR VALUES FROM ('2026-01-01') TO ('2026-07-01');
CREATE TABLE telnyx_call_events_of_the_european_points_of_presence_h2_2026 PARTITION OF telnyx_call_events FOR VALUES FROM ('2026-07-01') TO ('2027-01-01');
CREATE TABLE "telnyx call events: the rest" PARTITION OF telnyx_call_events DEFAULT;
CREATE TABLE webhook_event_types ( -- trap: reference data, read by all and written by none of the tenants
  code text PRIMARY KEY, description text NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE webhook_retry_history (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT NULL REFERENCES organizations,
  event_type text NOT NULL REFERENCES webhook_event_types, attempt integer NOT NULL DEFAULT 1, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE surveys (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT NULL REFERENCES organizations, question text NOT NULL,
  score integer CHECK (score BETWEEN 0 AND 10), created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz);
CREATE INDEX surveys_org_idx ON surveys (organization_id); -- trap: a good index, not to be doubled

-- Security and infrastructure ----------------------------------------------------------------------------------------------

CREATE TABLE verification_codes (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT NULL REFERENCES organizations, code_hash text NOT NULL,
  expires_at timestamptz NOT NULL DEFAULT now() + interval '10 minutes', created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz);
CREATE TABLE "Telephony".sip_trunks (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT NULL REFERENCES organizations, host text NOT NULL,
  secret text NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE "Telephony".webrtc_credentials (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT NULL REFERENCES organizations, username text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE "Telephony".voice_configs (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT NULL REFERENCES organizations, "Voice Name" text NOT NULL DEFAULT 'alloy',
  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz);
CREATE TABLE "Telephony".webrtc_sessions (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT NULL REFERENCES organizations,
  credential_id uuid REFERENCES "Telephony".webrtc_credentials, started_at timestamptz NOT NULL DEFAULT now(), created_at timestamptz NOT NULL DEFAULT now());

-- Ways around the tables ---------------------------------------------------------------------------------------------------

CREATE VIEW open_accounts AS -- trap: runs as its owner
  SELECT id, organization_id, debtor, balance FROM collection_accounts WHERE balance > 0;
CREATE FUNCTION usage_totals() RETURNS TABLE (organization_id uuid, metric text, used bigint) -- trap: every tenant's rows
  LANGUAGE sql STABLE SECURITY DEFINER AS $$ SELECT m.organization_id, m.metric, sum(m.used)::bigint FROM callcenter.usage_meters m GROUP BY 1, 2 $$;
CREATE FUNCTION login_lookup(login text) RETURNS TABLE (user_id uuid, password_hash text) -- open on purpose: login knows no tenant yet
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
  AS $$ SELECT u.id, u.password_hash FROM callcenter.users u WHERE u.email = login $$;

RESET search_path;
RESET ROLE;
