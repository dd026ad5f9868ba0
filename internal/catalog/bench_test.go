package catalog_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/catalog/catalogtest"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// The aim is 0.3 s for 1,000 tables with 1,500 policies and 0.6 s for 2,000.
func BenchmarkRead(b *testing.B) {
	for _, tables := range []int{1000, 2000} {
		b.Run(fmt.Sprint(tables), func(b *testing.B) {
			db := pgtest.DB(b)
			catalogtest.Load(b, db, tables)
			s := read(b, db.Super)
			b.Run("read", func(b *testing.B) {
				defer reportCPU(b, db.Super)()
				for b.Loop() {
					read(b, db.Super)
				}
			})
			b.Run("read_on_a_fresh_connection", func(b *testing.B) {
				for b.Loop() {
					b.StopTimer()
					conn := db.Conn(b, "")
					b.StartTimer()
					read(b, conn)
					b.StopTimer()
					conn.Close(b.Context())
					b.StartTimer()
				}
			})
			b.Run("fingerprints", func(b *testing.B) {
				for b.Loop() {
					s.Fingerprints()
				}
			})
			b.Run("write", func(b *testing.B) {
				for b.Loop() {
					if err := s.WriteJSON(io.Discard); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("read_json", func(b *testing.B) {
				var file bytes.Buffer
				if err := s.WriteJSON(&file); err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(file.Len()))
				for b.Loop() {
					if _, err := catalog.ReadJSON(bytes.NewReader(file.Bytes())); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}
