package rollout

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/harden"
	"github.com/ringfencehq/ringfence/internal/pg"
)

var (
	backupAge     = Collector{Name: "backup_age", How: "the hook backup_age", Holds: time.Hour, Collect: collectBackupAge}
	backupRestore = Collector{Name: "backup_restore", How: "the hook restore brings a backup back, and rows are counted on both sides", Holds: 24 * time.Hour, Collect: collectBackupRestore}
)

// backupLimit is how old the last backup may be.
const backupLimit = time.Hour

// collectBackupAge asks the hook backup_age, which prints when the last backup that finished did so. PostgreSQL itself does not know.
func collectBackupAge(ctx context.Context, t *Target) Finding {
	r := t.Hook(ctx, "backup_age")
	if r == nil {
		return unknown("no hook backup_age is given: PostgreSQL does not know of its backups")
	}
	at, err := time.Parse(time.RFC3339, r.Last())
	if r.Exit != 0 || err != nil {
		f := unknown("the hook backup_age did not print a time as 2026-01-31T15:04:05Z")
		f.Raw = r
		return f
	}
	age := t.Now().Sub(at)
	f := known(age >= 0 && age < backupLimit, age.Round(time.Second).String(), fmt.Sprintf("the last backup ended %s", at.UTC().Format(time.RFC3339)))
	f.Raw = r
	return f
}

// collectBackupRestore runs the hook restore, which restores a backup somewhere and prints its DSN, and counts rows on both sides. Rows
// written since the backup make the source larger, never smaller.
func collectBackupRestore(ctx context.Context, t *Target) Finding {
	r := t.Hook(ctx, "restore")
	if r == nil {
		return unknown("no hook restore is given: a backup is not one until it came back")
	}
	if r.Exit != 0 {
		f := known(false, fmt.Sprintf("exit %d", r.Exit), "the restore failed")
		f.Raw, f.Seconds = r, r.Seconds
		return f
	}
	restored, err := pg.Connect(ctx, r.Last(), pg.Options{})
	r.Output = strings.ReplaceAll(r.Output, r.Last(), "[the DSN of the restored database]")
	if err != nil {
		return unknown("the restored database, whose DSN the hook prints last, cannot be reached")
	}
	defer restored.Close(context.WithoutCancel(ctx))
	return t.query(ctx, func(conn *pgx.Conn) Finding {
		m, err := t.model(ctx)
		if err != nil {
			return unknown("the target's catalogue could not be read: %v", err)
		}
		f := compareCounts(ctx, conn, restored, harden.Tables(t.Plan, m))
		f.Seconds = r.Seconds
		return f
	})
}

// A tableCount is how many rows a table has, here and restored.
type tableCount struct {
	Table            string `json:"table"`
	Source, Restored int64
}

func compareCounts(ctx context.Context, source, restored *pgx.Conn, tables []string) Finding {
	counts := []tableCount{}
	short := ""
	for _, table := range tables {
		c := tableCount{Table: table}
		for _, side := range []struct {
			conn *pgx.Conn
			into *int64
		}{{source, &c.Source}, {restored, &c.Restored}} {
			err := pg.InCatalogTx(ctx, side.conn, func(tx pgx.Tx) error {
				return tx.QueryRow(ctx, "SELECT count(*) FROM "+table).Scan(side.into) // an identity, quoted as PostgreSQL does
			})
			if err != nil {
				return unknown("the rows of %s could not be counted: %v", table, err)
			}
		}
		counts = append(counts, c)
		if c.Restored > c.Source || c.Source > 0 && c.Restored == 0 {
			short = table
		}
	}
	f := known(short == "", fmt.Sprintf("%d tables", len(counts)), "the rows of every table came back, partitions counted as tables")
	if short != "" {
		f.Why = "the rows of " + short + " did not come back"
	}
	f.Raw = counts
	return f
}
