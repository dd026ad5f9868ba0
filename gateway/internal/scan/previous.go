package scan

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// previous is what a scanner still knows of the message before. Messages of a burst begin alike: the next one is read from the last
// mark before the byte where they part, with what was known there. That is the same as reading it from its begin, since what is
// known at a mark follows from the bytes before it alone.
type previous struct {
	text  []byte // as far as the last mark
	marks [maxMarks]mark
	n     int // marks that are set
	old   int // those of them that were set before the message that is being read
}

// mark is a place in a message: behind the colon of one of the root's keys.
type mark struct {
	at         int32
	keys, hits int8
	name       int8 // of the key: its index, or -1
}

const (
	maxMarks  = few // from there on keys are in the set, too
	maxShared = 512
)

// Forget wipes what the scanner holds of the messages that it read, and has the next one read from its begin.
func (s *Scanner) Forget() {
	s.b = nil
	s.More, s.previous.n = false, 0
	clear(s.previous.text)
	s.previous.text = s.previous.text[:0]
	if cap(s.arena) > maxKept {
		s.arena = nil
	}
	clear(s.arena[:cap(s.arena)])
}

// mark notes what is known behind a colon of the root. Where keys were decoded that is more than a mark has room for.
func (s *Scanner) mark(at, name int) {
	m := &s.previous
	if n := m.n; n < maxMarks && at <= maxShared && len(s.arena) == 0 {
		k := &m.marks[n]
		k.at, k.keys, k.hits, k.name = int32(at), int8(len(s.keys)), int8(len(s.Hits)), int8(name)
		m.n = n + 1
	}
}

// shared returns the last mark up to which b is the message before, and drops those behind it.
func (m *previous) shared(b []byte) *mark {
	n := m.n
	if n > 0 && !bytes.HasPrefix(b, m.text) {
		same := int32(common(m.text, b))
		for n > 0 && m.marks[n-1].at > same {
			n--
		}
	}
	m.n, m.old = n, n
	if n == 0 {
		return nil
	}
	return &m.marks[n-1]
}

// next holds what the next message is compared with. One that is refused leaves nothing to go on from.
func (m *previous) next(b []byte, code Code) {
	if code != OK {
		m.n = 0
	} else if m.n > m.old {
		m.text = append(m.text[:0], b[:m.marks[m.n-1].at]...)
	}
}

// common is how many bytes a and b have in common, from their begin on.
func common(a, b []byte) int {
	n := min(len(a), len(b))
	i := 0
	for ; i+8 <= n; i += 8 {
		if odd := binary.LittleEndian.Uint64(a[i:]) ^ binary.LittleEndian.Uint64(b[i:]); odd != 0 {
			return i + bits.TrailingZeros64(odd)/8
		}
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}
