package voice

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/ringfencehq/ringfence"
)

// Config is what a Server is made of.
type Config struct {
	DSN      string // of the application's role
	Setting  string // the tenant context
	Key      string // what the gateway shows in X-Backend-Key
	Recorder ringfence.Recorder
	Log      *slog.Logger
}

// Server is the back end. Safe for concurrent use.
type Server struct {
	c    Config
	pool *ringfence.Pool
	mux  *http.ServeMux
}

// New opens the pool and makes the Server.
func New(ctx context.Context, c Config) (*Server, error) {
	if len(c.Key) < 16 {
		return nil, errors.New("the back end needs a key that the gateway shows, of 16 bytes or more")
	}
	pool, err := ringfence.Open(ctx, ringfence.Config{DSN: c.DSN, Setting: c.Setting, Recorder: c.Recorder})
	if err != nil {
		return nil, err
	}
	s := &Server{c: c, pool: pool, mux: http.NewServeMux()}
	s.mux.HandleFunc("GET /voice", s.voice)
	s.mux.HandleFunc("GET /api/menu", s.menu)
	s.mux.HandleFunc("GET /api/orders", s.orders)
	s.mux.HandleFunc("POST /api/orders", s.order)
	return s, nil
}

// Close ends the pool.
func (s *Server) Close() { s.pool.Close() }

// ServeHTTP lets in whom the gateway sends, in the tenant that the gateway names.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	tenant, err := ringfence.ParseTenant(r.Header.Get("X-Ringfence-Tenant"))
	if err != nil || subtle.ConstantTimeCompare([]byte(r.Header.Get("X-Backend-Key")), []byte(s.c.Key)) != 1 {
		http.Error(w, "Unauthorized", http.StatusUnauthorized)
		return
	}
	id := ringfence.Identity{Tenant: tenant, User: r.Header.Get("X-Ringfence-User"), Session: r.Header.Get("X-Ringfence-Session")}
	s.mux.ServeHTTP(w, r.WithContext(ringfence.WithIdentity(r.Context(), id)))
}

// respond writes JSON, or says that there was a fault, without telling which.
func (s *Server) respond(w http.ResponseWriter, answer any, err error) {
	if err != nil {
		status := http.StatusServiceUnavailable
		if errors.Is(err, errOrder) {
			status = http.StatusBadRequest
		} else {
			s.c.Log.Error("a request could not be answered", "error", err)
		}
		http.Error(w, http.StatusText(status), status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // the client has its answer, or has gone
}

// patience bounds the database work of one request or message.
const patience = 5 * time.Second
