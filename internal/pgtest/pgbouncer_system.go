//go:build system

package pgtest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ringfencehq/ringfence/internal/nettest"
	"github.com/ringfencehq/ringfence/internal/pg"
)

// Bouncer is a PgBouncer in front of a server.
type Bouncer struct {
	// Host and Port are where it listens: TCP, on this machine only.
	Host string
	Port int
}

// BouncerOptions says how PgBouncer pools.
type BouncerOptions struct {
	// PoolMode is "transaction" where empty.
	PoolMode string
	// PoolSize is the number of server connections per user and database; 0 is
	// one, where mixed-up sessions show at once.
	PoolSize int
	// Settings are further lines of its configuration.
	Settings map[string]string
}

// DSN gives a connection string through the pooler; it asks for no password.
func (b *Bouncer) DSN(database, role string) string {
	return fmt.Sprintf("host=%s port=%d dbname=%s user=%s sslmode=disable", b.Host, b.Port, keyword(database), keyword(role))
}

// keyword quotes a value of a keyword/value connection string.
func keyword(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// PgBouncer starts a PgBouncer in front of a server, in transaction mode on a
// free port, and stops it when the test ends. Anyone on this machine may log in
// through it meanwhile. The test fails where PgBouncer is not installed.
func PgBouncer(t testing.TB, server *Instance, opts BouncerOptions) *Bouncer {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		program = "/usr/sbin/pgbouncer"
	}
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("PgBouncer is not on the machine: apt-get install pgbouncer")
	}
	host, port, _ := net.SplitHostPort(nettest.Free(t))
	b := &Bouncer{Host: host}
	b.Port, _ = strconv.Atoi(port)
	dir := serverDir(t, server)
	file := filepath.Join(dir, "pgbouncer.ini")
	write(t, file, b.config(server, opts, filepath.Join(dir, "users.txt")))
	write(t, filepath.Join(dir, "users.txt"), `"`+pg.Superuser+`" ""`+"\n")
	b.run(t, server, program, file, dir)
	return b
}

func (b *Bouncer) config(server *Instance, opts BouncerOptions, users string) string {
	mode, size := opts.PoolMode, opts.PoolSize
	if mode == "" {
		mode = "transaction"
	}
	if size == 0 {
		size = 1
	}
	lines := []string{
		"[databases]",
		fmt.Sprintf("* = host=%s port=%d", server.SocketDir(), server.Port()),
		"[pgbouncer]",
		"listen_addr = " + b.Host,
		fmt.Sprintf("listen_port = %d", b.Port),
		"unix_socket_dir =",
		// trust still wants to know each name; the server tells it.
		"auth_type = trust",
		"auth_user = " + pg.Superuser,
		"auth_query = SELECT rolname, NULL::text FROM pg_catalog.pg_roles WHERE rolname = $1",
		"auth_file = " + users,
		"pool_mode = " + mode,
		fmt.Sprintf("default_pool_size = %d", size),
		"max_client_conn = 500",
		"server_tls_sslmode = disable",
	}
	for k, v := range opts.Settings {
		lines = append(lines, k+" = "+v)
	}
	return strings.Join(lines, "\n") + "\n"
}

// run starts the program as the owner of the server's socket (it refuses root)
// and waits until it answers.
func (b *Bouncer) run(t testing.TB, server *Instance, program, file, dir string) {
	t.Helper()
	cmd := exec.Command(program, file)
	log, err := os.Create(filepath.Join(dir, "pgbouncer.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = asOwner(t, server)
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting PgBouncer: %v", err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); cmd.Wait() }()
	t.Cleanup(func() { cmd.Process.Kill(); <-ended })
	deadline := time.Now().Add(20 * time.Second)
	for {
		err := b.ping(t.Context())
		if err == nil {
			return
		}
		select {
		case <-ended:
			content, _ := os.ReadFile(log.Name())
			t.Fatalf("PgBouncer ended at once:\n%s", content)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			content, _ := os.ReadFile(log.Name())
			t.Fatalf("PgBouncer does not answer: %v\n%s", err, content)
		}
	}
}

func (b *Bouncer) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := pg.Connect(ctx, b.DSN("postgres", pg.Superuser), pg.Options{SimpleProtocol: true})
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// asOwner runs a program as the user that the server's directory belongs to.
func asOwner(t testing.TB, server *Instance) *syscall.SysProcAttr {
	t.Helper()
	uid, gid := owner(t, server)
	attr := &syscall.SysProcAttr{}
	if uid != os.Geteuid() {
		attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	return attr
}

func owner(t testing.TB, server *Instance) (uid, gid int) {
	t.Helper()
	info, err := os.Stat(server.SocketDir())
	if err != nil {
		t.Fatal(err)
	}
	uid = int(info.Sys().(*syscall.Stat_t).Uid)
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil {
		return uid, os.Getegid()
	}
	gid, err = strconv.Atoi(u.Gid)
	if err != nil {
		t.Fatal(err)
	}
	return uid, gid
}

// serverDir makes a directory that the server's user can read and write.
func serverDir(t testing.TB, server *Instance) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "ringfence-pgbouncer-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	uid, gid := owner(t, server)
	if uid != os.Geteuid() {
		if err := os.Chown(dir, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func write(t testing.TB, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
