package scan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// told are the hits of a message in words.
func (w *watched) told(s *Scanner) []string {
	var all []string
	for _, h := range s.Hits {
		path := "nowhere"
		switch h.Path {
		case w.typ:
			path = "type"
		case w.format:
			path = "session_config.format"
		}
		value := string(s.Bytes(h))
		if h.Kind == String {
			value = string(s.Text(h))
		}
		all = append(all, fmt.Sprintf("%s at %s: %d %s", w.names.Text(int(h.Name)), path, h.Kind, value))
	}
	return all
}

func TestHits(t *testing.T) {
	w := newWatched(t)
	s := NewScanner(&w.names, 0)
	message := `{"type":"a\u0062","session_config":{"restaurant_id":"R","format":7,"type":"no"},"x":[{"restaurant_id":null,"deep":{"restaurant_id":{"a":1}}}]}`
	if code := s.Scan([]byte(message)); code != OK {
		t.Fatal(code)
	}
	want := []string{
		"type at type: 4 ab", "session_config at nowhere: 5 {", "restaurant_id at nowhere: 4 R", "format at session_config.format: 3 7",
		"restaurant_id at nowhere: 0 null", "restaurant_id at nowhere: 5 {",
	}
	if diff := cmp.Diff(want, w.told(s)); diff != "" {
		t.Error(diff)
	}
}

func TestTooManyHits(t *testing.T) {
	w := newWatched(t)
	s := NewScanner(&w.names, 0)
	many := func(n int) []byte {
		return []byte(`{"x":[` + strings.TrimSuffix(strings.Repeat(`{"restaurant_id":"R"},`, n), ",") + `]}`)
	}
	if code := s.Scan(many(maxHits)); code != OK {
		t.Errorf("%d: %v", maxHits, code)
	}
	if code := s.Scan(many(maxHits + 1)); code != TooMany {
		t.Errorf("%d: %v", maxHits+1, code)
	}
}

// A key that an object has already is found however many keys there are, and objects do not see each other's.
func TestDuplicatesAmongMany(t *testing.T) {
	w := newWatched(t)
	s := NewScanner(&w.names, 0)
	for n := range 200 {
		var b strings.Builder
		b.WriteString(`{"o":[`)
		for range 3 {
			b.WriteString("{")
			for i := range n {
				fmt.Fprintf(&b, `"k%d":{"k%d":0},`, i, i)
			}
			b.WriteString(`"z":0},`)
		}
		b.WriteString(`0]`)
		for i := range n {
			fmt.Fprintf(&b, `,"k%d":0`, i)
		}
		if code := s.Scan([]byte(b.String() + "}")); code != OK {
			t.Fatalf("%d keys: %v", n, code)
		}
		if n == 0 {
			continue
		}
		if code := s.Scan(fmt.Appendf(nil, `%s,"k%d":0}`, b.String(), rand.IntN(n))); code != Duplicate {
			t.Fatalf("%d keys, one twice: %v", n, code)
		}
	}
}

func TestNamesThatCannotBeWatched(t *testing.T) {
	var n Names
	for _, bad := range []string{"", "a..b", "é", `"`, "a b", strings.Repeat("x", 64), "1.2.3.4.5.6.7.8"} {
		if _, err := n.At(bad); err == nil {
			t.Errorf("%q is watched", bad)
		}
	}
}

// Wherever in a long string a byte stands that may not, and wherever in memory the string begins, it is found.
func TestFindsEveryByte(t *testing.T) {
	w := newWatched(t)
	s := NewScanner(&w.names, 0)
	room := make([]byte, 256)
	for shift := range 8 {
		for n := range 200 {
			message := append(room[:shift:256], `{"a":"`...)[shift:]
			at := len(message)
			message = append(message, strings.Repeat("~ ", n/2+1)[:n]+`"}`...)
			if code := s.Scan(message); code != OK {
				t.Fatalf("%d bytes, shifted by %d: %v", n, shift, code)
			}
			for i := at; i < at+n; i++ {
				was := message[i]
				for bad, want := range map[byte]Code{0x1F: Syntax, 0: Syntax, 0x80: UTF8, 0xFF: UTF8} {
					if message[i] = bad; s.Scan(message) != want {
						t.Fatalf("%d bytes, shifted by %d: byte %d is %#x, and that is not %v", n, shift, i-at, bad, want)
					}
				}
				message[i] = was
			}
		}
	}
}

// A hostile message costs its length: a million escapes, quotes or keys are no square.
func TestCostIsLinear(t *testing.T) {
	w := newWatched(t)
	s := NewScanner(&w.names, 0)
	for _, piece := range []string{`\n`, `\"`, `é`, `\ud83d\ude00`} {
		if code := s.Scan([]byte(`{"a":"` + strings.Repeat(piece, 1<<20) + `"}`)); code != OK {
			t.Errorf("%q: %v", piece, code)
		}
	}
	var b bytes.Buffer
	b.WriteString(`{"":0`)
	for i := range 1 << 18 {
		fmt.Fprintf(&b, `,"%x":0`, i)
	}
	b.WriteString("}")
	if code := s.Scan(b.Bytes()); code != OK {
		t.Errorf("many keys: %v", code)
	}
}

// check holds one message against encoding/json: what is accepted, it reads alike, letter case and all; what is refused as
// syntax, it refuses too.
func check(t *testing.T, w *watched, s *Scanner, message []byte) {
	t.Helper()
	before := bytes.Clone(message)
	code := s.Scan(message)
	if !bytes.Equal(before, message) {
		t.Fatalf("%q was changed to %q", before, message)
	}
	switch code {
	case Syntax, Trailing:
		if json.Valid(message) {
			t.Fatalf("%q is refused as %v, and encoding/json takes it", message, code)
		}
		return
	case OK:
	default:
		return
	}
	var lenient struct {
		Type          any `json:"type"`
		RestaurantID  any `json:"restaurant_id"`
		SessionConfig json.RawMessage
	}
	var exact map[string]any
	for _, into := range []any{&lenient, &exact} {
		d := json.NewDecoder(bytes.NewReader(message))
		d.UseNumber()
		if err := d.Decode(into); err != nil {
			t.Fatalf("%q is accepted, and encoding/json says %v", message, err)
		}
	}
	var typ, restaurant any
	for _, h := range s.Hits {
		if h.Path == w.typ {
			typ = s.value0(h)
		}
		if int(h.Name) == w.restaurant && h.Path == Nowhere && lenient.RestaurantID != nil && restaurant == nil {
			restaurant = s.value0(h)
		}
	}
	if text, ok := exact["type"].(string); ok && (typ != text || lenient.Type != text) {
		t.Fatalf("%q: type is %v, encoding/json reads %v and %v", message, typ, lenient.Type, text)
	}
	if diff := cmp.Diff(exact["restaurant_id"], lenient.RestaurantID); diff != "" {
		t.Fatalf("%q: two readings of encoding/json differ: %s", message, diff)
	}
	if text, ok := exact["restaurant_id"].(string); ok && !s.has0(w.restaurant, text) {
		t.Fatalf("%q: encoding/json reads %q, which was not seen", message, text)
	}
}

// value0 is a hit's value as encoding/json has it, for what compares with ==.
func (s *Scanner) value0(h Hit) any {
	if h.Kind == String {
		return string(s.Text(h))
	}
	return string(s.Bytes(h))
}

func (s *Scanner) has0(name int, text string) bool {
	for _, h := range s.Hits {
		if int(h.Name) == name && h.Kind == String && string(s.Text(h)) == text {
			return true
		}
	}
	return false
}

func TestAgreesWithEncodingJSON(t *testing.T) {
	w := newWatched(t)
	s := NewScanner(&w.names, 0)
	for _, c := range corpus(t) {
		check(t, w, s, []byte(c.message))
	}
}

func FuzzScan(f *testing.F) {
	for _, c := range corpus(f) {
		f.Add([]byte(c.message), uint8(len(c.message)/2), []byte(`":"b","type":"c"}`))
	}
	w := newWatched(f)
	f.Fuzz(func(t *testing.T, message []byte, cut uint8, rest []byte) {
		check(t, w, NewScanner(&w.names, 0), message)
		other := append(bytes.Clone(message[:min(int(cut), len(message))]), rest...)
		alike(t, w, message, other)
		alike(t, w, other, message)
	})
}

func audio(n int) []byte {
	return []byte(`{"type":"input_audio_buffer.append","event_id":"event_1234","audio":"` + strings.Repeat("QUJD", n/4) + `"}`)
}

func BenchmarkScan(b *testing.B) {
	small := []byte(`{"type":"audio","event_id":"e-123456","restaurant_id":"7b0c8f0e-2f3e-4c59-9d5e-0a1b2c3d4e5f","t":1}`)
	for _, message := range [][]byte{small, audio(4096)} {
		b.Run(fmt.Sprint(len(message)), func(b *testing.B) {
			w := newWatched(b)
			s := NewScanner(&w.names, 0)
			b.ReportAllocs()
			for b.Loop() {
				if s.Scan(message) != OK {
					b.Fatal("refused")
				}
			}
		})
	}
}

// BenchmarkEncodingJSON is the yardstick beside it: the same two messages into a struct of two fields.
func BenchmarkEncodingJSON(b *testing.B) {
	small := []byte(`{"type":"audio","event_id":"e-123456","restaurant_id":"7b0c8f0e-2f3e-4c59-9d5e-0a1b2c3d4e5f","t":1}`)
	for _, message := range [][]byte{small, audio(4096)} {
		b.Run(fmt.Sprint(len(message)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var v struct {
					Type       string `json:"type"`
					Restaurant string `json:"restaurant_id"`
				}
				if err := json.Unmarshal(message, &v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
