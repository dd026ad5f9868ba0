package pg

import "syscall"

// memoryRoom is what /dev/shm must have free to be used; containers often give
// it 64 MB.
const memoryRoom = 4 << 30

// memoryDir is a directory in memory, "" where there is none with enough room.
func memoryDir() string {
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
