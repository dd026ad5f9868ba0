//go:build unix

package pgparse

import (
	"os"
	"syscall"
)

// private reports whether a directory is this user's, and nobody else writes to it.
func private(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && info.IsDir() && info.Mode().Perm()&0o022 == 0 && int(stat.Uid) == os.Geteuid()
}
