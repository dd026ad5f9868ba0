//go:build system

package bus

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/internal/disktest"
	"github.com/ringfencehq/ringfence/internal/nettest"
	"github.com/ringfencehq/ringfence/trail"
)

// A stream whose disk was full goes on once there is room, with all that it took: alone, where nothing is taken meanwhile, and as
// one of three, where the other two go on.
func TestSystemStreamsAfterAFullDisk(t *testing.T) {
	for _, servers := range []int{1, 3} {
		t.Run(fmt.Sprint(servers), func(t *testing.T) {
			small := t.TempDir()
			disk := disktest.Small(t, small, "8m")
			all, out := tied(t, servers, func(o *Options) {
				if o.Dir = t.TempDir(); o.Name == "gw-0" {
					o.Dir = small
				}
				if servers == 1 {
					o.Cluster = Cluster{}
				}
			})
			last := all[servers-1]
			tee, err := last.NewTee(TeeOptions{Replicas: servers, MaxBytes: 4 << 20})
			if err != nil {
				t.Fatal(err)
			}
			sent := uint64(0)
			send := func() bool {
				ctx, stop := context.WithTimeout(t.Context(), 2*time.Second)
				defer stop()
				e := trail.Event{Event: ringfence.Event{Type: ringfence.CrossTenant, User: "anna", UserAgent: strings.Repeat("a", 512)}}
				binary.BigEndian.PutUint64(e.ID[8:], sent+1)
				if tee.Send(ctx, []trail.Event{e}) != nil {
					return false
				}
				sent++
				return true
			}
			nettest.Until(t, "a stream", send)
			disk.Fill(t)
			nettest.Until(t, "the server notices", func() bool {
				took := send()
				return gaveUp(all[0].server) && took == (servers == 3)
			})
			disk.Empty(t)
			nettest.Until(t, "it takes events again", send)
			js, err := jetstream.New(last.conn)
			if err != nil {
				t.Fatal(err)
			}
			nettest.Until(t, "every copy has all", func() bool {
				s, err := js.Stream(t.Context(), "RINGFENCE_TRAIL")
				if err != nil || s.CachedInfo().State.Msgs != sent {
					return false
				}
				copies := 1
				if c := s.CachedInfo().Cluster; c != nil {
					for _, r := range c.Replicas {
						if r.Current {
							copies++
						}
					}
				}
				return copies == servers && !gaveUp(all[0].server)
			})
			if !strings.Contains(out.String(), "goes on with them") {
				t.Error("the log does not tell that streams were given up")
			}
		})
	}
}
