package main

import (
	"os/exec"
	"syscall"
)

// bind has a child end with this process, however it ends.
func bind(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
