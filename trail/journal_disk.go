package trail

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// disk is how the journal makes files; tests put a faulty one in its place.
type disk interface {
	// create makes a new file with size bytes of zeros on disk, or as long as it gets when size is 0.
	create(path string, size int64) (segmentFile, error)
}

// osDisk is the real one.
type osDisk struct{}

// osFile makes Sync as cheap as durability allows.
type osFile struct{ *os.File }

func (f osFile) Sync() error { return syncData(f.File) }

func (osDisk) create(path string, size int64) (segmentFile, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if size > 0 && room(filepath.Dir(path)) < size+size/4 { // a disk that is filled to be tried takes no events meanwhile
		return nil, &os.PathError{Op: "make", Path: path, Err: syscall.ENOSPC}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := fill(f, size); err != nil {
		f.Close()
		os.Remove(path)
		return nil, err
	}
	return osFile{f}, nil
}

// fill writes zeros, so that later writes need no new blocks: they cannot run out of space, and their fsync is cheap.
func fill(f *os.File, size int64) error {
	zeros := make([]byte, 1<<20)
	for off := int64(0); off < size; off += int64(len(zeros)) {
		if _, err := f.WriteAt(zeros[:min(int64(len(zeros)), size-off)], off); err != nil {
			return err
		}
	}
	if size == 0 {
		return nil
	}
	return f.Sync()
}

// writeState replaces a small file so that after a crash it holds the old or the new content.
func writeFile(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".state-*.tmp")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func isEOF(err error) bool {
	return err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// wrapDir tells which directory an error is about.
func wrapDir(doing, dir string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s the journal in %s: %w", doing, dir, err)
}
