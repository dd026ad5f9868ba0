package plan

import "slices"

// strength orders the table locks, the weakest first.
var strength = []Lock{NoLock, AccessShare, RowShare, RowExclusive, ShareUpdateExclusive, Share, ShareRowExclusive, Exclusive, AccessExclusive}

// Stronger returns the lock that conflicts with more.
func Stronger(a, b Lock) Lock {
	if slices.Index(strength, a) > slices.Index(strength, b) {
		return a
	}
	return b
}
