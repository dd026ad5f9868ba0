package pg

// memoryDir is "": this system has no directory in memory.
func memoryDir() string { return "" }
