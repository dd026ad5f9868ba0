//go:build linux || darwin

package pg

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// account is the operating-system user that a server runs as: the present user,
// or, since PostgreSQL refuses root, postgres or nobody.
type account struct {
	name     string
	uid, gid int
	// other is true where commands must change to this user.
	other bool
}

// serverAccount chooses the account.
func serverAccount() (account, error) {
	if uid := os.Geteuid(); uid != 0 {
		return account{name: strconv.Itoa(uid), uid: uid, gid: os.Getegid()}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.Atoi(u.Uid)
		gid, gidErr := strconv.Atoi(u.Gid)
		if uidErr == nil && gidErr == nil && uid > 0 {
			return account{name: name, uid: uid, gid: gid, other: true}, nil
		}
	}
	return account{}, &Error{
		Doing: "choosing a user for the embedded server: PostgreSQL does not run as root, and there is neither a user postgres nor nobody",
		Hint:  "Run as an ordinary user, or add a system user named postgres.",
	}
}

// command prepares a program run as the account, in its own session (a ctrl-C
// at the terminal reaches us, not it) and with a clean environment.
func (a account) command(ctx context.Context, dir, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL=C", "HOME=" + dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if a.other {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	}
	return cmd
}

// own gives a path to the account.
func (a account) own(path string) error {
	if !a.other {
		return nil
	}
	return os.Chown(path, a.uid, a.gid)
}

// owns tells whether info is a real directory of the account.
func (a account) owns(info os.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && info.IsDir() && int(st.Uid) == a.uid
}

// run runs a program to its end; its output is part of the error.
func (a account) run(ctx context.Context, dir, program string, args ...string) error {
	out, err := a.command(ctx, dir, program, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("running %s: %w: %s", program, err, tail(out))
	}
	return nil
}

// tail keeps the end of a program's output short enough for an error.
func tail(out []byte) string {
	const most = 2000
	if len(out) > most {
		out = out[len(out)-most:]
	}
	return string(out)
}
