package expr

import (
	"testing"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// BenchmarkReader reads all recorded trees with a new Reader each time, so that nothing is remembered.
func BenchmarkReader(b *testing.B) {
	rec := record(b, 18)
	snap := rec.reader.Snapshot()
	for b.Loop() {
		r := NewReader(snap)
		for _, tree := range rec.Trees {
			if _, err := r.Expressions(&catalog.Tree{Node: tree.Node}, snap.Relation(tree.Relation)); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkIdentity writes the identity of one policy of ordinary size.
func BenchmarkIdentity(b *testing.B) {
	rec := record(b, 18)
	tree := rec.Trees["policy claim"]
	e, err := rec.reader.Expression(&catalog.Tree{Node: tree.Node}, rec.reader.Snapshot().Relation("s.acc"))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		rec.reader.Identity(e)
	}
}

// BenchmarkBuiltins reads the embedded pg_catalog, as a process does once.
func BenchmarkBuiltins(b *testing.B) {
	for b.Loop() {
		readBuiltins(18)
	}
}
