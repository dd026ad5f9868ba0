package voice

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence"
)

// Item is a dish or a drink on the menu.
type Item struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Price int    `json:"price_cents"`
}

// Order is one order, as a list shows it.
type Order struct {
	ID        string    `json:"id"`
	Status    string    `json:"status"`
	TakenBy   *string   `json:"taken_by"`
	CreatedAt time.Time `json:"created_at"`
	Items     []string  `json:"items"`
}

var errOrder = errors.New("nothing of that is on the menu")

// readMenu reads the tenant's menu. No statement here names a restaurant to read: the policies do.
func (s *Server) readMenu(ctx context.Context) ([]Item, error) {
	rows, err := s.pool.Query(ctx, "SELECT id::text, name, price_cents FROM menu_items ORDER BY name")
	if err != nil {
		return nil, fmt.Errorf("reading the menu: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Item])
}

func (s *Server) readOrders(ctx context.Context) ([]Order, error) {
	rows, err := s.pool.Query(ctx, `SELECT o.id::text, o.status, o.taken_by, o.created_at,
	  coalesce(array_agg(i.quantity || ' × ' || m.name ORDER BY m.name) FILTER (WHERE m.id IS NOT NULL), '{}')
	  FROM orders o LEFT JOIN order_items i ON i.order_id = o.id LEFT JOIN menu_items m ON m.id = i.menu_item_id
	  GROUP BY o.id ORDER BY o.created_at DESC LIMIT 20`)
	if err != nil {
		return nil, fmt.Errorf("reading orders: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Order])
}

// place takes an order: what it holds is in its tenant, since the tenant column is filled from the context that the policies
// check.
func (s *Server) place(ctx context.Context, session, transcript string, items []Item) (id string, err error) {
	tenant, err := ringfence.TenantFrom(ctx)
	if err != nil {
		return "", err
	}
	who, _ := ringfence.IdentityFrom(ctx)
	tx, err := s.pool.Begin(ctx)
	if err != nil {
		return "", fmt.Errorf("taking an order: %w", err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	restaurant := tenant.String()
	if err := tx.QueryRow(ctx, "INSERT INTO orders (restaurant_id, taken_by) VALUES ($1, $2) RETURNING id::text", restaurant, who.User).Scan(&id); err != nil {
		return "", fmt.Errorf("taking an order: %w", err)
	}
	for _, item := range items {
		if _, err := tx.Exec(ctx, "INSERT INTO order_items (restaurant_id, order_id, menu_item_id) VALUES ($1, $2, $3)", restaurant, id, item.ID); err != nil {
			return "", fmt.Errorf("taking an order: %w", err)
		}
	}
	if _, err := tx.Exec(ctx, "INSERT INTO order_status_history (restaurant_id, order_id, status) VALUES ($1, $2, 'open')", restaurant, id); err != nil {
		return "", fmt.Errorf("taking an order: %w", err)
	}
	if session != "" {
		if _, err := tx.Exec(ctx, "INSERT INTO voice_order_logs (restaurant_id, session_id, transcript, order_id) VALUES ($1, $2, $3, $4)", restaurant, session, transcript, id); err != nil {
			return "", fmt.Errorf("taking an order: %w", err)
		}
	}
	if err := tx.Commit(ctx); err != nil {
		return "", fmt.Errorf("taking an order: %w", err)
	}
	return id, nil
}

// heard finds the items of the menu that a sentence names.
func heard(menu []Item, sentence string) []Item {
	sentence = strings.ToLower(sentence)
	return slices.DeleteFunc(slices.Clone(menu), func(i Item) bool { return !strings.Contains(sentence, strings.ToLower(i.Name)) })
}

func (s *Server) menu(w http.ResponseWriter, r *http.Request) {
	ctx, stop := context.WithTimeout(r.Context(), patience)
	defer stop()
	menu, err := s.readMenu(ctx)
	s.respond(w, menu, err)
}

func (s *Server) orders(w http.ResponseWriter, r *http.Request) {
	ctx, stop := context.WithTimeout(r.Context(), patience)
	defer stop()
	all, err := s.readOrders(ctx)
	s.respond(w, all, err)
}

// order takes {"items": ["pizza margherita"]}.
func (s *Server) order(w http.ResponseWriter, r *http.Request) {
	ctx, stop := context.WithTimeout(r.Context(), patience)
	defer stop()
	var want struct {
		Items []string `json:"items"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&want); err != nil {
		s.respond(w, nil, errOrder)
		return
	}
	menu, err := s.readMenu(ctx)
	if err != nil {
		s.respond(w, nil, err)
		return
	}
	items := heard(menu, strings.Join(want.Items, "\n"))
	if len(items) == 0 {
		s.respond(w, nil, errOrder)
		return
	}
	id, err := s.place(ctx, "", "", items)
	s.respond(w, map[string]any{"order_id": id, "items": items}, err)
}
