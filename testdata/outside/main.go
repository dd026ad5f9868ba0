// Command outside is an application in a module of its own: it compiles against the public packages only, as every
// application does.
package main

import (
	"context"
	"database/sql"
	"errors"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/auth"
	"github.com/ringfencehq/ringfence/trail"
)

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	record, err := trail.Open(trail.Options{Dir: "journal", Node: "outside-1"})
	if err != nil {
		return err
	}
	defer record.Close(ctx)
	keys, err := auth.NewRemoteKeys(auth.RemoteOptions{URL: "https://issuer.example/keys"})
	if err != nil {
		return err
	}
	verifier, err := auth.New(auth.Options{
		Issuers:      []auth.TrustedIssuer{{Name: "https://issuer.example", Audiences: []string{"outside"}, Keys: keys}},
		TenantClaims: []string{"org_id"},
		Recorder:     record,
	})
	if err != nil {
		return err
	}
	signer, err := ringfence.NewKeySigner("2026-11", []byte(os.Getenv("CONTEXT_KEY")))
	if err != nil {
		return err
	}
	pool, err := ringfence.Open(ctx, ringfence.Config{
		DSN:        os.Getenv("DATABASE_URL"),
		ServiceDSN: os.Getenv("SERVICE_URL"),
		Setting:    "app.current_org_id",
		Signer:     signer,
		Recorder:   record,
		Services:   map[string]ringfence.ServiceFunction{"login": {Schema: "public", Name: "find_login", Arguments: 1}},
		CheckEvery: time.Minute,
	})
	if err != nil {
		return err
	}
	defer pool.Close()
	db := sql.OpenDB(pool.Connector())
	defer db.Close()
	return http.ListenAndServe("localhost:0", handler{verifier, pool, db})
}

// store is what the application's own code asks for: a Pool and a Tx both are one.
type store interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

var (
	_ store                = (*ringfence.Pool)(nil)
	_ store                = (*ringfence.Tx)(nil)
	_ ringfence.Authorizer = (*auth.Verifier)(nil)
	_ ringfence.Recorder   = (*trail.Trail)(nil)
)

type handler struct {
	authorizer ringfence.Authorizer
	pool       *ringfence.Pool
	db         *sql.DB
}

// ServeHTTP counts the tenant's calls.
func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, err := h.authorizer.Authorize(r.Context(), ringfence.Credential{Token: r.Header.Get("Authorization"), Address: r.RemoteAddr})
	if refusal, ok := ringfence.RefusalOf(err); ok {
		http.Error(w, refusal.Error(), http.StatusUnauthorized)
		return
	}
	if err != nil {
		http.Error(w, "unavailable", http.StatusServiceUnavailable)
		return
	}
	ctx := ringfence.WithIdentity(r.Context(), id)
	var n int
	err = errors.Join(
		count(ctx, h.pool, &n),
		h.pool.RunTx(ctx, ringfence.TxOptions{Access: pgx.ReadOnly}, func(tx *ringfence.Tx) error { return count(ctx, tx, &n) }),
		h.db.QueryRowContext(ctx, "SELECT count(*) FROM calls").Scan(&n),
	)
	if err != nil {
		http.Error(w, "unavailable", http.StatusServiceUnavailable)
	}
}

func count(ctx context.Context, s store, n *int) error {
	return s.QueryRow(ctx, "SELECT count(*) FROM calls").Scan(n)
}
