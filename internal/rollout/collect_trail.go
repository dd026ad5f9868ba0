package rollout

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/tenancy"
	"github.com/ringfencehq/ringfence/trail"
)

// What the windows of success ask of the trail's table in the target.
var (
	triage        = Collector{Name: "triage", How: "refusals in ringfence.trail_event since the stage was begun, and how people judged them", Holds: 24 * time.Hour, Collect: collectTriage}
	trailComplete = Collector{Name: "trail_complete", How: "the chains of ringfence.trail_event, looked through for holes, and its common query", Holds: 24 * time.Hour, Collect: collectTrailComplete}
	pinLogins     = Collector{Name: "pin_logins", How: "log-ins by PIN in ringfence.trail_event since the stage was begun, by tenant", Holds: 24 * time.Hour, Collect: collectPINLogins}
)

// onTrail asks the trail's table, where the target has one.
func (t *Target) onTrail(ctx context.Context, ask func(*pgx.Conn) Finding) Finding {
	return t.query(ctx, func(conn *pgx.Conn) Finding {
		var there bool
		if err := conn.QueryRow(ctx, "SELECT pg_catalog.to_regclass('ringfence.trail_event') IS NOT NULL").Scan(&there); err != nil {
			return unknown("the target could not be asked: %v", err)
		}
		if !there {
			return unknown("the target has no table ringfence.trail_event")
		}
		return ask(conn)
	})
}

// collectTriage looks how people judged what was refused since the stage was begun. What nobody judged is not known to be an attack.
func collectTriage(ctx context.Context, t *Target) Finding {
	begun := t.begun()
	if begun.IsZero() {
		return unknown("the stage was not begun")
	}
	return t.onTrail(ctx, func(conn *pgx.Conn) Finding {
		r, err := trail.ReadRate(ctx, conn, trail.Filter{Since: begun})
		if err != nil {
			return unknown("the trail could not be read: %v", err)
		}
		f := known(r.False == 0, fmt.Sprintf("%d refusals, %d judged, %d of them false", r.Refusals, r.Judged, r.False), "none was a mistake of ours")
		f.Raw = r
		switch left := r.Refusals - r.Judged; {
		case r.False > 0:
			f.Why = "people judged them mistakes of ours: ringfence trail query --rate"
		case left > 0:
			f.Outcome, f.Why = Unknown, fmt.Sprintf("%d that nobody has judged: ringfence trail triage", left)
		}
		return f
	})
}

// queryLimit is how long the trail's common query may take, as the alert TrailQuerySlow has it.
const queryLimit = 500 * time.Millisecond

// collectTrailComplete has the database look for holes in the chains, and asks for the latest events.
func collectTrailComplete(ctx context.Context, t *Target) Finding {
	return t.onTrail(ctx, func(conn *pgx.Conn) Finding {
		breaks, err := trail.Contiguity(ctx, conn)
		if err != nil {
			return unknown("the trail could not be read: %v", err)
		}
		began, n := time.Now(), 0
		for _, err := range trail.ReadEvents(ctx, conn, trail.Filter{Limit: 50}) {
			if err != nil {
				return unknown("the trail could not be read: %v", err)
			}
			n++
		}
		took := time.Since(began)
		switch {
		case len(breaks) > 0:
			f := known(false, fmt.Sprintf("%d breaks", len(breaks)), fmt.Sprintf("the first one is at record %d of %s", breaks[0].Sequence, breaks[0].Node))
			f.Raw = breaks
			return f
		case n == 0:
			return unknown("no event has arrived yet")
		}
		return known(took <= queryLimit, "0 breaks", fmt.Sprintf("every chain is whole; the latest %d events were read in %s", n, took.Round(time.Millisecond)))
	})
}

// collectPINLogins looks whether somebody of each tenant has logged in by PIN since the stage was begun.
func collectPINLogins(ctx context.Context, t *Target) Finding {
	begun := t.begun()
	if begun.IsZero() {
		return unknown("the stage was not begun")
	}
	m, err := t.model(ctx)
	if err != nil {
		return unknown("the target's catalogue could not be read: %v", err)
	}
	at := slices.IndexFunc(m.Tables, func(table *tenancy.Table) bool { return table.Class == tenancy.Root && len(table.Key) == 1 })
	if at < 0 {
		return unknown("no table with one row a tenant is known")
	}
	root := m.Tables[at]
	return t.onTrail(ctx, func(conn *pgx.Conn) Finding {
		var all, seen int64
		err := conn.QueryRow(ctx, fmt.Sprintf(`WITH seen AS (SELECT DISTINCT pg_catalog.lower(authenticated_tenant_id) AS tenant FROM ringfence.trail_event WHERE event_type = 'pin_succeeded' AND created_at >= $1)
			SELECT count(*), count(s.tenant) FROM %s AS r LEFT JOIN seen AS s ON s.tenant = pg_catalog.lower(r.%s::text)`, pg.Ident(root.Relation.Schema, root.Relation.Name), pg.Ident(root.Key[0])), begun).Scan(&all, &seen)
		switch {
		case err != nil:
			return unknown("log-ins could not be counted: %v", err)
		case seen == 0:
			return unknown("nobody has logged in by PIN since the stage was begun")
		}
		f := known(true, fmt.Sprintf("%d of %d tenants", seen, all), "somebody of each has logged in by PIN since the stage was begun")
		if seen < all {
			f.Outcome, f.Why = Unknown, strings.Replace(f.Why, "each", "these", 1)
		}
		return f
	})
}
