//go:build !linux

package trail

import "os"

// syncData waits until the file's content is on disk.
func syncData(f *os.File) error { return f.Sync() }
