//go:build linux || darwin

package pg

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// lockName is the file whose lock a server's keeper holds as long as it lives.
const lockName = "owner.lock"

// sweep removes what servers left behind whose keeper was killed too: a
// directory of the account whose lock nobody holds. Failures are left for the
// next sweep; a start must not fail for them.
func sweep(base string, who account) {
	entries, err := os.ReadDir(base)
	if err != nil {
		return
	}
	for _, e := range entries {
		dir := filepath.Join(base, e.Name())
		info, err := os.Lstat(dir)
		if err != nil {
			continue
		}
		switch {
		case strings.HasPrefix(e.Name(), runPrefix) && who.owns(info):
			sweepDir(dir, who)
		case strings.HasPrefix(e.Name(), newPrefix) && time.Since(info.ModTime()) > time.Hour:
			self := account{uid: os.Geteuid()}
			if who.owns(info) || self.owns(info) {
				os.RemoveAll(dir)
			}
		}
	}
}

// sweepDir removes one directory if its lock is free, its server first.
func sweepDir(dir string, who account) {
	lock, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer lock.Close()
	if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return
	}
	if data := filepath.Join(dir, "data"); stopOrphan(data) {
		freeMemory(data, who)
		os.RemoveAll(dir)
	}
}

// freeMemory frees the System V shared memory of a server that was killed: the
// seventh line of its pid file holds key and number. As the account, so that
// nobody else's can be freed.
func freeMemory(data string, who account) {
	content, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return // it ended in order
	}
	lines := strings.Split(string(content), "\n")
	if len(lines) < 7 {
		return
	}
	fields := strings.Fields(lines[6])
	if len(fields) != 2 {
		return
	}
	if _, err := strconv.ParseUint(fields[1], 10, 63); err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	// Without ipcrm on the machine a few bytes stay; nothing else can be done.
	_ = who.run(ctx, "/", "ipcrm", "-m", fields[1])
}

// stopOrphan ends the server of a data directory and tells whether it is gone.
// The process must name the data directory on its command line: a number in a
// file may long belong to somebody else.
func stopOrphan(data string) bool {
	content, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if errors.Is(err, os.ErrNotExist) {
		return true
	}
	if err != nil {
		return false
	}
	first, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 1 || !servesDir(pid, data) {
		return true
	}
	for _, signal := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGKILL} {
		if err := syscall.Kill(pid, signal); err != nil {
			return errors.Is(err, syscall.ESRCH)
		}
		deadline := time.Now().Add(8 * time.Second)
		for time.Now().Before(deadline) {
			if !servesDir(pid, data) {
				return true
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	return false
}

// servesDir tells whether a living process is the server of a data directory.
func servesDir(pid int, data string) bool {
	if runtime.GOOS == "linux" {
		cmdline, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
		return err == nil && bytes.Contains(cmdline, []byte("\x00"+data+"\x00"))
	}
	out, err := exec.Command("ps", "-ww", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && bytes.Contains(out, []byte(" "+data+" "))
}
