-- The shop of the tutorial: tenants share five tables and a view, and nothing keeps them apart. For an empty database of a server
-- that has no such roles yet.
CREATE ROLE shop_owner LOGIN;
CREATE ROLE shop_app LOGIN;
GRANT CREATE ON SCHEMA public TO shop_owner;
SET ROLE shop_owner;
CREATE TABLE tenants (id uuid PRIMARY KEY, name text NOT NULL);
CREATE TABLE currencies (code text PRIMARY KEY, name text NOT NULL);
CREATE TABLE customers (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    email text NOT NULL UNIQUE,
    name text NOT NULL
);
CREATE TABLE orders (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    customer_id uuid NOT NULL REFERENCES customers,
    currency text NOT NULL REFERENCES currencies,
    ordered_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE order_items (
    id uuid PRIMARY KEY,
    order_id uuid NOT NULL REFERENCES orders,
    product text NOT NULL,
    price numeric NOT NULL
);
CREATE VIEW order_totals AS
    SELECT o.id, o.tenant_id, sum(i.price) AS total FROM orders o JOIN order_items i ON i.order_id = o.id GROUP BY o.id;
GRANT SELECT, INSERT, UPDATE, DELETE ON tenants, currencies, customers, orders, order_items TO shop_app;
GRANT SELECT ON order_totals TO shop_app;
RESET ROLE;
GRANT shop_app TO shop_owner; -- what the application sees can be tried out without its password
