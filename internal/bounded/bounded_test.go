package bounded

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// endless gives the same text again and again.
type endless struct {
	text string
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = e.text[e.at]
		e.at = (e.at + 1) % len(e.text)
	}
	return len(p), nil
}

func TestRead(t *testing.T) {
	if text, err := Read(strings.NewReader("four"), 4); err != nil || string(text) != "four" {
		t.Errorf("%q, %v", text, err)
	}
	for most, want := range map[int64]string{3: "it is larger than 3 bytes", 1 << 10: "it is larger than 1 KiB", 5 << 20: "it is larger than 5 MiB"} {
		if _, err := Read(&endless{text: "x"}, most); err == nil || err.Error() != want {
			t.Errorf("%d: %v", most, err)
		}
	}
}

func TestReadFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, []byte("four"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, read := range []func(string, int64) ([]byte, error){ReadFile, ReadRegular} {
		if text, err := read(name, 4); err != nil || string(text) != "four" {
			t.Errorf("%q, %v", text, err)
		}
		if _, err := read(name, 3); err == nil || err.Error() != "f: it is larger than 3 bytes" {
			t.Error(err)
		}
		if _, err := read(name+"x", 4); !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
	}
	if _, err := ReadRegular(filepath.Dir(name), 4); err == nil {
		t.Error("a directory is no regular file")
	}
}

// What ends is passed on as it is; what does not, or has more elements than its size, ends in an error and soon.
func TestJSON(t *testing.T) {
	for _, text := range []string{`{"a": [1, "n", "[{", "\"", {"b": null}], "c": [[], null]}`, ""} {
		if got, err := io.ReadAll(JSON(strings.NewReader(text), 1<<10)); err != nil || string(got) != text {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
	began := time.Now()
	for _, unit := range []string{"{},", "null ,", `[],`, `{"a":"{"},`, "\n{},"} {
		_, err := io.ReadAll(JSON(io.MultiReader(strings.NewReader(`{"rows":[`), &endless{text: unit}), 1<<20))
		if !errors.Is(err, errElements) {
			t.Errorf("%s: %v", unit, err)
		}
	}
	if _, err := io.ReadAll(JSON(&endless{text: `"[{,{,",`}, 1<<20)); err == nil || err.Error() != "it is larger than 1 MiB" {
		t.Error(err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}
