//go:build system

package scan

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	jsonv2 "github.com/go-json-experiment/json"
)

// seen is what a reader takes a message for.
type seen struct {
	Type string   `json:"type"`
	IDs  []string `json:"ids"`
}

func (s *seen) String() string {
	if s == nil {
		return "refused"
	}
	return fmt.Sprintf("type %q, ids %q", s.Type, s.IDs)
}

// readers are the servers behind a gateway: what one of them takes a message for; nil where it refuses it.
var readers = map[string]func(*testing.T, [][]byte) []*seen{
	"node":   program("node", "testdata/reader.js"),
	"python": program("/usr/bin/python3", "testdata/reader.py"),
	"go v1":  inGo(func(b []byte, v any) error { return json.Unmarshal(b, v) }),
	"go v2":  inGo(func(b []byte, v any) error { return jsonv2.Unmarshal(b, v) }),
	"go v1, into a struct": func(_ *testing.T, all [][]byte) []*seen {
		out := make([]*seen, len(all))
		for i, b := range all {
			var v struct {
				Type         any `json:"type"`
				RestaurantID any `json:"restaurant_id"`
			}
			if utf8.Valid(b) && json.Unmarshal(b, &v) == nil {
				out[i] = &seen{Type: tellGo(v.Type), IDs: []string{tellGo(v.RestaurantID)}}
			}
		}
		return out
	},
}

func program(name string, args ...string) func(*testing.T, [][]byte) []*seen {
	return func(t *testing.T, all [][]byte) []*seen {
		t.Helper()
		var in bytes.Buffer
		for _, b := range all {
			in.WriteString(base64.StdEncoding.EncodeToString(b) + "\n")
		}
		cmd := exec.Command(name, args...)
		cmd.Stdin = &in
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		if len(lines) != len(all) {
			t.Fatalf("%s answers %d messages of %d", name, len(lines), len(all))
		}
		read := make([]*seen, len(all))
		for i, line := range lines {
			if err := json.Unmarshal([]byte(line), &read[i]); err != nil {
				t.Fatalf("%s: %q: %v", name, line, err)
			}
		}
		return read
	}
}

func inGo(unmarshal func([]byte, any) error) func(*testing.T, [][]byte) []*seen {
	return func(_ *testing.T, all [][]byte) []*seen {
		out := make([]*seen, len(all))
		for i, b := range all {
			var v any
			if !utf8.Valid(b) || unmarshal(b, &v) != nil {
				continue
			}
			s := &seen{IDs: []string{}}
			if o, ok := v.(map[string]any); ok {
				if typ, there := o["type"]; there {
					s.Type = tellGo(typ)
					if typ == nil {
						s.Type = "null"
					}
				}
			}
			walk(v, &s.IDs)
			slices.Sort(s.IDs)
			out[i] = s
		}
		return out
	}
}

func walk(v any, out *[]string) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if key == "restaurant_id" {
				told := tellGo(value)
				if value == nil {
					told = "null"
				}
				*out = append(*out, told)
			}
			walk(value, out)
		}
	case []any:
		for _, value := range v {
			walk(value, out)
		}
	}
}

// tellGo names a value as the other readers do; "" is none, or null, which a struct does not tell apart.
func tellGo(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return "s:" + v
	case bool:
		return "boolean"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return "number"
}

// scanned is what the scanner takes a message for.
func (w *watched) scanned(s *Scanner, b []byte) *seen {
	if s.Scan(b) != OK {
		return nil
	}
	got := &seen{IDs: []string{}}
	for _, h := range s.Hits {
		told := map[Kind]string{Null: "null", True: "boolean", False: "boolean", Number: "number", Object: "object", Array: "array"}[h.Kind]
		if h.Kind == String {
			told = "s:" + string(s.Text(h))
		}
		if h.Path == w.typ {
			got.Type = told
		}
		if int(h.Name) == w.restaurant {
			got.IDs = append(got.IDs, told)
		}
	}
	slices.Sort(got.IDs)
	return got
}

// mutants are messages made of the corpus by small changes, the same at each run.
func mutants(all []sample, n int) [][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	bits := []string{`"restaurant_id":"MINE",`, `"Restaurant_ID":"MINE",`, `"restaurant\u005fid":"MINE",`, `"type":"audio",`, `,"type":"x"`, `\u0000`, `\ud83d`, `\ude00`,
		"\xef\xbb\xbf", "\xc0\xaf", "\xed\xa0\x80", "ſ", "K", "{", "}", "[", "]", `"`, `\`, ":", ",", "0", "-", "1e9", "NaN", "null", " ", "\n", "\x00", "\t", "/*", "//", "'", "__proto__"}
	var out [][]byte
	for len(out) < n {
		b := []byte(all[r.IntN(len(all))].message)
		for range 1 + r.IntN(3) {
			at := r.IntN(len(b) + 1)
			switch r.IntN(5) {
			case 0, 1:
				b = slices.Insert(b, at, []byte(bits[r.IntN(len(bits))])...)
			case 2:
				b = slices.Delete(b, at, min(len(b), at+1+r.IntN(4)))
			case 3:
				end := min(len(b), at+r.IntN(40))
				b = slices.Insert(b, end, bytes.Clone(b[at:end])...)
			case 4:
				if at < len(b) {
					b[at] ^= 1 << r.IntN(8)
				}
			}
		}
		if len(b) > 0 {
			out = append(out, b)
		}
	}
	return out
}

// TestSystemReaders holds the scanner to the readers behind it: of a message that it lets through, each of them sees the type and the
// tenants that it saw, or refuses it. And it is held to what it is for: of what it refuses, some is read differently by two of them.
func TestSystemReaders(t *testing.T) {
	w := newWatched(t)
	s := NewScanner(&w.names, 0)
	samples := corpus(t)
	var all [][]byte
	for _, c := range samples {
		all = append(all, []byte(c.message))
	}
	all = append(all, mutants(samples, 20000)...)
	read := map[string][]*seen{}
	for name, f := range readers {
		read[name] = f(t, all)
	}
	passed, torn := 0, 0
	for i, b := range all {
		mine := w.scanned(s, b)
		if mine == nil {
			if a, b := read["node"][i], read["go v1, into a struct"][i]; a != nil && b != nil && len(a.IDs) > 0 && a.IDs[0] != b.IDs[0] {
				torn++
			}
			continue
		}
		passed++
		for name, r := range read {
			theirs := r[i]
			if name == "go v1, into a struct" {
				if theirs != nil && (mine.Type != theirs.Type && theirs.Type != "" || theirs.IDs[0] != "" && !slices.Contains(mine.IDs, theirs.IDs[0])) {
					t.Errorf("%q: %v, and %s sees %v", b, mine, name, theirs)
				}
				continue
			}
			if theirs != nil && mine.String() != theirs.String() {
				t.Errorf("%q: %v, and %s sees %v", b, mine, name, theirs)
			}
		}
	}
	t.Logf("%d messages, %d pass; of the others Node and a Go struct read %d differently", len(all), passed, torn)
	if passed < 500 || torn < 20 {
		t.Errorf("%d pass and %d are read differently: the corpus shows nothing", passed, torn)
	}
}
