-- Three restaurants. Anna works in two of them: UNIQUE (user_id) gives her a PIN in one.
INSERT INTO restaurants (id, name) VALUES
  ('a1a1a1a1-0000-4000-8000-000000000001', 'Trattoria Lucia'),
  ('b2b2b2b2-0000-4000-8000-000000000002', 'Sakura'),
  ('c3c3c3c3-0000-4000-8000-000000000003', 'Le Petit Marché');
INSERT INTO user_restaurants (restaurant_id, user_id, name, role)
  SELECT r.id, u.user_id, u.name, u.role FROM restaurants r JOIN (VALUES
    ('Trattoria Lucia', 'lucia', 'Lucia', 'manager'), ('Trattoria Lucia', 'marco', 'Marco', 'staff'), ('Trattoria Lucia', 'anna', 'Anna', 'staff'),
    ('Sakura', 'haruki', 'Haruki', 'manager'), ('Sakura', 'anna', 'Anna', 'staff'),
    ('Le Petit Marché', 'claire', 'Claire', 'manager'), ('Le Petit Marché', 'jules', 'Jules', 'staff')) AS u (restaurant, user_id, name, role) ON u.restaurant = r.name;
INSERT INTO user_pins (restaurant_id, user_id, pin_hash)
  SELECT DISTINCT ON (user_id) restaurant_id, user_id, md5(user_id) FROM user_restaurants ORDER BY user_id, restaurant_id;
INSERT INTO tables (restaurant_id, number) SELECT r.id, n FROM restaurants r, generate_series(1, 6) n;
INSERT INTO menu_categories (restaurant_id, name) SELECT r.id, c FROM restaurants r, unnest(ARRAY['Food', 'Drinks']) c;
INSERT INTO menu_items (restaurant_id, category_id, name, price_cents)
  SELECT r.id, c.id, m.item, m.price FROM (VALUES
    ('Trattoria Lucia', 'Food', 'pizza margherita', 950), ('Trattoria Lucia', 'Food', 'tiramisu', 600), ('Trattoria Lucia', 'Drinks', 'espresso', 250),
    ('Sakura', 'Food', 'ramen', 1200), ('Sakura', 'Food', 'gyoza', 700), ('Sakura', 'Drinks', 'green tea', 300),
    ('Le Petit Marché', 'Food', 'quiche', 850), ('Le Petit Marché', 'Drinks', 'cidre', 450)) AS m (restaurant, category, item, price)
  JOIN restaurants r ON r.name = m.restaurant JOIN menu_categories c ON c.restaurant_id = r.id AND c.name = m.category;
INSERT INTO orders (restaurant_id, table_id, status, taken_by, created_at)
  SELECT t.restaurant_id, t.id, (ARRAY['open', 'preparing', 'served'])[1 + t.number % 3], 'seed', now() - t.number * interval '7 minutes' FROM tables t;
INSERT INTO order_items (restaurant_id, order_id, menu_item_id, quantity)
  SELECT o.restaurant_id, o.id, (SELECT m.id FROM menu_items m WHERE m.restaurant_id = o.restaurant_id ORDER BY m.name LIMIT 1), 2 FROM orders o;
INSERT INTO order_status_history (restaurant_id, order_id, status, at) SELECT restaurant_id, id, status, created_at FROM orders;
