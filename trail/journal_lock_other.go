//go:build !unix

package trail

import (
	"fmt"
	"os"
)

// lockFile takes the file's lock: where a file that is open cannot be removed, making it anew succeeds only when no process
// has it open.
func lockFile(path string) (*os.File, error) {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("%w: %w", ErrLocked, err)
	}
	return os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
}

// syncDir has nothing to do here: names are durable with the file.
func syncDir(string) error { return nil }
