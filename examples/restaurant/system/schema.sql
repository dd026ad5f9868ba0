-- Reference system A: restaurants that share one database, as it stands before any remediation. The tenant is a restaurant.
--
-- Policies were written, looked right, and never applied: the server connects with a role that bypasses row security. Each trap
-- of the real system is here, marked "trap:".

CREATE ROLE restaurant_owner LOGIN;
CREATE ROLE restaurant_server LOGIN BYPASSRLS; -- trap: no policy ever applied to what the server does
CREATE ROLE restaurant_backup LOGIN BYPASSRLS; -- back-ups and data jobs, on purpose
CREATE ROLE restaurant_login LOGIN;            -- serves PIN login, and reads no table
CREATE ROLE restaurant_operator LOGIN;         -- sets and unlocks PINs: ringfence pin
CREATE ROLE restaurant_trail LOGIN;            -- ships security events, and reads none
CREATE ROLE restaurant_gateway LOGIN;          -- follows revocations
CREATE ROLE restaurant_audit LOGIN;            -- reads the trail

GRANT ALL ON SCHEMA public TO restaurant_owner;
GRANT USAGE ON SCHEMA public TO restaurant_server, restaurant_backup;
ALTER DEFAULT PRIVILEGES FOR ROLE restaurant_owner IN SCHEMA public GRANT SELECT ON TABLES TO restaurant_backup;
ALTER DEFAULT PRIVILEGES FOR ROLE restaurant_owner IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO restaurant_server;

SET ROLE restaurant_owner;
SET search_path = public, pg_catalog;

CREATE TABLE restaurants (
  id uuid PRIMARY KEY, name text NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE user_restaurants (
  restaurant_id uuid NOT NULL REFERENCES restaurants, user_id text NOT NULL, name text NOT NULL, role text NOT NULL DEFAULT 'staff',
  created_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (restaurant_id, user_id));
CREATE TABLE user_pins (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), restaurant_id uuid NOT NULL REFERENCES restaurants,
  user_id text NOT NULL, -- trap: unique over all restaurants, so that who works in two of them has a PIN in one
  pin_hash text NOT NULL, -- trap: a fast hash of four digits, and every tenant's session may read it
  attempts integer NOT NULL DEFAULT 0, locked_until timestamptz, created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT user_pins_user_id_key UNIQUE (user_id));
CREATE TABLE tables (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), restaurant_id uuid NOT NULL REFERENCES restaurants, number integer NOT NULL,
  seats integer NOT NULL DEFAULT 4, UNIQUE (restaurant_id, number));
CREATE TABLE menu_categories (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), restaurant_id uuid NOT NULL REFERENCES restaurants, name text NOT NULL);
CREATE TABLE menu_items (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), restaurant_id uuid NOT NULL REFERENCES restaurants,
  category_id uuid REFERENCES menu_categories, name text NOT NULL, price_cents integer NOT NULL CHECK (price_cents >= 0));
CREATE TABLE orders (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), restaurant_id uuid NOT NULL REFERENCES restaurants,
  table_id uuid REFERENCES tables, status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'preparing', 'served', 'cancelled')),
  scheduled_for timestamptz, taken_by text, created_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX orders_status ON orders (status); -- trap: not led by the tenant
CREATE TABLE order_items (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), restaurant_id uuid NOT NULL REFERENCES restaurants,
  order_id uuid NOT NULL REFERENCES orders, menu_item_id uuid NOT NULL REFERENCES menu_items, quantity integer NOT NULL DEFAULT 1 CHECK (quantity > 0));
CREATE TABLE order_status_history (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), restaurant_id uuid NOT NULL REFERENCES restaurants,
  order_id uuid NOT NULL REFERENCES orders, status text NOT NULL, at timestamptz NOT NULL DEFAULT now());
CREATE TABLE voice_order_logs (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), restaurant_id uuid NOT NULL REFERENCES restaurants,
  session_id text NOT NULL, transcript text NOT NULL, order_id uuid REFERENCES orders, created_at timestamptz NOT NULL DEFAULT now());

-- trap: policies on the tables that somebody thought of; nothing binds the server to them, and one that it would be bound by
-- raises an error where the setting was never made
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY orders_restaurant ON orders USING (restaurant_id = current_setting('app.restaurant_id')::uuid);
ALTER TABLE menu_items ENABLE ROW LEVEL SECURITY;
CREATE POLICY menu_everyone ON menu_items USING (true); -- trap: isolates nothing
RESET ROLE;
