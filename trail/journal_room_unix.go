//go:build linux || darwin

package trail

import (
	"math"
	"syscall"
)

// room is how many bytes a directory's disk still takes; where that cannot be told it is as if there were no end.
func room(dir string) int64 {
	var s syscall.Statfs_t
	if syscall.Statfs(dir, &s) != nil {
		return math.MaxInt64
	}
	return int64(s.Bavail) * int64(s.Bsize)
}
