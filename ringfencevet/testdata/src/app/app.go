// Package app serves requests.
package app

import (
	"context"
	"database/sql"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/ringfencehq/ringfence"

	"store"
)

type server struct {
	raw   *pgxpool.Pool
	pool  *ringfence.Pool
	db    *sql.DB
	store *store.Store
}

func start() *server { // makes pools, and may: nobody asks it for anything
	s := &server{raw: pgxpool.New("dsn"), pool: &ringfence.Pool{}}
	s.db = sql.OpenDB(s.pool.Connector())
	return s
}

var global, _ = sql.Open("pgx", "dsn") // want `sql.Open makes a sql.DB that sets no tenant`

func others(c *ringfence.Pool) {
	_ = stdlib.OpenDB() // want `stdlib.OpenDB makes a sql.DB that sets no tenant`
	connector := c.Connector()
	_ = sql.OpenDB(connector) // want `sql.OpenDB makes a sql.DB that sets no tenant`
	//ringfence:raw a migration tool's own
	_, _ = sql.Open("pgx", "dsn")
	//ringfence:raw // want `//ringfence:raw wants a reason`
	_, _ = sql.Open("pgx", "dsn") // want `sql.Open makes a sql.DB that sets no tenant`
}

func (s *server) good(w http.ResponseWriter, r *http.Request) {
	_ = s.pool.Exec("select 1")
	_ = s.db.PingContext(r.Context())
	_ = s.store.Name()
	_ = s.store.Alive()
}

func (s *server) direct(w http.ResponseWriter, r *http.Request) {
	_ = s.raw.Exec("select 1") // want `a request uses \*pgxpool.Pool past its tenant`
	tx, _ := s.raw.Begin()     // want `a request uses \*pgxpool.Pool past its tenant`
	_ = tx.Exec("select 1")    // want `a request uses pgx.Tx past its tenant`
	give(s.raw)                // want `a request uses \*pgxpool.Pool past its tenant`
	func() {
		_ = s.raw.Exec("select 1") // want `a request uses \*pgxpool.Pool past its tenant`
	}()
}

func give(p *pgxpool.Pool) {}

func (s *server) far(c *gin.Context) {
	_ = s.store.SaveAll(nil) // want `a request calls SaveAll, which uses \*pgxpool.Pool past its tenant`
	s.near()                 // want `a request calls near, which uses \*pgx.Conn past its tenant`
}

func (s *server) near() { // want near:"uses \\*pgx.Conn"
	s.nearer(nil)
}

func (s *server) nearer(c *pgx.Conn) { // want nearer:"uses \\*pgx.Conn"
	_ = c.Exec("select 1")
}

func (s *server) factory() http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_ = s.raw.Exec("select 1") // want `a request uses \*pgxpool.Pool past its tenant`
	}
}

type UnimplementedOrdersServer struct{}

type orders struct {
	UnimplementedOrdersServer
	raw *pgxpool.Pool
}

func (o *orders) Get(ctx context.Context, id *int) (*int, error) {
	return nil, o.raw.Exec("select 1") // want `a request uses \*pgxpool.Pool past its tenant`
}

func (o *orders) reload() error { // want reload:"uses \\*pgxpool.Pool"
	return o.raw.Exec("select 1")
}
