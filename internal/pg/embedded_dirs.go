//go:build linux || darwin

package pg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// runPrefix starts the name of every server's directory; newPrefix that of one
// still being made. The sweep goes by them.
const (
	runPrefix = "ringfence-pg-"
	newPrefix = ".ringfence-new-"
)

// longestSocketDir keeps "/.s.PGSQL.65535" within the 104 bytes macOS allows.
const longestSocketDir = 104 - 1 - len("/.s.PGSQL.65535")

// cacheDir finds or makes the directory for downloaded programs and templates.
// As root it must be one that the server's user can pass through, which a
// root's home is not.
func cacheDir(chosen string, who account) (string, error) {
	if chosen != "" {
		return chosen, os.MkdirAll(chosen, 0o755)
	}
	dir, mode := "", os.FileMode(0o700)
	switch base, err := os.UserCacheDir(); {
	case who.other && runtime.GOOS == "darwin":
		dir, mode = "/Library/Caches/ringfence", 0o755
	case who.other:
		dir, mode = "/var/cache/ringfence", 0o755
	case err == nil:
		dir = filepath.Join(base, "ringfence")
	}
	if dir != "" && os.MkdirAll(dir, mode) == nil && os.Chmod(dir, mode) == nil && syscall.Access(dir, 0x2 /* W_OK */) == nil {
		return dir, nil
	}
	// No home that can be written (nobody, a container): a directory in the
	// temporary one whose name others can guess, so it must prove to be ours.
	dir = filepath.Join(os.TempDir(), "ringfence-cache-"+strconv.Itoa(os.Geteuid()))
	if err := os.Mkdir(dir, mode); err != nil && !errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("making a cache directory: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return "", fmt.Errorf("making a cache directory: %w", err)
	}
	self := account{uid: os.Geteuid()}
	if !self.owns(info) || info.Mode().Perm()&0o022 != 0 {
		return "", &Error{
			Doing: "making a cache directory: " + dir + " belongs to somebody else or others may write to it",
			Hint:  "Remove that directory, or set XDG_CACHE_HOME to a directory of your own.",
		}
	}
	return dir, nil
}

// runBase finds the directory that servers' directories are made in: reachable
// for the server's user and short enough for a socket's path.
func runBase(opts EmbeddedOptions, who account) (string, error) {
	candidates := []string{opts.Dir}
	if opts.Dir == "" {
		candidates = []string{os.TempDir(), "/tmp"}
		if dir := memoryDir(); opts.InMemory && dir != "" {
			candidates = slices.Insert(candidates, 0, dir)
		}
	}
	for _, dir := range candidates {
		abs, err := filepath.Abs(dir)
		if err != nil {
			continue
		}
		if len(abs)+len("/"+runPrefix)+10 > longestSocketDir || !reachable(abs, who) {
			continue
		}
		return abs, nil
	}
	return "", &Error{
		Doing: fmt.Sprintf("choosing a directory for the embedded server: %s cannot be used (its path is too long for a socket, or user %s cannot reach it)", strings.Join(candidates, " and "), who.name),
		Hint:  "Set TMPDIR to a short path that every user can reach, such as /tmp.",
	}
}

// reachable tells whether the account may pass through every directory up to
// dir. For the present user the attempt to create tells soon enough.
func reachable(dir string, who account) bool {
	if !who.other {
		return true
	}
	for p := dir; ; p = filepath.Dir(p) {
		info, err := os.Stat(p)
		if err != nil || !info.IsDir() {
			return false
		}
		if info.Mode().Perm()&0o001 == 0 && !who.owns(info) {
			return false
		}
		if p == filepath.Dir(p) {
			return true
		}
	}
}

// makeRunDir makes a server's directory, owned by the account, with its lock
// held. It gets its lasting name only when the lock is held, so that no sweep
// ever sees a living directory unlocked. The caller closes the lock.
func makeRunDir(base string, who account) (dir string, lock *os.File, err error) {
	fresh, err := os.MkdirTemp(base, newPrefix)
	if err != nil {
		return "", nil, fmt.Errorf("making a directory for the server: %w", err)
	}
	defer func() {
		if err != nil {
			os.RemoveAll(fresh)
		}
	}()
	lock, err = os.OpenFile(filepath.Join(fresh, lockName), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return "", nil, fmt.Errorf("making a directory for the server: %w", err)
	}
	defer func() {
		if err != nil {
			lock.Close()
		}
	}()
	if err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return "", nil, fmt.Errorf("locking the server's directory: %w", err)
	}
	if err = errors.Join(who.own(lock.Name()), who.own(fresh)); err != nil {
		return "", nil, fmt.Errorf("giving the server's directory to %s: %w", who.name, err)
	}
	dir = filepath.Join(base, runPrefix+strings.TrimPrefix(filepath.Base(fresh), newPrefix))
	if err = os.Rename(fresh, dir); err != nil {
		return "", nil, fmt.Errorf("naming the server's directory: %w", err)
	}
	return dir, lock, nil
}

// lockFile takes an exclusive lock on a file, made when absent, waiting for the
// process that holds it. Closing the file, or dying, releases it.
func lockFile(ctx context.Context, path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("locking: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking: %w", err)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			f.Close()
			return nil, fmt.Errorf("locking %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("waiting for the lock %s: %w", path, ctx.Err())
		case <-tick.C:
		}
	}
}
