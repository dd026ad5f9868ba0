package edge

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	Key      *gateway.Secret `yaml:"key"`      // private key of checkpoints, made by ringfence trail key; absent: none are signed
}

func (t *trailSection) check(env func(string) (string, bool)) error {
	if t.Dir == "" || t.Node == "" {
		return errors.New("dir and node are needed: what is refused is recorded before it is answered")
	}
	if t.Database != nil {
		if err := readDSN(t.Database, env); err != nil {
			return fmt.Errorf("database: %w", err)
		}
	}
	if t.Key != nil {
		if t.Database == nil {
			return errors.New("key: checkpoints are signed of what the database has taken, and there is none")
		}
		if err := t.Key.Read(env); err != nil {
			return fmt.Errorf("key: %w", err)
		}
		if _, err := trail.NewCheckpointer(nil, trail.CheckpointOptions{Signer: t.Key.Text()}); err != nil {
			return fmt.Errorf("key: %w", err)
		}
	}
	return nil
}

// keeper is a Recorder with what it holds open.
type keeper struct {
	*trail.Trail
	points *trail.Checkpointer // nil where none are signed
	log    *slog.Logger
}

// closing is how long the journal may take to be flushed at the end.
const closing = 10 * time.Second

func (k *keeper) close() {
	ctx, stop := context.WithTimeout(context.Background(), closing)
	defer stop()
	if err := k.Close(ctx); err != nil {
		k.log.Error("the trail was not closed in time", "error", err)
	}
	if k.points == nil {
		return
	}
	if err := k.points.Flush(ctx); err != nil {
		k.log.Error("the last checkpoints were not signed", "error", err)
	}
}

// openTrail opens the journal and begins to ship. Signed checkpoints leave the node at once, each a line on o.Checkpoints.
func (f *file) openTrail(o Options, sinks map[string]trail.Sink) (*keeper, error) {
	log, checkpoints := o.Log, o.Checkpoints
	if checkpoints == nil {
		checkpoints = io.Discard
	}
	to := trail.Options{Dir: f.trail.Dir, Node: f.trail.Node, Sinks: sinks, Log: log}
	k := &keeper{log: log}
	if s := f.trail.Database; s != nil {
		store := trail.NewPostgres(func(ctx context.Context) (*pgx.Conn, error) {
			return pg.Connect(ctx, s.Text(), pg.Options{})
		})
		to.Store = store
		if key := f.trail.Key; key != nil {
			points, err := trail.NewCheckpointer(store, trail.CheckpointOptions{Signer: key.Text(), Publish: trail.WriteCheckpoint(checkpoints), Log: log})
			if err != nil {
				return nil, err
			}
			to.Store, k.points = points, points
		}
	}
	var err error
	if k.Trail, err = trail.Open(to); err != nil {
		return nil, fmt.Errorf("opening the trail: %w", err)
	}
	return k, nil
}
