//go:build linux || darwin

package pg

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// childVar makes the test program start a server, say where, and hold it until
// its standard input ends: the owner that tests kill.
const childVar = "RINGFENCE_PG_TEST_CHILD"

func TestMain(m *testing.M) {
	if options, ok := os.LookupEnv(childVar); ok {
		os.Exit(child(options))
	}
	os.Exit(m.Run())
}

// childOptions are those of EmbeddedOptions that tests give a child.
type childOptions struct {
	CacheDir, Share string
	Linger          time.Duration
}

func (o childOptions) embedded() EmbeddedOptions {
	return EmbeddedOptions{NoFsync: true, InMemory: true, CacheDir: o.CacheDir, Share: o.Share, Linger: o.Linger}
}

// childReport is what a child prints.
type childReport struct {
	Dir     string
	Keeper  int
	Server  int
	UserID  int
	Problem string
}

func child(options string) int {
	var opts childOptions
	if err := json.Unmarshal([]byte(options), &opts); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	report := childReport{UserID: os.Geteuid()}
	e, err := StartEmbedded(context.Background(), opts.embedded())
	if err == nil {
		report.Dir = e.dir
		report.Server, err = e.PID()
		if e.keeper != nil {
			report.Keeper = e.keeper.Process.Pid
		}
	}
	if err != nil {
		report.Problem = err.Error()
	}
	if err := json.NewEncoder(os.Stdout).Encode(report); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	io.Copy(io.Discard, os.Stdin)
	return 0
}

// runningChild is a child that has reported.
type runningChild struct {
	childReport
	cmd   *exec.Cmd
	stdin io.Closer
}

// startChild runs the test program as a child, as a user of the machine where
// one is named (which needs root). The child is killed when the test ends.
func startChild(t *testing.T, opts childOptions, asUser string) *runningChild {
	t.Helper()
	c := beginChild(t, opts, asUser)
	return c.await(t)
}

// pendingChild has been started and has not reported yet.
type pendingChild struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	stdout io.Reader
}

func beginChild(t *testing.T, opts childOptions, asUser string) *pendingChild {
	t.Helper()
	options, err := json.Marshal(opts)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^$")
	cmd.Stderr = os.Stderr
	cmd.Env = append(os.Environ(), childVar+"="+string(options))
	if asUser != "" {
		changeUser(t, cmd, self, asUser)
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return &pendingChild{cmd: cmd, stdin: stdin, stdout: stdout}
}

func (c *pendingChild) await(t *testing.T) *runningChild {
	t.Helper()
	r := &runningChild{cmd: c.cmd, stdin: c.stdin}
	line, err := bufio.NewReader(c.stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &r.childReport)
	}
	if err != nil || r.Problem != "" {
		t.Fatalf("starting a server in a child: %v %s", err, r.Problem)
	}
	return r
}

// changeUser lets cmd run as another user, from a copy of the program and with
// a home that this user can reach.
func changeUser(t *testing.T, cmd *exec.Cmd, program, name string) {
	t.Helper()
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	dir, err := os.MkdirTemp("/tmp", "ringfence-test-user-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	content, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(dir, "child")
	if err := os.WriteFile(copied, content, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	cmd.Path, cmd.Dir = copied, dir
	cmd.Env = append(cmd.Env, "HOME="+dir, "XDG_CACHE_HOME=", "TMPDIR=/tmp")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
}

// eventually waits for a condition that another process brings about.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func gone(path string) bool {
	_, err := os.Lstat(path)
	return os.IsNotExist(err)
}

// startServer starts a server for one test.
func startServer(t *testing.T, opts EmbeddedOptions) *Embedded {
	t.Helper()
	e, err := StartEmbedded(t.Context(), opts)
	if err != nil {
		t.Fatalf("%v\n%s", err, Hint(err))
	}
	t.Cleanup(func() {
		if err := e.Stop(); err != nil {
			t.Error(err)
		}
	})
	return e
}
