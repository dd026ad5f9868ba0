//go:build unix

package ledger

import (
	"errors"
	"os"
	"syscall"
)

// lockDirectory waits until no other process adds to a directory, and keeps them out until unlock. The lock goes with its process. A
// file system that has no locks is taken as it is.
func lockDirectory(dir string) (unlock func() error, err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil && !errors.Is(err, syscall.ENOLCK) && !errors.Is(err, syscall.ENOTSUP) {
		return nil, errors.Join(err, f.Close())
	}
	return f.Close, nil
}
