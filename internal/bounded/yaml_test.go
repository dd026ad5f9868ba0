package bounded

import (
	"strings"
	"testing"
	"time"
)

func TestYAML(t *testing.T) {
	for text, want := range map[string]string{
		"a: 1\n":                       "a: 1\n",
		"\ufeffa: 1\r\n":               "a: 1\r\n",
		"---\n# c\na: 1\n":             "---\n# c\na: 1\n",
		"":                             "",
		"a: see *this* & that, x - y":  "a: see *this* & that, x - y",
		"re: \"[[[\" # [[[\nb: '{{'\n": "re: \"[[[\" # [[[\nb: '{{'\n",
	} {
		if got, err := YAML([]byte(text)); err != nil || string(got) != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	began := time.Now()
	for text, want := range map[string]string{
		"a: &x [1]\nb: *x\n":                                 "line 2: aliases are not read",
		"a: 1\n---\nb: 2\n":                                  "line 2: a second document begins",
		"a: " + strings.Repeat("[", 1<<20):                   "nested too deeply",
		"a: " + strings.Repeat("[\n", 1<<20):                 "nested too deeply",
		strings.Repeat("{", 1<<20):                           "nested too deeply",
		strings.Repeat("- ", 1<<20):                          "nested too deeply",
		"a:\n" + strings.Repeat(" ", 1<<20) + "b: 1\n":       "nested too deeply",
		"a: {re: '[', b: " + strings.Repeat("{c: ", 1<<10):   "nested too deeply",
		"x: \"]\"\na: " + strings.Repeat("[ \"]\", ", 1<<10): "nested too deeply",
	} {
		if _, err := YAML([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v", text, err)
		}
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}
