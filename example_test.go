package ringfence_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence"
)

// A pool is opened once; its context setting is the one that the policies read.
func ExampleOpen() {
	ctx := context.Background()
	pool, err := ringfence.Open(ctx, ringfence.Config{
		DSN:      os.Getenv("DATABASE_URL"),
		Setting:  "app.current_org_id",
		Recorder: ringfence.LogRecorder{}, // package trail has one whose events are kept for good
	})
	if refusal, ok := ringfence.RefusalOf(err); ok {
		log.Fatal(refusal.Unwrap()) // such as: role "app" has BYPASSRLS: run ALTER ROLE "app" NOBYPASSRLS
	}
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
}

// The tenant comes from a verified token; every call takes it from its context.
func ExamplePool_QueryRow() {
	var pool *ringfence.Pool // from Open
	tenant, err := ringfence.ParseTenant("0b9f1c1e-5a1d-4c58-9d5e-3f6b1a2c4d5e")
	if err != nil {
		log.Fatal(err)
	}
	ctx := ringfence.WithTenant(context.Background(), tenant)
	var open int
	if err := pool.QueryRow(ctx, "SELECT count(*) FROM calls WHERE state = $1", "open").Scan(&open); err != nil {
		log.Fatal(err)
	}
}

// RunTx commits where the function returns nil, and runs it again where the server asks for that.
func ExamplePool_RunTx() {
	var pool *ringfence.Pool // from Open
	ctx := context.Background()
	err := pool.RunTx(ctx, ringfence.TxOptions{Isolation: pgx.Serializable}, func(tx *ringfence.Tx) error {
		var seats int
		if err := tx.QueryRow(ctx, "SELECT seats FROM plans").Scan(&seats); err != nil {
			return err
		}
		if seats == 0 {
			return errors.New("no seat is left")
		}
		_, err := tx.Exec(ctx, "UPDATE plans SET seats = seats - 1")
		return err
	})
	if errors.Is(err, ringfence.ErrNoTenant) {
		log.Print("this request named no tenant")
	}
}

// Code that is written for database/sql goes on as it is, with a context that carries the tenant.
func ExamplePool_Connector() {
	var pool *ringfence.Pool // from Open
	db := sql.OpenDB(pool.Connector())
	defer db.Close()
	if _, err := db.ExecContext(context.Background(), "UPDATE calls SET state = 'closed' WHERE id = $1", 7); err != nil {
		log.Print(err)
	}
}

// What must run before any tenant is known calls one narrow function, by a name that the configuration lists.
func ExamplePool_Service() {
	var pool *ringfence.Pool // from Open, with Config.Services {"login": {Schema: "public", Name: "find_login", Arguments: 1}}
	rows, err := pool.Service(context.Background(), "login", "ann@example.com")
	if err != nil {
		log.Fatal(err)
	}
	organisations, err := pgx.CollectRows(rows, pgx.RowTo[string])
	fmt.Println(organisations, err)
}

// The one way past the tenants wants the service role, a reason and a trail.
func ExamplePool_InsecureAllTenants() {
	var pool *ringfence.Pool // from Open, with Config.ServiceDSN
	ctx := context.Background()
	err := pool.InsecureAllTenants(ctx, "monthly invoices", func(tx *ringfence.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO invoices SELECT organization_id, sum(seconds) FROM calls GROUP BY 1")
		return err
	})
	if err != nil {
		log.Print(err)
	}
}
