// Package bounded reads files and documents that somebody else may have made: no more of them than anybody has room for.
package bounded

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Read reads all of at most so many bytes; more is an error.
func Read(r io.Reader, most int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(text)) > most {
		err = larger(most)
	}
	if err != nil {
		return nil, err
	}
	return text, nil
}

// ReadFile is Read for a file, which may be a pipe.
func ReadFile(name string, most int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := Read(f, most)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(name), err)
	}
	return text, nil
}

// ReadRegular is ReadFile for what has to be a regular file. It looks before it opens: opening a pipe would wait for its writer.
func ReadRegular(name string, most int64) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", filepath.Base(name))
	}
	return ReadFile(name, most)
}

func larger(most int64) error {
	for _, unit := range []struct {
		shift int
		name  string
	}{{30, "GiB"}, {20, "MiB"}, {10, "KiB"}} {
		if n := most >> unit.shift; n > 0 && n<<unit.shift == most {
			return fmt.Errorf("it is larger than %d %s", n, unit.name)
		}
	}
	return fmt.Errorf("it is larger than %d bytes", most)
}
