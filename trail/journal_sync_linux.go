package trail

import (
	"os"
	"syscall"
)

// syncData waits until the file's content is on disk; times of access and change may follow later.
func syncData(f *os.File) error {
	for {
		if err := syscall.Fdatasync(int(f.Fd())); err != syscall.EINTR {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
