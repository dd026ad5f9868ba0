//go:build linux || darwin

package pg

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEmbeddedStartsAndStops(t *testing.T) {
	e := startServer(t, EmbeddedOptions{NoFsync: true, Config: map[string]string{"work_mem": "7MB"}})
	conn, err := Connect(t.Context(), e.DSN("postgres", Superuser), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	type facts struct{ WorkMem, Listen, App, Encoding string }
	var got facts
	const ask = `SELECT current_setting('work_mem'), current_setting('listen_addresses'),
		current_setting('application_name'), current_setting('client_encoding')`
	if err := conn.QueryRow(t.Context(), ask).Scan(&got.WorkMem, &got.Listen, &got.App, &got.Encoding); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(facts{"7MB", "", "ringfence", "UTF8"}, got); diff != "" {
		t.Errorf("the server's settings (-want +got):\n%s", diff)
	}
	info, err := os.Stat(e.SocketDir())
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o700 {
		t.Errorf("the socket's directory has mode %o: others could log in without a password", info.Mode().Perm())
	}
	pid, err := e.PID()
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Stop(); err != nil {
		t.Fatal(err)
	}
	<-e.Died()
	if !gone(e.SocketDir()) || servesDir(pid, e.DataDir()) {
		t.Error("after Stop the server or its directory is still there")
	}
}

func TestEmbeddedTCPAsksForThePassword(t *testing.T) {
	e := startServer(t, EmbeddedOptions{NoFsync: true, InMemory: true, TCP: true})
	conn, err := Connect(t.Context(), e.TCPDSN("postgres"), Options{})
	if err != nil {
		t.Fatalf("with the password: %v", err)
	}
	conn.Close(t.Context())
	bare := "postgres://" + Superuser + ":wrong@" + net.JoinHostPort("127.0.0.1", strconv.Itoa(e.Port())) + "/postgres"
	if conn, err := Connect(t.Context(), bare, Options{}); SQLState(err) != "28P01" {
		if err == nil {
			conn.Close(t.Context())
		}
		t.Errorf("with a wrong password: %v, want 28P01", err)
	}
}

// TestEmbeddedForOrdinaryUsers runs as root as well as by itself: from there
// it changes to nobody, who has no home.
func TestEmbeddedForOrdinaryUsers(t *testing.T) {
	asUser := ""
	if os.Geteuid() == 0 {
		asUser = "nobody"
	}
	c := startChild(t, childOptions{}, asUser)
	if c.UserID == 0 {
		t.Fatal("the child runs as root: this tests nothing")
	}
	info, err := os.Stat(c.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if uid := int(info.Sys().(*syscall.Stat_t).Uid); uid != c.UserID {
		t.Errorf("the server's directory belongs to %d, want the user itself, %d", uid, c.UserID)
	}
	c.stdin.Close()
	eventually(t, "the server's directory goes when its owner ends", func() bool { return gone(c.Dir) })
}

func TestEmbeddedEndsWithItsOwner(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			c := startChild(t, childOptions{}, "")
			data := filepath.Join(c.Dir, "data")
			if !servesDir(c.Server, data) {
				t.Fatal("the server does not run: this tests nothing")
			}
			if err := c.cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the server ends", func() bool { return !servesDir(c.Server, data) })
			eventually(t, "the directory goes", func() bool { return gone(c.Dir) })
		})
	}
}

func TestNextStartSweepsWhatAKillOfAllLeaves(t *testing.T) {
	c := startChild(t, childOptions{}, "")
	living := startChild(t, childOptions{}, "")
	data := filepath.Join(c.Dir, "data")
	// The keeper leads a process group of its own, the server is in it too;
	// killing only the keeper and the owner leaves the server an orphan.
	for _, pid := range []int{c.Keeper, c.cmd.Process.Pid} {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the lock is free", func() bool { return lockFree(c.Dir) })
	if !servesDir(c.Server, data) {
		t.Fatal("the server did not survive its keeper: this tests nothing")
	}
	startServer(t, EmbeddedOptions{NoFsync: true, InMemory: true})
	if servesDir(c.Server, data) || !gone(c.Dir) {
		t.Error("the orphan was not swept")
	}
	if !servesDir(living.Server, filepath.Join(living.Dir, "data")) {
		t.Error("the sweep ended a server whose owner lives")
	}
}

func lockFree(dir string) bool {
	f, err := os.Open(filepath.Join(dir, lockName))
	if err != nil {
		return false
	}
	defer f.Close()
	return syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) == nil
}

func TestTwoFirstStartsAtOnce(t *testing.T) {
	cache := publicDir(t)
	opts := childOptions{CacheDir: cache}
	first, second := beginChild(t, opts, ""), beginChild(t, opts, "")
	a, b := first.await(t), second.await(t)
	if a.Dir == b.Dir {
		t.Errorf("both got the server in %s", a.Dir)
	}
	templates, err := filepath.Glob(filepath.Join(cache, "template-*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(templates) != 1 || strings.HasSuffix(templates[0], ".new") {
		t.Errorf("templates %v, want one that is whole", templates)
	}
}

// publicDir is a temporary directory that the server's user can reach.
func publicDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "ringfence-test-cache-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestKilledServerLeavesNoSharedMemory: neither after Stop nor after a sweep.
func TestKilledServerLeavesNoSharedMemory(t *testing.T) {
	e := startServer(t, EmbeddedOptions{NoFsync: true, InMemory: true})
	c := startChild(t, childOptions{}, "")
	for _, data := range []string{e.DataDir(), filepath.Join(c.Dir, "data")} {
		content, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(content), "\n")
		pid, err := strconv.Atoi(lines[0])
		if err != nil {
			t.Fatal(err)
		}
		id := strings.Fields(lines[6])[1]
		if !memoryExists(t, id) {
			t.Fatal("the living server has no shared memory: this tests nothing")
		}
		t.Cleanup(func() {
			if memoryExists(t, id) {
				t.Errorf("segment %s is left", id)
			}
		})
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the server dies", func() bool { return !servesDir(pid, data) })
	}
	<-e.Died()
	if err := e.Stop(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range []int{c.Keeper, c.cmd.Process.Pid} {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the lock is free", func() bool { return lockFree(c.Dir) })
	startServer(t, EmbeddedOptions{NoFsync: true, InMemory: true})
}

// memoryExists asks the system's list of shared memory for a segment.
func memoryExists(t *testing.T, id string) bool {
	t.Helper()
	out, err := exec.Command("ipcs", "-m").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[1] == id {
			return true
		}
	}
	return false
}

func TestServerThatCannotStartSaysWhy(t *testing.T) {
	base := publicDir(t)
	_, err := StartEmbedded(t.Context(), EmbeddedOptions{Dir: base, Config: map[string]string{"no_such_setting": "1"}})
	if err == nil || !strings.Contains(err.Error(), "no_such_setting") {
		t.Errorf("error %v, want the server's own words about no_such_setting", err)
	}
	left, globErr := filepath.Glob(filepath.Join(base, runPrefix+"*"))
	if globErr != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, globErr)
	}
}

func TestHasExtension(t *testing.T) {
	e := startServer(t, EmbeddedOptions{NoFsync: true, InMemory: true})
	got := map[string]bool{}
	for _, name := range []string{"plpgsql", "no_such_extension"} {
		has, err := e.HasExtension(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		got[name] = has
	}
	if diff := cmp.Diff(map[string]bool{"plpgsql": true, "no_such_extension": false}, got); diff != "" {
		t.Errorf("extensions (-want +got):\n%s", diff)
	}
}
