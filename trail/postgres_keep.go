package trail

import (
	"context"
	"fmt"
	"time"

	"github.com/ringfencehq/ringfence/internal/trailsql"
)

// Disposal is what becomes of a month that is retired.
type Disposal string

// The ways to retire a month. Either way the hash of every event stays in the trail, so that chains and checkpoints still verify.
const (
	Detach Disposal = "detach" // its events stay in a table of their own, out of the trail: ringfence.trail_retired_YYYYMM
	Drop   Disposal = "drop"   // its events are gone
)

// Retire takes the months that ended before a moment out of the trail, as its keeper, and returns their partitions' names. Who did it,
// why, and the hash of every event are on record. Months that ended less than a month ago are refused.
func Retire(ctx context.Context, q Querier, before time.Time, how Disposal, reason string) ([]string, error) {
	gone := []string{}
	err := q.QueryRow(ctx, "SELECT "+trailsql.Schema+".trail_retire($1::pg_catalog.timestamptz, $2, $3)", before, string(how), reason).Scan(&gone)
	if err != nil {
		return nil, fmt.Errorf("retiring months of the trail: %w", err)
	}
	return gone, nil
}

// Ahead makes the partitions of this month and of months to come, as the trail's keeper, and returns the names of those it made. Events do
// not wait for it: the first one of a month makes its partition.
func Ahead(ctx context.Context, q Querier, months int) ([]string, error) {
	made := []string{}
	err := q.QueryRow(ctx, "SELECT "+trailsql.Schema+".trail_ahead($1)", months).Scan(&made)
	if err != nil {
		return nil, fmt.Errorf("making partitions of the trail: %w", err)
	}
	return made, nil
}
