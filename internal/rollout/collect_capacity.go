package rollout

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

var (
	disk         = Collector{Name: "disk", How: "the sizes of indexes to come against what is free", Holds: 24 * time.Hour, Collect: collectDisk}
	transactions = Collector{Name: "transactions", How: "the age of the oldest transaction, and prepared ones, as pg_stat_activity and pg_prepared_xacts tell", Holds: time.Minute, Collect: collectTransactions}
	replicas     = Collector{Name: "replicas", How: "lag and slots, as pg_stat_replication tells", Holds: 10 * time.Minute, Collect: collectReplicas}
	load         = Collector{Name: "load", How: "sessions that run or wait, and vacuums against wraparound, as pg_stat_activity tells", Holds: time.Minute, Collect: collectLoad}
)

// collectDisk compares the indexes to come with what the hook disk says is free. The server does not tell how much that is.
func collectDisk(ctx context.Context, t *Target) Finding {
	need, err := t.indexBytes(ctx)
	if err != nil {
		return unknown("the sizes of the tables could not be read: %v", err)
	}
	r := t.Hook(ctx, "disk")
	if r == nil {
		return unknown("no hook disk is given to say how many bytes are free; %s are needed", megabytes(2*need))
	}
	free, err := strconv.ParseInt(r.Last(), 10, 64)
	if r.Exit != 0 || err != nil {
		f := unknown("the hook disk did not print a number of bytes")
		f.Raw = r
		return f
	}
	f := known(free > 2*need, megabytes(free)+" free", fmt.Sprintf("%s of indexes are to be built, and twice that is asked for", megabytes(need)))
	f.Raw = r
	return f
}

func megabytes(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/(1<<20)) }

// indexBytes bounds what the plan's indexes will take: no more than their tables.
func (t *Target) indexBytes(ctx context.Context) (sum int64, err error) {
	conn, err := t.Connect(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, s := range t.Plan.Steps {
		if s.Kind != "tenant_index" || s.Table == "" {
			continue
		}
		var n *int64
		if err := conn.QueryRow(ctx, "SELECT pg_catalog.pg_relation_size(pg_catalog.to_regclass($1))", s.Table).Scan(&n); err != nil {
			return 0, err
		}
		if n != nil {
			sum += *n / 4
		}
	}
	return sum, nil
}

// transactionLimit is the age from which a transaction is in the way of locks and builds.
const transactionLimit = time.Minute

func collectTransactions(ctx context.Context, t *Target) Finding {
	return t.query(ctx, func(conn *pgx.Conn) Finding {
		var seconds float64
		var prepared, hidden int
		err := conn.QueryRow(ctx, `SELECT coalesce(max(EXTRACT(epoch FROM clock_timestamp() - xact_start)) FILTER (WHERE state IS DISTINCT FROM NULL), 0)::float8,
			(SELECT count(*) FROM pg_catalog.pg_prepared_xacts WHERE database = current_database()),
			count(*) FILTER (WHERE query = '<insufficient privilege>')
			FROM pg_catalog.pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`).Scan(&seconds, &prepared, &hidden)
		if err != nil {
			return unknown("pg_stat_activity could not be read: %v", err)
		}
		if hidden > 0 {
			return unknown("%d sessions of other roles cannot be seen: GRANT pg_read_all_stats TO the operator's role", hidden)
		}
		age := time.Duration(seconds * float64(time.Second)).Round(time.Second)
		return known(age < transactionLimit && prepared == 0, age.String(), fmt.Sprintf("the oldest transaction is %s old, and %d are prepared", age, prepared))
	})
}

// lagLimit is how far a replica may be behind.
const lagLimit = 10 * time.Second

func collectReplicas(ctx context.Context, t *Target) Finding {
	return t.query(ctx, func(conn *pgx.Conn) Finding {
		var senders, blind, idle int
		var lag float64
		err := conn.QueryRow(ctx, `SELECT count(*), count(*) FILTER (WHERE state IS NULL), coalesce(max(EXTRACT(epoch FROM replay_lag)), 0)::float8,
			(SELECT count(*) FROM pg_catalog.pg_replication_slots WHERE NOT active) FROM pg_catalog.pg_stat_replication`).Scan(&senders, &blind, &lag, &idle)
		if err != nil {
			return unknown("pg_stat_replication could not be read: %v", err)
		}
		if blind > 0 {
			return unknown("the lag of %d replicas cannot be seen: GRANT pg_monitor TO the operator's role", blind)
		}
		behind := time.Duration(lag * float64(time.Second)).Round(time.Millisecond)
		return known(behind <= lagLimit && idle == 0, behind.String(), fmt.Sprintf("%d replicas, the last one %s behind; %d slots nobody reads", senders, behind, idle))
	})
}

// The budgets of a quiet minute.
const (
	busyShare   = 0.5 // of max_connections that run something
	waitingMost = 3   // sessions that wait for a lock
)

func collectLoad(ctx context.Context, t *Target) Finding {
	return t.query(ctx, func(conn *pgx.Conn) Finding {
		var active, waiting, most, urgent int
		err := conn.QueryRow(ctx, `SELECT count(*) FILTER (WHERE client AND state = 'active'), count(*) FILTER (WHERE client AND wait_event_type = 'Lock'), current_setting('max_connections')::int,
			count(*) FILTER (WHERE backend_type = 'autovacuum worker' AND query LIKE '%(to prevent wraparound)%')
			FROM (SELECT *, backend_type = 'client backend' AS client FROM pg_catalog.pg_stat_activity WHERE pid <> pg_backend_pid()) AS a`).Scan(&active, &waiting, &most, &urgent)
		if err != nil {
			return unknown("pg_stat_activity could not be read: %v", err)
		}
		return known(float64(active) < busyShare*float64(most) && waiting <= waitingMost && urgent == 0, fmt.Sprintf("%d active, %d waiting", active, waiting),
			fmt.Sprintf("%d of %d sessions run something, %d wait for locks, %d vacuums against wraparound run, which no lock gets past", active, most, waiting, urgent))
	})
}
