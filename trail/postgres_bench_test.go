package trail

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ringfencehq/ringfence"
)

// BenchmarkPostgresAppend drains batches as the shipper does; rows/s is what the goal of 50,000 asks of.
func BenchmarkPostgresAppend(b *testing.B) {
	for _, size := range []int{1, 100, 2000, 5000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			tb := newTable(b)
			store := tb.store(b)
			events := chain("n1", 1, time.Now(), slices.Repeat([]ringfence.Event{{Type: ringfence.CrossTenant, User: "6b1f5c7e-8d56-4f4c-9d63-0a0a6c1f2b11",
				Tenant: "f3b7e1de-4d27-4d85-8a8b-2f7e26a0f6a4", AttemptedTenant: "0c6cf8f1-0e9e-4a0a-9c40-7b2f8a2d6f0e", Address: "192.0.2.17",
				UserAgent: "Mozilla/5.0 (X11; Linux x86_64)", Detail: map[string]string{"route": "/orders/{id}", "operation": "read"}}}, b.N*size)...)
			b.ResetTimer()
			for batch := range slices.Chunk(events, size) {
				if _, err := store.Append(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(events))/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
