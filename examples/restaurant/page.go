package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/examples/restaurant/system"
)

//go:embed static
var static embed.FS

// page serves the page, what it shows of the trail, and, from the same origin, the gateway: it is what a site's own web server
// would be, and has no more rights than one.
type page struct {
	s       *stack
	devices map[string]string
	mux     *http.ServeMux
	host    string
}

func newPage(ctx context.Context, s *stack) (*page, error) {
	at, err := url.Parse(s.url)
	if err != nil {
		return nil, err
	}
	own, err := url.Parse(s.page)
	if err != nil {
		return nil, err
	}
	p := &page{s: s, devices: map[string]string{}, mux: http.NewServeMux(), host: own.Host}
	for restaurant, code := range s.system.Devices {
		if p.devices[restaurant], err = enrolDevice(ctx, s.url, code); err != nil {
			return nil, err
		}
	}
	files, err := fs.Sub(static, "static")
	if err != nil {
		return nil, err
	}
	p.mux.Handle("GET /static/", http.StripPrefix("/static/", http.FileServerFS(files)))
	p.mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, files, "index.html") })
	p.mux.HandleFunc("GET /demo/people", p.people)
	p.mux.HandleFunc("GET /demo/trail", p.trail)
	p.mux.HandleFunc("POST /demo/leave", p.leave)
	gateway := &httputil.ReverseProxy{ErrorLog: log.New(discard{}, "", 0), FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(at)
		r.Out.Host = r.In.Host
		r.SetXForwarded()
	}}
	p.mux.Handle("/login", gateway)
	p.mux.Handle("/login/", gateway)
	p.mux.Handle("/api/", gateway)
	p.mux.Handle("/voice", gateway)
	return p, nil
}

func (p *page) close() {}

// discard is where the proxy's notes go: browsers hang up all the time.
type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

// ServeHTTP answers under the page's own name only, and lets nothing of others run in it.
func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Host != p.host {
		http.Error(w, "another host", http.StatusMisdirectedRequest)
		return
	}
	if r.Method != http.MethodGet && r.Header.Get("Origin") != "http://"+p.host {
		http.Error(w, "another origin", http.StatusForbidden)
		return
	}
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' ws://"+p.host+
		"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	p.mux.ServeHTTP(w, r)
}

// enrolDevice exchanges a code for a device's token, as a till does when it is set up.
func enrolDevice(ctx context.Context, gateway, code string) (string, error) {
	body, err := json.Marshal(map[string]string{"code": code})
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, "POST", gateway+"/login/device", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("enrolling a device: %w", err)
	}
	defer answer.Body.Close()
	var got struct{ Device string }
	if err := json.NewDecoder(answer.Body).Decode(&got); err != nil || answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("enrolling a device: it was answered with %s", answer.Status)
	}
	return got.Device, nil
}

// people tells who may log in and, since this is for trying, with which PIN.
func (p *page) people(w http.ResponseWriter, _ *http.Request) {
	var all []map[string]string
	for _, x := range p.s.system.People {
		all = append(all, map[string]string{"restaurant": x.Restaurant, "restaurant_name": x.RestaurantName, "user": x.User, "name": x.Name, "role": x.Role,
			"pin": x.PIN, "device": p.devices[x.Restaurant]})
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(all) // the page has it, or has gone
}

// leave takes somebody's membership away and gives it back, in two transactions, as a dismissal and a change of mind would.
func (p *page) leave(w http.ResponseWriter, r *http.Request) {
	var who struct{ Restaurant, User string }
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<12)).Decode(&who); err != nil {
		http.Error(w, "malformed", http.StatusBadRequest)
		return
	}
	if err := p.dismiss(r.Context(), who.Restaurant, who.User); err != nil {
		http.Error(w, "unavailable", http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (p *page) dismiss(ctx context.Context, restaurant, user string) error {
	conn, err := p.s.system.Connect(ctx, "")
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var name, role string
	if err := conn.QueryRow(ctx, "DELETE FROM user_restaurants WHERE restaurant_id = $1::text::uuid AND user_id = $2 RETURNING name, role", restaurant, user).Scan(&name, &role); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "INSERT INTO user_restaurants (restaurant_id, user_id, name, role) VALUES ($1::text::uuid, $2, $3, $4)", restaurant, user, name, role)
	return err
}

// event is what the page shows of a row of the trail.
type event struct {
	ID        string    `json:"id"`
	Type      string    `json:"type"`
	User      string    `json:"user"`
	Tenant    string    `json:"tenant"`
	Attempted string    `json:"attempted"`
	Address   *string   `json:"address"`
	Severity  string    `json:"severity"`
	At        time.Time `json:"at"`
	Count     int64     `json:"count"`
	Reason    *string   `json:"reason"`
}

// trail sends the trail's events as they come, by the role that may read it. A database that is away is waited for.
func (p *page) trail(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	flush := http.NewResponseController(w)
	last := r.Header.Get("Last-Event-ID")
	if last == "" {
		last = "00000000-0000-0000-0000-000000000000"
	}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	var conn *pgx.Conn
	defer func() {
		if conn != nil {
			_ = conn.Close(context.Background())
		}
	}()
	_, _ = w.Write([]byte(": the trail\n\n"))
	for {
		all, err := p.since(r.Context(), &conn, last)
		for _, e := range all {
			text, _ := json.Marshal(e)
			_, _ = fmt.Fprintf(w, "id: %s\ndata: %s\n\n", e.ID, text)
			last = e.ID
		}
		if errors.Is(err, context.Canceled) || flush.Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
	}
}

// since reads what came behind an event. Ids are in the order of time, and a later event of another node may have a lower one:
// this gateway is the only node here.
func (p *page) since(ctx context.Context, conn **pgx.Conn, last string) ([]event, error) {
	if *conn == nil || (*conn).IsClosed() {
		fresh, err := p.s.system.Connect(ctx, system.Audit)
		if err != nil {
			return nil, err
		}
		*conn = fresh
	}
	rows, err := (*conn).Query(ctx, `SELECT e.id::text, e.event_type, e.user_id, e.authenticated_tenant_id, e.attempted_tenant_id, e.ip_address, e.severity, e.created_at, e.count, e.detail->>'reason'
		FROM ringfence.trail_event e WHERE e.id > $1::text::uuid AND e.event_type NOT IN ('self_test', 'node_started') ORDER BY e.id LIMIT 100`, last)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[event])
}
