package e2e

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ordinary has the program run as a user without rights: as it is where the tests are one's own, as nobody where they are
// root's.
func ordinary(t testing.TB) func(*exec.Cmd) {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	who, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, uidErr := strconv.ParseUint(who.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(who.Gid, 10, 32)
	if uidErr != nil || gidErr != nil {
		t.Fatalf("reading the user nobody: %v, %v", uidErr, gidErr)
	}
	return func(cmd *exec.Cmd) {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
		cmd.Env = append(cmd.Env, "HOME=/nonexistent")
	}
}

var small = []string{"demo", "--organizations", "4", "--events", "400", "--format", "json"}

// TestDemoLeavesNothing ends the demo in its middle, by ctrl-C and by SIGKILL: its server goes, and its files.
func TestDemoLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			p := start(t, home, nil, small...)
			dir, pids := serverOf(t, p)
			if err := p.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if code := p.code(); code == 0 {
				t.Error("a demo that was ended says that all went well")
			}
			st, ok := p.ProcessState.Sys().(syscall.WaitStatus)
			if signal == syscall.SIGKILL && (!ok || !st.Signaled() || st.Signal() != signal) {
				t.Errorf("it ended with %v, not by signal 9", p.err)
			}
			gone(t, dir, pids)
		})
	}
}

// serverOf waits until the program has a server that takes connections, and gives its directory and its processes.
func serverOf(t testing.TB, p *process) (dir string, pids []int) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for time.Now().Before(deadline) {
		select {
		case <-p.ended:
			t.Fatalf("the demo ended before it had a server: %s", tail(p.stderr.String()))
		case <-time.After(10 * time.Millisecond):
		}
		dir, pids = "", nil
		for _, pid := range descendants(t, p.Process.Pid) {
			pids = append(pids, pid)
			words, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
			if err != nil {
				continue // it ended meanwhile
			}
			args := strings.Split(string(words), "\x00")
			for i, a := range args[:len(args)-1] {
				if a == "-D" && filepath.Base(args[i+1]) == "data" && strings.HasSuffix(args[0], "postgres") {
					dir = filepath.Dir(args[i+1])
				}
			}
		}
		if dir == "" {
			continue
		}
		if sockets, err := filepath.Glob(filepath.Join(dir, ".s.PGSQL.*")); err == nil && len(sockets) > 0 {
			return dir, pids
		}
	}
	t.Fatal("the demo starts no server")
	return "", nil
}

// descendants lists the processes below one.
func descendants(t testing.TB, root int) []int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	children := map[int][]int{}
	for _, file := range stats {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it ended meanwhile
		}
		rest := string(text[strings.LastIndexByte(string(text), ')')+1:])
		fields := strings.Fields(rest)
		pid, pidErr := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		parent, parentErr := strconv.Atoi(fields[1])
		if pidErr == nil && parentErr == nil {
			children[parent] = append(children[parent], pid)
		}
	}
	var out []int
	for next := children[root]; len(next) > 0; {
		out = append(out, next...)
		var deeper []int
		for _, pid := range next {
			deeper = append(deeper, children[pid]...)
		}
		next = deeper
	}
	return out
}

// gone waits until neither the directory nor one of the processes is there.
func gone(t testing.TB, dir string, pids []int) {
	t.Helper()
	var left []int
	deadline := time.Now().Add(30 * time.Second)
	for time.Now().Before(deadline) {
		left = nil
		for _, pid := range pids {
			words, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
			if err == nil && strings.Contains(string(words), dir) {
				left = append(left, pid)
			}
		}
		if _, err := os.Lstat(dir); os.IsNotExist(err) && len(left) == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("after half a minute: directory %s there: %v; processes left: %v", dir, exists(dir), left)
}

func exists(file string) bool {
	_, err := os.Lstat(file)
	return err == nil
}
