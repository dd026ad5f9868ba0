package rollout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
)

// proposedFor is how long a proposed window is open, and proposeTables how many tables it is read from.
const (
	proposedFor   = 2 * time.Hour
	proposeTables = 8
	proposePages  = 4096 // of each table that are looked at, about
)

// ErrNoQuietHours says that the target does not tell when it is used.
var ErrNoQuietHours = errors.New("no table of the target has a column that says when its rows came, with rows of the last four weeks")

// Propose reads from the target when it is used least: it counts, by the hour of the day in the zone, when rows of the last four weeks
// came, on the largest tables whose column says so by its default, and gives the two hours with the fewest. It only reads, each
// table's statement is bounded, and large tables are sampled.
func Propose(ctx context.Context, conn *pgx.Conn, s *catalog.Snapshot, zone string) (Window, [24]float64, error) {
	var hours [24]float64
	zone = cmp.Or(zone, "UTC")
	for _, c := range arrivals(s) {
		share, err := arrivalHours(ctx, conn, c, zone)
		if err != nil {
			if pg.SQLState(err) == "" {
				return Window{}, hours, fmt.Errorf("reading when %s is used: %w", c.rel.Identity(), err)
			}
			continue // this table cannot be read, or not in time
		}
		for h := range hours {
			hours[h] += share[h]
		}
	}
	best, least := -1, 0.0
	for h := range hours {
		if two := hours[h] + hours[(h+1)%24]; best < 0 || two < least {
			best, least = h, two
		}
	}
	if slices.Max(hours[:]) == 0 {
		return Window{}, hours, ErrNoQuietHours
	}
	return Window{Cron: fmt.Sprintf("0 %d * * *", best), Zone: zone, For: proposedFor}, hours, nil
}

// An arrival is a column that says when its row came.
type arrival struct {
	rel    *catalog.Relation
	column string
}

// arrivals are the columns of the largest tables whose default is the time.
func arrivals(s *catalog.Snapshot) []arrival {
	var out []arrival
	for i := range s.Relations {
		r := &s.Relations[i]
		if r.System || r.Kind != catalog.Table || r.Partition != nil {
			continue
		}
		for _, c := range r.Columns {
			if c.Default != nil && strings.HasPrefix(c.Type, "timestamp") && (strings.Contains(c.Default.Text, "now()") || strings.Contains(c.Default.Text, "CURRENT_TIMESTAMP") || strings.Contains(c.Default.Text, "clock_timestamp()")) {
				out = append(out, arrival{r, c.Name})
				break
			}
		}
	}
	slices.SortStableFunc(out, func(a, b arrival) int { return cmp.Compare(b.rel.Pages, a.rel.Pages) })
	return out[:min(len(out), proposeTables)]
}

// arrivalHours gives each hour's share of a table's new rows.
func arrivalHours(ctx context.Context, conn *pgx.Conn, c arrival, zone string) (share [24]float64, err error) {
	part := ""
	if c.rel.Pages > proposePages {
		part = fmt.Sprintf(" TABLESAMPLE SYSTEM (%.4f)", 100*proposePages/float64(c.rel.Pages))
	}
	query := fmt.Sprintf(`SELECT EXTRACT(hour FROM %[1]s::pg_catalog.timestamptz AT TIME ZONE $1)::pg_catalog.int4, count(*) FROM %[2]s%[3]s
		WHERE %[1]s > pg_catalog.now() - interval '28 days' AND %[1]s <= pg_catalog.now() GROUP BY 1`, pg.Ident(c.column), pg.Ident(c.rel.Schema, c.rel.Name), part)
	total := 0.0
	err = pg.InCatalogTx(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL statement_timeout = '5s'; SET LOCAL lock_timeout = '1s'", pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, query, zone)
		if err != nil {
			return err
		}
		var hour int32
		var n int64
		_, err = pgx.ForEachRow(rows, []any{&hour, &n}, func() error {
			share[hour], total = float64(n), total+float64(n)
			return nil
		})
		return err
	})
	for h := range share {
		if total > 0 {
			share[h] /= total
		}
	}
	return share, err
}
