//go:build linux || darwin

package pg

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

func TestSharedServerOutlivesItsStarter(t *testing.T) {
	opts := childOptions{Share: t.Name() + strconv.Itoa(os.Getpid()), Linger: 1}
	first, second := beginChild(t, opts, ""), beginChild(t, opts, "")
	a, b := first.await(t), second.await(t)
	if a.Dir != b.Dir {
		t.Fatalf("two servers, in %s and %s; want one", a.Dir, b.Dir)
	}
	starter, joiner := a, b
	if b.Keeper != 0 {
		starter, joiner = b, a
	}
	if err := starter.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	starter.cmd.Wait()
	e := startServer(t, opts.embedded())
	if e.dir != joiner.Dir {
		t.Fatalf("the third got %s, want to join %s", e.dir, joiner.Dir)
	}
	if err := joiner.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	joiner.cmd.Wait()
	conn, err := Connect(t.Context(), e.DSN("postgres", Superuser), Options{})
	if err != nil {
		t.Fatalf("after the others were killed: %v", err)
	}
	conn.Close(t.Context())
	if err := e.Stop(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server goes after the last has left", func() bool { return gone(e.dir) })
}

func TestSharedServerThatCrashedIsReplaced(t *testing.T) {
	opts := childOptions{Share: t.Name() + strconv.Itoa(os.Getpid()), Linger: 1}
	c := startChild(t, opts, "")
	if err := syscall.Kill(c.Server, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server dies", func() bool { return !servesDir(c.Server, filepath.Join(c.Dir, "data")) })
	e := startServer(t, opts.embedded())
	if e.dir == c.Dir {
		t.Fatal("joined a server that had ended")
	}
	conn, err := Connect(t.Context(), e.DSN("postgres", Superuser), Options{})
	if err != nil {
		t.Fatal(err)
	}
	conn.Close(t.Context())
}
