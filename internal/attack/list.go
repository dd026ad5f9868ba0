package attack

// All returns every probe, in the order they run: a session's own reading first, then what writes.
func All() []Probe {
	return []Probe{
		noContext, emptyContext, malformedContext, othersContext,
		read,
		insertForged, updateByKey, blindUpdate, moveRow, stealRow, blindMove, deleteByKey, blindDelete,
	}
}
