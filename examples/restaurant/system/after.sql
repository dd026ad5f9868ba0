-- What the plan does not write: indexes for the two questions that are asked all day, the narrow function that login and gateway
-- ask, and the end of the table of fast hashes. Run by the tables' owner, after the plan.
CREATE INDEX IF NOT EXISTS orders_restaurant_status ON orders (restaurant_id, status);
CREATE INDEX IF NOT EXISTS orders_restaurant_created ON orders (restaurant_id, created_at DESC);
CREATE INDEX IF NOT EXISTS orders_restaurant_scheduled ON orders (restaurant_id, scheduled_for) WHERE scheduled_for IS NOT NULL;

-- People enrol their PINs anew, under the pepper: a fast hash of four digits is as good as the PIN.
REVOKE ALL ON user_pins FROM restaurant_server;
UPDATE user_pins SET pin_hash = 'enrolled anew' WHERE pin_hash <> 'enrolled anew';
