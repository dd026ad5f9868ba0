// Command callcenter serves reference system B, hardened, on a server of its own: what to look at, and what to copy from.
//
//	go run ./examples/callcenter/cmd/callcenter
package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/examples/callcenter/api"
	"github.com/ringfencehq/ringfence/examples/callcenter/start"
	"github.com/ringfencehq/ringfence/trail"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	password := rand.Text()
	hash, err := api.HashPassword(password)
	if err != nil {
		return err
	}
	system, err := start.Run(ctx, start.Options{PasswordHash: hash})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, system.Close()) }()
	dir, err := os.MkdirTemp("", "callcenter-trail-") // a real one stays the same from start to start
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	store := trail.NewPostgres(func(ctx context.Context) (*pgx.Conn, error) { return pgx.Connect(ctx, system.TrailDSN()) })
	record, err := trail.Open(trail.Options{Dir: dir, Node: "callcenter-1", Store: store, Sinks: map[string]trail.Sink{"stderr": trail.NewLineWriter(os.Stderr, trail.AppendText)}})
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, record.Close(context.WithoutCancel(ctx)), store.Close(context.WithoutCancel(ctx)))
	}()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	server, err := api.New(ctx, api.Config{DSN: system.DSN(), Recorder: record, Key: key})
	if err != nil {
		return err
	}
	defer server.Close()
	body, _ := json.Marshal(map[string]string{"email": "user1@example.com", "password": password, "organization": "00000000-0000-4000-8000-000000000001"})
	fmt.Printf("curl -s http://127.0.0.1:8080/login -d '%s'\ncurl -s http://127.0.0.1:8080/api/campaigns -H \"Authorization: Bearer $TOKEN\"\n", body)
	web := &http.Server{Addr: "127.0.0.1:8080", Handler: server, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second}
	go func() {
		<-ctx.Done()
		_ = web.Shutdown(context.WithoutCancel(ctx))
	}()
	if err := web.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
