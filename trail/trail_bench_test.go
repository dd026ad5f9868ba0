package trail

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringfencehq/ringfence"
)

// discard is a Store that takes everything, so that what is measured is the journal.
type discard struct{}

func (discard) Append(_ context.Context, batch []Event) ([]Stored, error) {
	out := make([]Stored, len(batch))
	for i := range batch {
		out[i] = Stored{Row: batch[i].Row, Hash: batch[i].Hash}
	}
	return out, nil
}

// BenchmarkAccept measures how long Record takes for events that are all different, until they are on disk.
func BenchmarkAccept(b *testing.B) {
	for _, writers := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			o := testOptions(b, discard{})
			o.SegmentSize = 0
			tr := openTrail(b, o)
			times := make([][]time.Duration, writers)
			var next atomic.Int64
			var wg sync.WaitGroup
			b.ResetTimer()
			for w := range writers {
				wg.Go(func() {
					for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
						begin := time.Now()
						if err := tr.Record(b.Context(), attempt(int(n))); err != nil {
							b.Error(err)
							return
						}
						times[w] = append(times[w], time.Since(begin))
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			reportTimes(b, times)
		})
	}
}

func reportTimes(b *testing.B, times [][]time.Duration) {
	all := slices.Concat(times...)
	slices.Sort(all)
	b.ReportMetric(float64(all[len(all)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "p99-µs")
	b.ReportMetric(float64(len(all))/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkFold measures what a repeat costs, offered by 1,000 sources on all processors.
func BenchmarkFold(b *testing.B) {
	tr := openTrail(b, testOptions(b, discard{}))
	events := make([]ringfence.Event, 1000)
	for i := range events {
		events[i] = attempt(i)
		events[i].User = "user " + strconv.Itoa(i)
	}
	var next atomic.Int64
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := tr.Record(b.Context(), events[next.Add(1)%1000]); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
