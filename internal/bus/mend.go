package bus

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// looks is how often the server's streams are looked at.
const looks = 2 * time.Second

// mend has the server take its streams up again once the disk lets it: one that could not be written, as on a full disk, the
// server gives up for as long as it runs. It ends with ctx.
func (b *Bus) mend(ctx context.Context, dir string) {
	tick := time.NewTicker(looks)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if !gaveUp(b.server) || takes(dir) != nil {
			continue
		}
		if err := b.restartStreams(dir); err != nil {
			b.log.Warn("the bus cannot take its streams up again yet", "error", err)
			continue
		}
		b.log.Warn("the bus had given its streams up, since the disk took no more, and goes on with them")
	}
}

// gaveUp reports whether the server stopped writing a stream, or all of them.
func gaveUp(s *server.Server) bool {
	if !s.JetStreamEnabled() {
		return true
	}
	return slices.ContainsFunc(s.Healthz(&server.HealthzOptions{Details: true}).Errors, func(e server.HealthzError) bool {
		return strings.Contains(e.Error, "write error")
	})
}

// takes reports whether a directory's disk takes a file of the size that a stream may need at once.
func takes(dir string) error {
	f, err := os.CreateTemp(dir, ".room-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(make([]byte, 1<<20))
	return errors.Join(err, f.Sync(), f.Close())
}

func (b *Bus) restartStreams(dir string) error {
	if err := b.server.ShutdownJetStream(); err != nil {
		return fmt.Errorf("ending the streams: %w", err)
	}
	if err := b.server.EnableJetStream(&server.JetStreamConfig{StoreDir: dir}); err != nil {
		return fmt.Errorf("beginning the streams: %w", err)
	}
	return nil
}
