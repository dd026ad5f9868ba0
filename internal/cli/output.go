package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

// deliver writes a whole document to stdout (also by the name "-"), or to the file asked for: all of it or nothing. A file is replaced in one step,
// so that whoever reads it sees the old document or the new one. What is no file (/dev/null, a FIFO) is written to, and stays what it is.
func (w *World) deliver(file string, write func(*bytes.Buffer) error) error {
	var doc bytes.Buffer
	if err := write(&doc); err != nil {
		return err
	}
	if file == "" || file == "-" {
		_, err := w.Stdout.Write(doc.Bytes())
		return err
	}
	if isNoFile(file) {
		if err := os.WriteFile(file, doc.Bytes(), 0); err != nil {
			return fmt.Errorf("writing %s: %w", file, err)
		}
		return nil
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), ".ringfence-*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	defer os.Remove(tmp.Name())
	if _, err := tmp.Write(doc.Bytes()); err != nil {
		tmp.Close()
		return fmt.Errorf("writing %s: %w", file, err)
	}
	if err := tmp.Sync(); err != nil {
		tmp.Close()
		return fmt.Errorf("writing %s: %w", file, err)
	}
	if err := tmp.Close(); err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	if err := os.Chmod(tmp.Name(), 0o644); err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	if err := os.Rename(tmp.Name(), file); err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	return nil
}

// isNoFile reports whether something is there that a file must not be put in the place of.
func isNoFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && !info.Mode().IsRegular()
}
