// Package disktest has small disks that a test fills: real ones, mounted for it. Nothing outside tests imports it.
package disktest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// Disk is a file system of its own, mounted at a directory until the test's end.
type Disk string

// Small mounts a file system of a size, such as 12m, at a directory that is there. It needs root.
func Small(t testing.TB, at, size string) Disk {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "mode=700,size="+size, "tmpfs", at).CombinedOutput(); err != nil {
		t.Fatalf("mounting a small disk (this test needs root): %v\n%s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", at).CombinedOutput(); err != nil {
			t.Errorf("unmounting: %v\n%s", err, out)
		}
	})
	return Disk(at)
}

func (d Disk) filler() string { return filepath.Join(string(d), "filler") }

// Fill writes a file until the disk is full.
func (d Disk) Fill(t testing.TB) {
	t.Helper()
	f, err := os.Create(d.filler())
	if err != nil {
		t.Fatal(err)
	}
	page := make([]byte, os.Getpagesize())
	for err == nil {
		_, err = f.Write(page)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("filling the disk: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// Empty removes what Fill wrote.
func (d Disk) Empty(t testing.TB) {
	t.Helper()
	if err := os.Remove(d.filler()); err != nil {
		t.Fatal(err)
	}
}
