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

	b     []byte
	keys  []key
	arena []byte // decoded keys and values
	set   keySet
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
	i := space(b, 0)
	if i == len(b) {
		return Syntax
	}
	i, code := s.value(i, 0, 0, -1)
	if code != OK {
		return code
	}
	if space(b, i) != len(b) {
		return Trailing
	}
	return OK
}

// Text returns a string value that was hit: a part of the message, or its decoded text, good until the next Scan.
func (s *Scanner) Text(h Hit) []byte {
	raw := s.b[h.Start:h.End]
	if !h.Escaped {
		return raw
	}
	at := len(s.arena)
	s.arena = appendDecoded(s.arena, raw)
	return s.arena[at:]
}

// Bytes returns the bytes of a value that was hit, as the message has them.
func (s *Scanner) Bytes(h Hit) []byte { return s.b[h.Start:h.End] }

func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// object reads what follows an opening brace; path is where the object stands.
func (s *Scanner) object(i, depth int, path Path) (int, Code) {
	if depth > s.depth {
		return 0, Depth
	}
	b, base := s.b, len(s.keys)
	i = space(b, i)
	if i < len(b) && b[i] == '}' {
		return i + 1, OK
	}
	for {
		if i >= len(b) || b[i] != '"' {
			return 0, Syntax
		}
		end, has, code := str(b, i+1)
		if code != OK {
			return 0, code
		}
		at, code := s.key(i+1, end, has, base, path)
		if code != OK {
			return 0, code
		}
		if i = space(b, end+1); i >= len(b) || b[i] != ':' {
			return 0, Syntax
		}
		below := Nowhere
		if at >= 0 {
			below = path.below(at)
		}
		if i, code = s.value(space(b, i+1), depth, below, at); code != OK {
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
		return s.object(i+1, depth+1, path)
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
