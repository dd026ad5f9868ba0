package scan

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"testing"
)

// watched are the names that the corpus is about, and how the differential tests ask for them.
type watched struct {
	names      Names
	typ        Path
	format     Path
	restaurant int
}

func newWatched(t testing.TB) *watched {
	t.Helper()
	var (
		w   watched
		err [3]error
	)
	w.typ, err[0] = w.names.At("type")
	w.format, err[1] = w.names.At("session_config.format")
	w.restaurant, err[2] = w.names.Anywhere("restaurant_id")
	for _, e := range err {
		if e != nil {
			t.Fatal(e)
		}
	}
	return &w
}

type sample struct {
	want    string
	message string
	line    int
}

func corpus(t testing.TB) []sample {
	t.Helper()
	f, err := os.Open("testdata/smuggling.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []sample
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		want, quoted, _ := strings.Cut(lines.Text(), " ")
		message, err := strconv.Unquote(quoted)
		if err != nil {
			t.Fatalf("line %d: %v", n, err)
		}
		all = append(all, sample{want: want, message: message, line: n})
	}
	if err := lines.Err(); err != nil || len(all) < 80 {
		t.Fatalf("%d samples: %v", len(all), err)
	}
	return all
}

func TestCorpus(t *testing.T) {
	w := newWatched(t)
	s := NewScanner(&w.names, 0)
	seen := map[string]bool{}
	for _, c := range corpus(t) {
		if got := s.Scan([]byte(c.message)).String(); got != c.want {
			t.Errorf("line %d: %q: %s, want %s", c.line, c.message, got, c.want)
		}
		seen[c.want] = true
	}
	for _, name := range codeNames {
		if !seen[name] && name != TooMany.String() {
			t.Errorf("no sample is refused as %s", name)
		}
	}
}
