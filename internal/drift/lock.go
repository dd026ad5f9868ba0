package drift

import (
	"bytes"
	"maps"
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// LockFile is the name of the file that holds the accepted state.
const LockFile = "ringfence.lock.json"

// alike reports whether two states have the same lock file: what is judged of them is then the same too, and need not be.
func alike(a, b *catalog.Snapshot) bool {
	was, err := Lock(a)
	if err != nil {
		return false
	}
	is, err := Lock(b)
	return err == nil && bytes.Equal(was, is)
}

// Lock returns the bytes of the lock file for s: its canonical JSON without sizes, statistics and times, so that two of them
// differ only where the catalogue does. OIDs stay, since stored trees refer by them; they are never compared.
func Lock(s *catalog.Snapshot) ([]byte, error) {
	c := *s
	c.Server.TakenAt, c.Server.SystemIdentifier, c.Server.SessionRole = "", "", ""
	c.Server.Offline, c.Server.InRecovery = false, false
	c.Server.Settings = maps.Clone(s.Server.Settings)
	c.Relations = slices.Clone(s.Relations)
	for i := range c.Relations {
		r := &c.Relations[i]
		r.Pages, r.Tuples, r.Bytes = 0, 0, 0
		r.Indexes = slices.Clone(r.Indexes)
		for n := range r.Indexes {
			r.Indexes[n].Bytes, r.Indexes[n].Scans = 0, 0
		}
	}
	var out bytes.Buffer
	if err := c.WriteJSON(&out); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
