package trail

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"sync"
	"time"
)

// ID is a UUIDv7: 48 bits of milliseconds, 12 bits of their fraction, 62 random bits. IDs are compared with ==, and
// ordered by their bytes.
type ID [16]byte

// errID says that a text is no id.
var errID = errors.New("malformed event id")

// ParseID reads an id as String writes it; any version of UUID is taken, in either case.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return ID{}, errID
	}
	digits := s[0:8] + s[9:13] + s[14:18] + s[19:23] + s[24:36]
	if _, err := hex.Decode(id[:], []byte(digits)); err != nil {
		return ID{}, errID
	}
	return id, nil
}

// String returns the id as PostgreSQL prints a uuid.
func (id ID) String() string {
	var b [36]byte
	hex.Encode(b[0:8], id[0:4])
	hex.Encode(b[9:13], id[4:6])
	hex.Encode(b[14:18], id[6:8])
	hex.Encode(b[19:23], id[8:10])
	hex.Encode(b[24:36], id[10:16])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}

// Compare orders ids by their bytes, as PostgreSQL orders uuids.
func (id ID) Compare(other ID) int { return bytes.Compare(id[:], other[:]) }

// Time returns the millisecond that the id carries.
func (id ID) Time() time.Time {
	ms := int64(binary.BigEndian.Uint64(id[:8]) >> 16)
	return time.UnixMilli(ms).UTC()
}

// stamp sets version and variant.
func (id ID) stamp() ID {
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id
}

// idClock makes ids and times that ascend whatever the wall clock does. Safe for concurrent use.
type idClock struct {
	now func() time.Time

	mu   sync.Mutex
	last uint64 // milliseconds<<12 | fraction
}

// tick returns an id above all earlier ones, the time that it carries, and by how much that is ahead of the wall clock
// (after the clock was set back, or when more than 4096 ids were asked for in a millisecond).
func (c *idClock) tick() (ID, time.Time, time.Duration) {
	wall := c.now()
	ms := uint64(max(wall.UnixMilli(), 0))
	at := ms<<12 | uint64(wall.Nanosecond()%1e6)<<12/1e6
	c.mu.Lock()
	at = max(at, c.last+1)
	c.last = at
	c.mu.Unlock()

	var id ID
	binary.BigEndian.PutUint64(id[:8], at>>12<<16|at&0xfff)
	rand.Read(id[8:])
	created := time.UnixMicro(int64(at>>12)*1000 + int64(at&0xfff*1000>>12)).UTC()
	return id.stamp(), created, created.Sub(wall)
}
