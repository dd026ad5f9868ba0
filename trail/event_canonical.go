package trail

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/ringfencehq/ringfence"
)

// canonicalVersion is the first byte of the encoding.
const canonicalVersion = 1

// ErrEncoding says that bytes are not an event's canonical encoding.
var ErrEncoding = errors.New("malformed event")

// AppendCanonical appends the event's canonical encoding, which its hash covers. No two events share one: every text
// carries its length, so that nothing in a field can pass for the next field. In order, numbers big-endian as PostgreSQL's
// int4send and int8send write them, so that the database can compute it too:
//
//	version      1 byte, 1
//	id           16 bytes
//	node         text: 4 bytes of length, then UTF-8
//	epoch        8 bytes
//	sequence     8 bytes
//	created      8 bytes, microseconds since 1970 UTC
//	type, severity, user, tenant, attempted tenant, session, address, user agent   text each; none is the empty text
//	count        8 bytes
//	first, last  8 bytes each, as created
//	detail       4 bytes of number, then key and value, text each, ascending by the keys' bytes
//	previous     32 bytes
func (e *Event) AppendCanonical(b []byte) []byte {
	b = append(b, canonicalVersion)
	b = append(b, e.ID[:]...)
	b = appendText(b, e.Node)
	b = appendInt(b, e.Epoch)
	b = appendInt(b, e.Sequence)
	b = appendInt(b, e.Created.UnixMicro())
	for _, s := range []string{string(e.Type), string(e.Severity), e.User, e.Tenant, e.AttemptedTenant, e.Session, e.Address, e.UserAgent} {
		b = appendText(b, s)
	}
	b = appendInt(b, e.Count)
	b = appendInt(b, e.First.UnixMicro())
	b = appendInt(b, e.Last.UnixMicro())
	b = binary.BigEndian.AppendUint32(b, uint32(len(e.Detail)))
	for _, k := range slices.Sorted(maps.Keys(e.Detail)) {
		b = appendText(b, k)
		b = appendText(b, e.Detail[k])
	}
	return append(b, e.Previous[:]...)
}

func appendText(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

func appendInt(b []byte, n int64) []byte { return binary.BigEndian.AppendUint64(b, uint64(n)) }

// Decode reads a canonical encoding, computes the hash and sets Row to ID. It takes exactly what AppendCanonical writes:
// whatever else is an error that wraps ErrEncoding. Types and severities of later versions are kept as they are.
func Decode(b []byte) (Event, error) {
	d := decoder{rest: b}
	if d.byte() != canonicalVersion {
		return Event{}, fmt.Errorf("%w: unknown version", ErrEncoding)
	}
	var e Event
	copy(e.ID[:], d.take(len(e.ID)))
	e.Row = e.ID
	e.Node = d.text(maxNode)
	e.Epoch, e.Sequence, e.Created = d.int(), d.int(), d.time()
	e.Type = ringfence.EventType(d.text(maxType))
	e.Severity = ringfence.Severity(d.text(maxType))
	e.User, e.Tenant, e.AttemptedTenant = d.text(maxID), d.text(maxID), d.text(maxID)
	e.Session, e.Address, e.UserAgent = d.text(maxID), d.text(maxAddress), d.text(maxUserAgent)
	e.Count, e.First, e.Last = d.int(), d.time(), d.time()
	e.Detail = d.detail()
	copy(e.Previous[:], d.take(len(e.Previous)))
	if d.bad || len(d.rest) > 0 {
		return Event{}, ErrEncoding
	}
	if e.Epoch < 1 || e.Sequence < 1 || e.Count < 1 || e.Type == "" {
		return Event{}, fmt.Errorf("%w: a field outside its range", ErrEncoding)
	}
	e.Hash = digest(b)
	return e, nil
}

// decoder takes fields off the front; once something is wrong, bad stays set and all that follows is zero.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) take(n int) []byte {
	if d.bad || len(d.rest) < n {
		d.bad = true
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) length() int {
	if b := d.take(4); b != nil {
		return int(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (d *decoder) int() int64 {
	if b := d.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

// maxTime is the last microsecond of the year 9999: what every format can write.
const maxTime = 253402300799999999

func (d *decoder) time() time.Time {
	us := d.int()
	if us < 0 || us > maxTime {
		d.bad = true
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

func (d *decoder) text(most int) string {
	n := d.length()
	if n > most {
		d.bad = true
		return ""
	}
	b := d.take(n)
	if !utf8.Valid(b) || hasUnclean(b) {
		d.bad = true
		return ""
	}
	return string(b)
}

func (d *decoder) detail() map[string]string {
	n := d.length()
	if n > maxDetails {
		d.bad = true
	}
	if n == 0 || d.bad {
		return nil
	}
	m, last := make(map[string]string, n), ""
	for i := range n {
		k := d.text(maxDetailKey)
		if i > 0 && k <= last {
			d.bad = true
		}
		if d.bad {
			return nil
		}
		m[k], last = d.text(maxDetailValue), k
	}
	return m
}
