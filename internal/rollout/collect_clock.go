package rollout

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

var serverClock = Collector{Name: "server_clock", How: "clock_timestamp() of the target's server against this machine's clock", Holds: 10 * time.Minute, Collect: collectServerClock}

// clockLimit is how far the clocks may be apart: what expires is measured by both.
const clockLimit = 30 * time.Second

// collectServerClock compares the machine's own clock, whatever time is passed in, with the server's.
func collectServerClock(ctx context.Context, t *Target) Finding {
	return t.query(ctx, func(conn *pgx.Conn) Finding {
		var there time.Time
		before := time.Now()
		if err := conn.QueryRow(ctx, "SELECT pg_catalog.clock_timestamp()").Scan(&there); err != nil {
			return unknown("the server's clock could not be read: %v", err)
		}
		return clockApart(there.Sub(before.Add(time.Since(before) / 2)))
	})
}

// clockApart judges by how much the server's clock is ahead of this one.
func clockApart(apart time.Duration) Finding {
	if apart = apart.Abs().Round(10 * time.Millisecond); apart > clockLimit {
		return known(false, apart.String(), fmt.Sprintf("this machine's clock and the server's are %s apart, and facts and signatures expire by them: set the wrong one right", apart))
	}
	return known(true, apart.String(), fmt.Sprintf("this machine's clock and the server's are less than %s apart", clockLimit))
}
