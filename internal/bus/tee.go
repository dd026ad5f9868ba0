package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ringfencehq/ringfence/trail"
)

// TeeOptions say which stream of JetStream gets the trail's events. It is for others to consume: the record is the journal and
// the table, since a stream loses what its servers had not synced.
type TeeOptions struct {
	Stream   string        // "RINGFENCE_TRAIL"
	Subject  string        // "ringfence.trail"; events go to subjects below it, by their type
	Replicas int           // 3
	MaxBytes int64         // the oldest events go beyond it; 1 GiB
	MaxAge   time.Duration // 7 days
}

// Tee is a trail.Sink that publishes events to a stream, each under its id, so that one which is sent twice is kept once. The
// stream is made where it is missing; one that keeps fewer copies is refused.
type Tee struct {
	o     TeeOptions
	js    jetstream.JetStream
	found bool // calls come one at a time
}

// duplicates is how long the stream remembers ids: longer than a sink goes on trying before its queue is full of others.
const duplicates = 10 * time.Minute

// NewTee returns a tee over the bus. The stream is looked for at the first Send.
func (b *Bus) NewTee(o TeeOptions) (*Tee, error) {
	o.Stream, o.Subject = cmp.Or(o.Stream, "RINGFENCE_TRAIL"), cmp.Or(o.Subject, "ringfence.trail")
	o.Replicas, o.MaxBytes, o.MaxAge = cmp.Or(o.Replicas, 3), cmp.Or(o.MaxBytes, 1<<30), cmp.Or(o.MaxAge, 7*24*time.Hour)
	js, err := jetstream.New(b.conn)
	if err != nil {
		return nil, fmt.Errorf("preparing the tee: %w", err)
	}
	return &Tee{o: o, js: js}, nil
}

// Send implements trail.Sink: nil once the stream's servers have acknowledged every event.
func (t *Tee) Send(ctx context.Context, batch []trail.Event) error {
	if !t.found {
		if err := t.find(ctx); err != nil {
			return err
		}
		t.found = true
	}
	for part := range slices.Chunk(batch, inFlight) {
		if err := t.publish(ctx, part); err != nil {
			t.found = false
			return fmt.Errorf("sending events to the stream %s: %w", t.o.Stream, err)
		}
	}
	return nil
}

// inFlight is how many events are on their way before the first one has to be acknowledged.
const inFlight = 512

func (t *Tee) publish(ctx context.Context, part []trail.Event) error {
	acks := make([]jetstream.PubAckFuture, len(part))
	for i := range part {
		m := nats.NewMsg(t.o.Subject + "." + string(part[i].Type))
		m.Data = trail.AppendJSON(nil, &part[i])
		var err error
		if acks[i], err = t.js.PublishMsgAsync(m, jetstream.WithMsgID(part[i].ID.String())); err != nil {
			return err
		}
	}
	for _, a := range acks {
		select {
		case <-a.Ok():
		case err := <-a.Err():
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// find looks the stream up, or makes it.
func (t *Tee) find(ctx context.Context) error {
	s, err := t.js.Stream(ctx, t.o.Stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		s, err = t.js.CreateStream(ctx, jetstream.StreamConfig{
			Name: t.o.Stream, Description: "a copy of the security trail; the record is elsewhere", Subjects: []string{t.o.Subject + ".>"},
			Storage: jetstream.FileStorage, Replicas: t.o.Replicas, Duplicates: duplicates,
			Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld, MaxBytes: t.o.MaxBytes, MaxAge: t.o.MaxAge, DenyDelete: true, DenyPurge: true,
		})
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // another node was quicker
			s, err = t.js.Stream(ctx, t.o.Stream)
		}
	}
	if err != nil {
		return fmt.Errorf("finding the stream %s: %w", t.o.Stream, err)
	}
	if c := s.CachedInfo().Config; c.Replicas < t.o.Replicas || c.Storage != jetstream.FileStorage {
		return fmt.Errorf("the stream %s keeps %d copies, and %d are asked for on disk: change it, or nats.tee.replicas", t.o.Stream, c.Replicas, t.o.Replicas)
	}
	return nil
}

var _ trail.Sink = (*Tee)(nil)
