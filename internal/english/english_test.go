package english_test

import (
	"testing"

	"github.com/ringfencehq/ringfence/internal/english"
)

func TestCount(t *testing.T) {
	for _, c := range []struct {
		n    int
		one  string
		want string
	}{
		{0, "table", "0 tables"}, {1, "table", "1 table"}, {2, "table", "2 tables"},
		{1, "index", "1 index"}, {2, "index", "2 indexes"}, {2, "query", "2 queries"}, {2, "key", "2 keys"},
		{2, "guess", "2 guesses"}, {2, "way", "2 ways"}, {2, "branch", "2 branches"}, {1, "more way", "1 more way"},
	} {
		if got := english.Count(c.n, c.one); got != c.want {
			t.Errorf("Count(%d, %q) = %q, want %q", c.n, c.one, got, c.want)
		}
	}
}
