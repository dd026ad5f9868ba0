//go:build system

package main

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ringfencehq/ringfence/trail"
)

// compareStream holds the stream against the table: what was kept has gone out to others too. The queue of the stream is in
// memory, and what stood in it when the gateway was killed is in the table alone.
func (l *load) compareStream(t *testing.T, bus string, killed time.Time) {
	t.Helper()
	eventually(t, "the table has everything", func() bool { return l.w.metric(t, "ringfence_trail_backlog") == 0 })
	kept, last := l.table(t), ""
	for id, e := range kept {
		if e.at.After(kept[last].at) {
			last = id
		}
	}
	var teed map[string]int
	eventually(t, "the stream has the last event", func() bool {
		var err error
		teed, err = streamed(t.Context(), bus, l.w.stack.key)
		return err == nil && teed[last] > 0
	})
	missing, late, doubled, strange := 0, 0, 0, 0
	for id, e := range kept {
		switch {
		case teed[id] > 1:
			doubled++
		case teed[id] == 0 && e.at.Before(killed) && killed.Sub(e.at) < time.Second:
			late++
		case teed[id] == 0:
			missing++
		}
	}
	for id := range teed {
		if _, is := kept[id]; !is {
			strange++
		}
	}
	t.Logf("%d in the table, %d in the stream, %d were in its queue when the gateway was killed", len(kept), len(teed), late)
	if missing > 0 || doubled > 0 || strange > 0 {
		t.Errorf("of the table's events %d are missing in the stream, %d are in it twice, and it has %d that the table has not", missing, doubled, strange)
	}
}

// streamed counts the stream's events by the tenant that was tried.
func streamed(ctx context.Context, bus, secret string) (map[string]int, error) {
	conn, err := nats.Connect("nats://"+bus, nats.Token(secret))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, err
	}
	read, err := js.OrderedConsumer(ctx, "RINGFENCE_TRAIL", jetstream.OrderedConsumerConfig{FilterSubjects: []string{"ringfence.trail.cross_tenant"}})
	if err != nil {
		return nil, err
	}
	all := map[string]int{}
	for {
		batch, err := read.FetchNoWait(1000)
		if err != nil {
			return nil, err
		}
		before := len(all)
		for m := range batch.Messages() {
			e, err := trail.ParseJSON(m.Data())
			if err != nil {
				return nil, err
			}
			all[e.AttemptedTenant]++
		}
		if len(all) == before {
			return all, batch.Error()
		}
	}
}
