package trail

import (
	"math/bits"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// A tree is the Merkle tree of RFC 6962 over the hashes of a chain's events, kept as its frontier: the roots of its complete
// subtrees, largest first. It holds no more than 64 hashes whatever its size.
type tree struct {
	size     int64
	frontier []Hash
}

// add appends an event's hash as the next leaf.
func (t *tree) add(leaf Hash) {
	h := tlog.RecordHash(leaf[:])
	for range bits.TrailingZeros64(^uint64(t.size)) {
		h = tlog.NodeHash(tlog.Hash(t.frontier[len(t.frontier)-1]), h)
		t.frontier = t.frontier[:len(t.frontier)-1]
	}
	t.frontier = append(t.frontier, Hash(h))
	t.size++
}

// root is the tree's root hash; that of a tree without leaves is zero, which no checkpoint has.
func (t *tree) root() Hash {
	if len(t.frontier) == 0 {
		return Hash{}
	}
	h := tlog.Hash(t.frontier[len(t.frontier)-1])
	for _, left := range slices.Backward(t.frontier[:len(t.frontier)-1]) {
		h = tlog.NodeHash(tlog.Hash(left), h)
	}
	return Hash(h)
}

// whole reports whether the frontier is one of a tree of that size.
func (t *tree) whole() bool {
	return t.size >= 0 && len(t.frontier) == bits.OnesCount64(uint64(t.size))
}
