package trail

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// checkpointKeeper is where checkpoints stay, and from where a chain's tree is taken up again: *Postgres.
type checkpointKeeper interface {
	AddCheckpoint(ctx context.Context, c Checkpoint) error
	chainTail(ctx context.Context, node string, epoch, upTo int64) (chainTail, error)
}

// CheckpointOptions say when and where checkpoints are made.
type CheckpointOptions struct {
	// Signer is the private key that NewCheckpointKey made.
	Signer string
	// Every is after how many events a checkpoint is made, 1000 when zero; Interval after what time, a minute when zero.
	Every    int64
	Interval time.Duration
	// Publish takes each checkpoint away from the node: WriteCheckpoint(os.Stdout), or to where a log collector reads.
	Publish func(Checkpoint) error
	// Log gets a line when a checkpoint could not be made; slog's default when nil. Shipping goes on.
	Log *slog.Logger
	// Now is the clock; time.Now when nil.
	Now func() time.Time
}

// A Checkpointer is a Store that passes events on to another and signs checkpoints of what that has taken. Nothing that goes
// wrong with a checkpoint holds events up: it is logged, and the next one covers the same events. Safe for concurrent use.
type Checkpointer struct {
	store  Store
	keeper checkpointKeeper
	signer note.Signer
	o      CheckpointOptions

	mu     sync.Mutex
	chains map[chainKey]*growing
}

var _ Store = (*Checkpointer)(nil)

// chainKey names a chain: one epoch of one node.
type chainKey struct {
	node  string
	epoch int64
}

// growing is a chain as far as the store has it.
type growing struct {
	tree    tree
	last    int64 // sequence of the last leaf
	event   ID
	pending map[int64]Event // stored beyond a clash that is being repeated
	signed  int64           // size of the last checkpoint
	at      time.Time       // of the last checkpoint
}

// NewCheckpointer returns a store over p that signs checkpoints.
func NewCheckpointer(p *Postgres, o CheckpointOptions) (*Checkpointer, error) {
	signer, err := note.NewSigner(o.Signer)
	if err != nil {
		return nil, errors.New("reading the checkpoint key: it is no private key of a note") // the error might hold the key
	}
	setDefault(&o.Every, 1000)
	setDefault(&o.Interval, time.Minute)
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Checkpointer{store: p, keeper: p, signer: signer, o: o, chains: map[chainKey]*growing{}}, nil
}

// Append implements Store.
func (c *Checkpointer) Append(ctx context.Context, batch []Event) ([]Stored, error) {
	stored, err := c.store.Append(ctx, batch)
	if err != nil || len(stored) != len(batch) {
		return stored, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	clash := false
	for i := range batch {
		if stored[i].Hash != batch[i].Hash {
			clash = true
			continue
		}
		if err := c.take(ctx, &batch[i]); err != nil {
			c.o.Log.Warn("trail: taking up a chain's checkpoints", "error", err)
		}
	}
	if !clash {
		c.advance(ctx)
	}
	return stored, nil
}

// take notes an event that the store has.
func (c *Checkpointer) take(ctx context.Context, e *Event) error {
	key := chainKey{e.Node, e.Epoch}
	g := c.chains[key]
	if g == nil {
		g = &growing{pending: map[int64]Event{}}
		if e.Sequence > 1 {
			tail, err := c.keeper.chainTail(ctx, e.Node, e.Epoch, e.Sequence-1)
			if err != nil {
				return err
			}
			g.tree, g.last, g.event, g.signed = tail.tree, tail.last, tail.event, tail.signed
		}
		c.chains[key] = g
	}
	if e.Sequence > g.last {
		g.pending[e.Sequence] = *e
	}
	return nil
}

// advance adds what is pending to the trees and signs what is due. A chain that a later one of its node follows is at its end: it is signed and
// let go.
func (c *Checkpointer) advance(ctx context.Context) {
	newest := map[string]int64{}
	for key := range c.chains {
		newest[key.node] = max(newest[key.node], key.epoch)
	}
	for _, key := range slices.SortedFunc(maps.Keys(c.chains), func(a, b chainKey) int {
		return cmp.Or(cmp.Compare(a.node, b.node), cmp.Compare(a.epoch, b.epoch))
	}) {
		g := c.chains[key]
		for _, sequence := range slices.Sorted(maps.Keys(g.pending)) {
			e := g.pending[sequence]
			g.tree.add(e.Hash)
			g.last, g.event = sequence, e.ID
		}
		clear(g.pending)
		ended := key.epoch < newest[key.node]
		due := g.tree.size-g.signed >= c.o.Every || c.o.Now().Sub(g.at) >= c.o.Interval || ended
		if due && g.tree.size > g.signed {
			if err := c.checkpoint(ctx, key, g); err != nil {
				c.o.Log.Warn("trail: making a checkpoint", "error", err)
				continue
			}
		}
		if ended {
			delete(c.chains, key)
		}
	}
}

// checkpoint signs a chain as it stands, publishes it and keeps it. It leaves the node first: what is in the database only, who owns the
// database could drop.
func (c *Checkpointer) checkpoint(ctx context.Context, key chainKey, g *growing) error {
	cp := Checkpoint{Node: key.node, Epoch: key.epoch, Size: g.tree.size, Sequence: g.last, Event: g.event, Root: g.tree.root(),
		Created: toMicro(c.o.Now()), frontier: slices.Clone(g.tree.frontier)}
	if err := cp.sign(c.signer); err != nil {
		return err
	}
	if c.o.Publish != nil {
		if err := c.o.Publish(cp); err != nil {
			return fmt.Errorf("publishing it: %w", err)
		}
	}
	if err := c.keeper.AddCheckpoint(ctx, cp); err != nil {
		return err
	}
	g.signed, g.at = g.tree.size, c.o.Now()
	return nil
}

// Flush signs every chain that has events beyond its last checkpoint: for the end of a process, after Trail.Close. It
// returns the first error, with the others tried all the same.
func (c *Checkpointer) Flush(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for key, g := range c.chains {
		if g.tree.size > g.signed {
			errs = append(errs, c.checkpoint(ctx, key, g))
		}
	}
	return errors.Join(errs...)
}
