package scan

import "hash/maphash"

// key is one key of an object that is being read: its bytes in the message, or decoded in the arena.
type key struct {
	start, end int
	base       int // index of its object's first key
	decoded    bool
}

// few is how many keys of one object are compared one by one; more go through the set.
const few = 16

func (s *Scanner) bytes(k key) []byte {
	if k.decoded {
		return s.arena[k.start:k.end]
	}
	return s.b[k.start:k.end]
}

// key takes a key of the object whose first key is at base: refuses it where the object has it already, and tells which
// watched name it is.
func (s *Scanner) key(start, end int, has uint8, base int, path Path) (at int, code Code) {
	if has == 0 && len(s.keys)-base < few {
		text := s.b[start:end]
		for i := base; i < len(s.keys); i++ {
			if o := &s.keys[i]; o.end-o.start == len(text) && string(s.bytes(*o)) == string(text) {
				return -1, Duplicate
			}
		}
		s.keep(start, end, base)
		if !s.names.may(text) {
			return -1, OK
		}
		at, folded := s.names.find(text, path, true)
		if folded {
			return -1, Folded
		}
		return at, OK
	}
	return s.keySlow(key{start: start, end: end, base: base}, has, path)
}

// keep is has for a key that is new and stands in the message; written where it stays, as hit does.
func (s *Scanner) keep(start, end, base int) {
	n := len(s.keys)
	if n == cap(s.keys) {
		s.keys = append(s.keys, key{start: start, end: end, base: base})
		return
	}
	s.keys = s.keys[:n+1]
	k := &s.keys[n]
	k.start, k.end, k.base, k.decoded = start, end, base, false
}

// keySlow is key for what has escapes or is not ASCII, and for objects of many keys.
func (s *Scanner) keySlow(k key, has uint8, path Path) (at int, code Code) {
	start, end := k.start, k.end
	if has&hasLone != 0 {
		return -1, Surrogate
	}
	if has&hasEscape != 0 {
		k.start, k.decoded = len(s.arena), true
		s.arena = appendDecoded(s.arena, s.b[start:end])
		k.end = len(s.arena)
	}
	text := s.bytes(k)
	if s.has(k, text) {
		return -1, Duplicate
	}
	at, folded := s.names.find(text, path, has == 0 || isASCII(text))
	if folded {
		return -1, Folded
	}
	return at, OK
}

// has reports whether the key's object has it already, and keeps it.
func (s *Scanner) has(k key, text []byte) bool {
	seen := s.keys[k.base:]
	s.keys = append(s.keys, k)
	if len(seen) < few {
		for _, o := range seen {
			if o.end-o.start == len(text) && string(s.bytes(o)) == string(text) {
				return true
			}
		}
		return false
	}
	if len(seen) == few {
		for i := range seen {
			s.set.put(s, k.base+i)
		}
	}
	return s.set.put(s, len(s.keys)-1)
}

// keySet finds the keys of objects that have many. It holds indices into Scanner.keys, of all such objects of a message;
// those of objects that were left point behind the list's end, or to another key, and so match nothing by mistake.
type keySet struct {
	slots []int32 // index + 1; 0 is free
	used  int
	seed  maphash.Seed
}

// maxKept bounds what is kept from one message to the next.
const maxKept = 1 << 12

func (s *keySet) reset() {
	if s.used == 0 {
		return
	}
	if len(s.slots) > maxKept {
		s.slots = nil
	}
	clear(s.slots)
	s.used = 0
}

// put adds the key at an index, and reports whether its object has an equal one.
func (s *keySet) put(sc *Scanner, index int) bool {
	if 2*s.used >= len(s.slots) {
		s.grow(sc)
	}
	k := sc.keys[index]
	text := sc.bytes(k)
	mask := len(s.slots) - 1
	for at := s.hash(k.base, text) & mask; ; at = (at + 1) & mask {
		o := int(s.slots[at]) - 1
		if o < 0 {
			s.slots[at] = int32(index + 1)
			s.used++
			return false
		}
		if o < index && sc.keys[o].base == k.base && string(sc.bytes(sc.keys[o])) == string(text) {
			return true
		}
	}
}

func (s *keySet) hash(base int, text []byte) int {
	return int(maphash.Bytes(s.seed, text)>>1) ^ base*0x9E3779B1
}

// grow doubles the table and puts the keys that are still alive back.
func (s *keySet) grow(sc *Scanner) {
	if s.slots == nil {
		s.seed = maphash.MakeSeed()
	}
	old := s.slots
	s.slots, s.used = make([]int32, max(4*few, 2*len(old))), 0
	for _, slot := range old {
		if o := int(slot) - 1; o >= 0 && o < len(sc.keys) {
			s.place(sc, o)
		}
	}
}

func (s *keySet) place(sc *Scanner, index int) {
	k := sc.keys[index]
	mask := len(s.slots) - 1
	at := s.hash(k.base, sc.bytes(k)) & mask
	for s.slots[at] != 0 {
		at = (at + 1) & mask
	}
	s.slots[at] = int32(index + 1)
	s.used++
}
