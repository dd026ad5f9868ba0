package scan

import "math"

// DefaultDepth is how deep objects and arrays may nest where nothing else is said.
const DefaultDepth = 32

// maxHits bounds the watched names in one message.
const maxHits = 64

// A Hit is a watched name that a message has, and its value.
type Hit struct {
	Path       Path  // where it stands; Nowhere where only the name is watched
	Start, End int32 // the value's bytes in the message; of a string without its quotes
	Name       int8  // index of the name
	Kind       Kind
	Escaped    bool // the string has escapes: Text decodes them
}

// Scanner reads messages one after the other, and reuses what it needs for that. Not safe for concurrent use.
type Scanner struct {
	names *Names
	depth int

	Hits []Hit // of the last message scanned
	More bool  // another message follows the next one: what they begin with alike is read once

	b        []byte
	keys     []key
	arena    []byte // decoded keys and values
	set      keySet
	previous previous
}

// NewScanner returns a scanner for a set of names. depth bounds nesting; 0 is DefaultDepth.
func NewScanner(names *Names, depth int) *Scanner {
	if depth <= 0 {
		depth = DefaultDepth
	}
	return &Scanner{names: names, depth: depth, Hits: make([]Hit, 0, maxHits)}
}

// Scan reads one message. Hits is complete where the code is OK, and as far as it was read where it is not.
func (s *Scanner) Scan(b []byte) Code {
	i := space(b, 0)
	if i < len(b) && b[i] != '{' {
		s.Hits = s.Hits[:0]
		return NoObject
	}
	return s.ScanAny(b)
}

// ScanAny is Scan for a message that may be any JSON value, such as an array of objects.
func (s *Scanner) ScanAny(b []byte) Code {
	s.b, s.Hits, s.keys, s.arena = b, s.Hits[:0], s.keys[:0], s.arena[:0]
	s.set.reset()
	if len(b) > math.MaxInt32 {
		return TooMany
	}
	i, code := s.message()
	if code == OK && space(b, i) != len(b) {
		code = Trailing
	}
	s.previous.next(b, code)
	return code
}

// message reads the value that a message is, from its begin or from a mark that it shares with the one before.
func (s *Scanner) message() (int, Code) {
	if m := s.previous.shared(s.b); m != nil {
		s.Hits, s.keys = s.Hits[:m.hits], s.keys[:m.keys]
		return s.object(int(m.at), 1, 0, 0, int(m.name))
	}
	i := space(s.b, 0)
	if i == len(s.b) {
		return 0, Syntax
	}
	return s.value(i, 0, 0, -1)
}

// Text returns a string value that was hit: a part of the message, or its decoded text, good until the next Scan.
func (s *Scanner) Text(h Hit) []byte {
	if h.Escaped {
		return s.decoded(h)
	}
	return s.b[h.Start:h.End]
}

func (s *Scanner) decoded(h Hit) []byte {
	at := len(s.arena)
	s.arena = appendDecoded(s.arena, s.b[h.Start:h.End])
	return s.arena[at:]
}

// Bytes returns the bytes of a value that was hit, as the message has them.
func (s *Scanner) Bytes(h Hit) []byte { return s.b[h.Start:h.End] }

func space(b []byte, i int) int {
	for i < len(b) && b[i] <= ' ' && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// unread is the name of a member whose key is not read yet.
const unread = -2

// object reads an object on from one of its members: from its key, or, where the key's watched name or -1 is known as at, from
// behind its colon. path is where the object stands, base the index of its first key.
func (s *Scanner) object(i, depth int, path Path, base, at int) (int, Code) {
	if depth > s.depth {
		return 0, Depth
	}
	b := s.b
	for ; ; at = unread {
		var code Code
		if at == unread {
			if i >= len(b) || b[i] != '"' {
				if i < len(b) && b[i] == '}' && len(s.keys) == base {
					return i + 1, OK
				}
				return 0, Syntax
			}
			end, has, code := str(b, i+1)
			if code != OK {
				return 0, code
			}
			if at, code = s.key(i+1, end, has, base, path); code != OK {
				return 0, code
			}
			if i = space(b, end+1); i >= len(b) || b[i] != ':' {
				return 0, Syntax
			}
			i++
			if depth == 1 && s.More {
				s.mark(i, at)
			}
		}
		below := Nowhere
		if at >= 0 {
			below = path.below(at)
		}
		if i, code = s.value(space(b, i), depth, below, at); code != OK {
			return 0, code
		}
		if i = space(b, i); i >= len(b) {
			return 0, Syntax
		}
		if b[i] == '}' {
			s.keys = s.keys[:base]
			return i + 1, OK
		}
		if b[i] != ',' {
			return 0, Syntax
		}
		i = space(b, i+1)
	}
}

// below is the path of the value of the watched name at, which stands in an object at p.
func (p Path) below(at int) Path {
	if p >= 1<<(8*(maxSteps-1)) {
		return Nowhere
	}
	return p.step(at)
}

// array reads what follows an opening bracket.
func (s *Scanner) array(i, depth int) (int, Code) {
	if depth > s.depth {
		return 0, Depth
	}
	b := s.b
	i = space(b, i)
	if i < len(b) && b[i] == ']' {
		return i + 1, OK
	}
	for {
		var code Code
		if i, code = s.value(i, depth, Nowhere, -1); code != OK {
			return 0, code
		}
		if i = space(b, i); i >= len(b) {
			return 0, Syntax
		}
		if b[i] == ']' {
			return i + 1, OK
		}
		if b[i] != ',' {
			return 0, Syntax
		}
		i = space(b, i+1)
	}
}

// value reads one value, the value of the watched name at, or of none where that is -1.
func (s *Scanner) value(i, depth int, path Path, at int) (int, Code) {
	b := s.b
	if i >= len(b) {
		return 0, Syntax
	}
	var (
		kind Kind
		end  int
		code Code
	)
	switch b[i] {
	case '"':
		close, has, code := str(b, i+1)
		if at < 0 || code != OK {
			return close + 1, code
		}
		if has&hasLone != 0 {
			return 0, Surrogate
		}
		return close + 1, s.hit(at, path, String, i+1, close, has&hasEscape != 0)
	case '{':
		if at >= 0 {
			if code = s.hit(at, path, Object, i, i+1, false); code != OK {
				return 0, code
			}
		}
		return s.object(space(b, i+1), depth+1, path, len(s.keys), unread)
	case '[':
		if at >= 0 {
			if code = s.hit(at, path, Array, i, i+1, false); code != OK {
				return 0, code
			}
		}
		return s.array(i+1, depth+1)
	case 't':
		kind, end = True, literal(b, i, "true")
	case 'f':
		kind, end = False, literal(b, i, "false")
	case 'n':
		kind, end = Null, literal(b, i, "null")
	default:
		kind, end = Number, number(b, i)
	}
	if end == 0 {
		return 0, Syntax
	}
	if at < 0 {
		return end, OK
	}
	return end, s.hit(at, path, kind, i, end, false)
}

// hit keeps a hit. It is written where it stays: one that is made first and copied then is read before its parts are written
// out, and waits for them.
func (s *Scanner) hit(at int, path Path, kind Kind, start, end int, escaped bool) Code {
	n := len(s.Hits)
	if n == maxHits {
		return TooMany
	}
	s.Hits = s.Hits[:n+1]
	h := &s.Hits[n]
	h.Path, h.Start, h.End, h.Name, h.Kind, h.Escaped = path, int32(start), int32(end), int8(at), kind, escaped
	return OK
}

func literal(b []byte, i int, word string) int {
	if len(b)-i < len(word) || string(b[i:i+len(word)]) != word {
		return 0
	}
	return i + len(word)
}

// number reads a number as RFC 8259 spells it, and returns 0 where there is none.
func number(b []byte, i int) int {
	if i < len(b) && b[i] == '-' {
		i++
	}
	switch {
	case i >= len(b) || b[i] < '0' || b[i] > '9':
		return 0
	case b[i] == '0':
		i++
	default:
		i = digits(b, i)
	}
	if i < len(b) && b[i] == '.' {
		at := i + 1
		if i = digits(b, at); i == at {
			return 0
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		at := i
		if i = digits(b, at); i == at {
			return 0
		}
	}
	return i
}

func digits(b []byte, i int) int {
	for i < len(b) && '0' <= b[i] && b[i] <= '9' {
		i++
	}
	return i
}
