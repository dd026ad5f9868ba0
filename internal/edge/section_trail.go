package edge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/gateway"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/trail"
)

// trailSection says where refusals are kept: on this node's disk first, always, and from there in the database.
type trailSection struct {
	Dir      string          `yaml:"dir"`      // the journal's directory
	Node     string          `yaml:"node"`     // this process's name, the same at every start
	Database *gateway.Secret `yaml:"database"` // DSN of the trail's writer; absent: events stay in the journal
}

func (t *trailSection) check(env func(string) (string, bool)) error {
	if t.Dir == "" || t.Node == "" {
		return errors.New("dir and node are needed: what is refused is recorded before it is answered")
	}
	if t.Database != nil {
		if err := t.Database.Read(env); err != nil {
			return fmt.Errorf("database: %w", err)
		}
	}
	return nil
}

// keeper is a Recorder with what it holds open.
type keeper struct{ *trail.Trail }

// closing is how long the journal may take to be flushed at the end.
const closing = 10 * time.Second

func (k *keeper) close() {
	ctx, stop := context.WithTimeout(context.Background(), closing)
	defer stop()
	_ = k.Close(ctx)
}

func (f *file) openTrail(log *slog.Logger) (*keeper, error) {
	o := trail.Options{Dir: f.trail.Dir, Node: f.trail.Node, Log: log}
	if s := f.trail.Database; s != nil {
		o.Store = trail.NewPostgres(func(ctx context.Context) (*pgx.Conn, error) {
			return pg.Connect(ctx, s.Text(), pg.Options{})
		})
	}
	t, err := trail.Open(o)
	if err != nil {
		return nil, fmt.Errorf("opening the trail: %w", err)
	}
	return &keeper{t}, nil
}
