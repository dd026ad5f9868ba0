package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/trail"
)

// onTrail runs something that records events, through a journal that is this command's own, and waits until the trail's table has
// them. A journal that was not named is made anew and removed; where the table did not take the events it is kept, and waits
// names it.
func onTrail(ctx context.Context, dsn, journal, verb string, do func(*trail.Trail) error) (waits string, err error) {
	dir := journal
	if dir == "" {
		if dir, err = os.MkdirTemp("", "ringfence-"+verb+"-"); err != nil {
			return "", fmt.Errorf("making a journal: %w", err)
		}
	}
	store := trail.NewPostgres(func(ctx context.Context) (*pgx.Conn, error) { return pg.Connect(ctx, dsn, pg.Options{}) })
	defer store.Close(context.WithoutCancel(ctx))
	t, err := trail.Open(trail.Options{Dir: dir, Node: ownNode(verb, journal), Store: store, SegmentSize: 1 << 20, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return "", err
	}
	err = do(t)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	if err := errors.Join(err, t.Close(closing)); err != nil {
		return "", err
	}
	if s := t.Stats(); s.Backlog > 0 || s.Failing {
		return dir, nil
	}
	if journal == "" {
		return "", os.RemoveAll(dir)
	}
	return "", nil
}
