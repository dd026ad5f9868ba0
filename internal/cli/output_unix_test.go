//go:build unix

package cli

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// What is no file is written to, and stays what it is: -o /dev/null by root must not put a file in its place.
func TestDeliverToWhatIsNoFile(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	read := make(chan string)
	go func() {
		f, err := os.Open(fifo)
		if err != nil {
			read <- err.Error()
			return
		}
		defer f.Close()
		b, _ := io.ReadAll(f) // an error leaves less, which the comparison shows
		read <- string(b)
	}()
	w := World{}
	if err := w.deliver(fifo, func(b *bytes.Buffer) error { b.WriteString("whole"); return nil }); err != nil {
		t.Fatal(err)
	}
	if got := <-read; got != "whole" {
		t.Errorf("the reader got %q", got)
	}
	if info, err := os.Stat(fifo); err != nil || info.Mode().Type() != os.ModeNamedPipe {
		t.Errorf("it is %v now: %v", info.Mode(), err)
	}
}
