package report

import (
	"strings"
	"testing"
)

func TestShorten(t *testing.T) {
	words := strings.Fields("a b c d")
	for most, want := range map[int]string{3: "a b c and 1 more (there)", 4: "a b c d", 5: "a b c d"} {
		if got := strings.Join(shorten(words, most, "there"), " "); got != want {
			t.Errorf("at most %d: %q, want %q", most, got, want)
		}
	}
	if strings.Join(words, "") != "abcd" {
		t.Errorf("the list itself was changed: %v", words)
	}
}
