package pgparse

import (
	"os"
	"path/filepath"
)

// cacheDir is where the machine code is kept from one process to the next, made if missing; "" where there is no place that
// this user alone can write: what lies there is executed.
func cacheDir() string {
	base, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	dir := filepath.Join(base, "ringfence", "sqlparser")
	if os.MkdirAll(dir, 0o700) != nil {
		return ""
	}
	for _, d := range []string{filepath.Dir(dir), dir} {
		if info, err := os.Lstat(d); err != nil || !private(info) {
			return ""
		}
	}
	return dir
}
