package scan

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// alike holds what a scanner that has read before says of a message against what one says that has not.
func alike(t *testing.T, w *watched, before, message []byte) {
	t.Helper()
	fresh, used := NewScanner(&w.names, 0), NewScanner(&w.names, 0)
	used.More = true
	used.Scan(before)
	w.told(used)
	want, got := fresh.Scan(message), used.Scan(message)
	if got != want {
		t.Fatalf("%q is %v, and behind %q it is %v", message, want, before, got)
	}
	if want != OK {
		return
	}
	if diff := cmp.Diff(fresh.Hits, used.Hits); diff != "" {
		t.Fatalf("%q has other hits behind %q: %s", message, before, diff)
	}
	if diff := cmp.Diff(w.told(fresh), w.told(used)); diff != "" {
		t.Fatalf("%q reads otherwise behind %q: %s", message, before, diff)
	}
}

// A message is read as if it came alone, whatever came before: of each message of the corpus, what differs from it from a byte
// on, for every byte and some other messages that go on there.
func TestReadsOnAsFromTheBegin(t *testing.T) {
	w := newWatched(t)
	all := corpus(t)
	for i, c := range all {
		for _, step := range []int{1, 7, 31} {
			d := all[(i+step)%len(all)]
			for cut := range min(len(c.message), len(d.message)) + 1 {
				alike(t, w, []byte(c.message[:cut]+d.message[cut:]), []byte(c.message))
				alike(t, w, []byte(c.message), []byte(c.message[:cut]+d.message[cut:]))
			}
		}
	}
}

func TestReadsOnWhereMoreIsKnown(t *testing.T) {
	w := newWatched(t)
	many := func(n int) string {
		b := []byte(`{"restaurant_id":"R"`)
		for i := range n {
			b = fmt.Appendf(b, `,"k%d":{"k%d":0}`, i, i)
		}
		return string(b)
	}
	for name, c := range map[string]struct {
		before, message string
		want            Code
	}{
		"a decoded key is overwritten": {`{"a\u0062":1,"x":2}`, `{"a\u0062":1,"\u0063de":2,"ab":3}`, Duplicate},
		"the same again":               {`{"type":"a","x":2}`, `{"type":"a","x":2}`, OK},
		"the same, and one key twice":  {`{"type":"a","x":2}`, `{"type":"a","x":2,"type":"a"}`, Duplicate},
		"another byte for the colon":   {`{"type":"a","x":2}`, `{"type":"a","x";2}`, Syntax},
		"another key of its length":    {`{"type":"a","x":2}`, `{"type":"a","y":2,"x":2}`, OK},
		"white space before the value": {`{"type":"a","x":2}`, `{"type":"a","x": 2}`, OK},
		"one that ends where it parts": {`{"type":"a","x":2}`, `{"type":"a","x":`, Syntax},
		"behind one that was refused":  {`{"type":"a","x":2}}`, `{"type":"a","x":3}`, OK},
		"a value that folds":           {`{"type":"a","x":2}`, `{"type":"a","x":2,"Type":"b"}`, Folded},
		"keys for the set":             {many(40) + "}", many(40) + `,"k3":0}`, Duplicate},
		"keys beyond the marks":        {many(40) + "}", many(12) + `,"z":0,"k11":0}`, Duplicate},
		"keys up to the set's begin":   {many(few-1) + `,"z":0}`, many(few-1) + `,"z":1,"z":0}`, Duplicate},
		"the set's first key":          {many(few) + `,"z":0}`, many(few) + `,"z":1,"z":0}`, Duplicate},
	} {
		t.Run(name, func(t *testing.T) {
			s := NewScanner(&w.names, 0)
			s.More = true
			s.Scan([]byte(c.before))
			if code := s.Scan([]byte(c.message)); code != c.want {
				t.Errorf("%v, want %v", code, c.want)
			}
			alike(t, w, []byte(c.before), []byte(c.message))
		})
	}
}

// What one tenant sent does not stay for the next.
func TestForgets(t *testing.T) {
	w := newWatched(t)
	s := NewScanner(&w.names, 0)
	s.More = true
	if code := s.Scan([]byte(`{"secret":"x","\u0073ecret2":"secret","type":"\u0073ecret"}`)); code != OK {
		t.Fatal(code)
	}
	told := w.told(s)
	kept := func() bool {
		return bytes.Contains(s.previous.text[:cap(s.previous.text)], []byte("secret")) || bytes.Contains(s.arena[:cap(s.arena)], []byte("secret"))
	}
	if !kept() || len(told) != 1 {
		t.Fatalf("nothing is kept to begin with; hits %q", told)
	}
	s.Forget()
	if kept() || s.b != nil || s.previous.n > 0 {
		t.Error("something of the message is left")
	}
}
