//go:build unix

package rollout

import (
	"os/exec"
	"syscall"
)

// endTogether has a hook end with all that it started, where its time is over.
func endTogether(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
