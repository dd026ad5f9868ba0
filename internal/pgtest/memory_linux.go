package pgtest

import "syscall"

// memoryRoom is what /dev/shm must have free to be used.
const memoryRoom = 4 << 30

// fastDir is where the servers of tests stand: memory, where there is enough of
// it, since making a database is making some hundred files. "" is the system's
// temporary directory.
func fastDir() string {
	const dir = "/dev/shm"
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil || st.Bavail*uint64(st.Bsize) < memoryRoom {
		return ""
	}
	if syscall.Access(dir, 0x2 /* W_OK */) != nil {
		return ""
	}
	return dir
}
