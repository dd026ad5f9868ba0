package report

import (
	"bytes"
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// fill sets every text in v to text: in fields, lists, maps and what pointers lead to.
func fill(v reflect.Value, text string, depth int) {
	if depth == 0 {
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(1.5)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), text, depth-1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i), text, depth-1)
		}
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, text, depth-1)
		fill(value, text, depth-1)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Interface:
		if v.NumMethod() == 0 {
			v.Set(reflect.ValueOf(text))
		}
	case reflect.Struct:
		if _, ok := v.Interface().(time.Time); ok {
			v.Set(reflect.ValueOf(time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)))
			return
		}
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(v.Field(i), text, depth-1)
			}
		}
	}
}

// colours are those that the text format writes itself.
var colours = regexp.MustCompile("\x1b\\[(0|1|2|31|32|33|36|1;31)m")

// Whatever text of whichever document is hostile, no format lets it move a cursor, turn text, begin a line of commands, end an
// element, or write a document that its readers cannot read; formulas and very long names stand there as text.
func TestHostileDocuments(t *testing.T) {
	runner := regexp.MustCompile(`##\w*\[`)
	parts, written := reflect.TypeFor[Report](), 0
	for i := range parts.NumField() {
		for _, text := range []string{hostile, "=cmd|' /C calc'!A0", "\xff\xfe\xc3(", strings.Repeat("x", 5000), "\u2066\u2069\u2028\u0085\x00\x7f"} {
			r := &Report{}
			fill(reflect.ValueOf(r).Elem().Field(i), text, 12)
			for _, f := range Formats() {
				if f.Writes != nil && !f.Writes(r) {
					continue
				}
				written++
				out, what := string(write(t, f, r)), f.Name+" of "+parts.Field(i).Name
				if at := strings.IndexAny(out, "\x00\x1b\x7f\u0085\u2028\u202e\u2066\u2069\u200b"); at >= 0 || !utf8.ValidString(out) {
					t.Errorf("%s lets control characters through of %.30q: %q", what, text, out[max(0, at-100):min(len(out), max(at, 0)+20)])
				}
				if f.Name == "json" || f.Name == "sarif" {
					if !json.Valid([]byte(out)) {
						t.Errorf("%s is no JSON with %.30q", what, text)
					}
				}
				if f.Name == "html" {
					if strings.Contains(out, "<f>") {
						t.Errorf("%s has an element of a name's", what)
					}
					continue
				}
				if runner.MatchString(out) {
					t.Errorf("%s speaks to the runner of a build", what)
				}
				for line := range strings.Lines(out) {
					if f.Name != "github" && strings.HasPrefix(strings.TrimSpace(line), "::") {
						t.Errorf("%s: a name began the line %.60q", what, line)
					}
				}
			}
		}
	}
	r, painted := &Report{}, bytes.Buffer{}
	fill(reflect.ValueOf(r).Elem().FieldByName("Impact"), hostile, 12)
	if err := textFormat.Write(&painted, r, Options{Color: true}); err != nil || !colours.MatchString(painted.String()) || strings.Contains(painted.String(), "g]]>\x1b[31m") {
		t.Errorf("a name is painted, or nothing is: %v", err)
	}
	if written < 100 {
		t.Errorf("%d documents were written", written)
	}
}
