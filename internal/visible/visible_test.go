package visible

import (
	"encoding/json"
	"strings"
	"testing"
)

var hostile = []string{"\x1b[2J", "a\rb", "\u202egnp", "zero\u200bwidth", "soft\u00adhyphen", "\u2066x\u2069", "\u009b31m", "tag\U000E0041", "vs\uFE0F", "\u3164", "\uFEFF", "\uFFFE", "bad\xff"}

func TestLine(t *testing.T) {
	for _, s := range append(hostile, "line\nfeed", "##vso[task.setvariable]", "x ##[add-mask]y", "##teamcity[z]") {
		got := Line(s)
		if got == s || !strings.Contains(got, "\uFFFD") || command.MatchString(got) || strings.ContainsFunc(got, hidden) {
			t.Errorf("%q is shown as %q", s, got)
		}
	}
	for _, s := range []string{"", "orders", "Bestellung № 5 – größer", "漢字 🔥", "# h", "## h [x]", "a::b", "a\uFFFDb"} {
		if got := Line(s); got != s {
			t.Errorf("%q is shown as %q", s, got)
		}
	}
}

func TestText(t *testing.T) {
	got := Text("first\n  ::add-mask::x\n::error::y\nplain :: z\x1b")
	if want := "first\n  \uFFFD::add-mask::x\n\uFFFD::error::y\nplain :: z\uFFFD"; got != want {
		t.Errorf("%q", got)
	}
}

func TestPage(t *testing.T) {
	if got := string(Page([]byte("<p>\n\ta\u202eb\x1b\r</p>"))); got != "<p>\n\ta\uFFFDb\uFFFD\uFFFD</p>" {
		t.Errorf("%q", got)
	}
}

// A value reads as it was, and the text shows what is in it.
func TestJSON(t *testing.T) {
	for _, s := range append(hostile, "##vso[x]", "plain", "漢字", `\\u202e`) {
		var b strings.Builder
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", "\t")
		if err := e.Encode(map[string]string{s: s}); err != nil {
			t.Fatal(err)
		}
		var before, after map[string]string
		text := JSON([]byte(b.String()))
		if err := json.Unmarshal([]byte(b.String()), &before); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &after); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		for k, v := range before {
			if after[k] != v {
				t.Errorf("%q became %q", v, after)
			}
		}
		if strings.ContainsFunc(string(text), hiddenInJSON) || command.Match(text) {
			t.Errorf("%q: %s", s, text)
		}
	}
}
