package pg

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Superuser is the superuser's name on every embedded server.
const Superuser = "postgres"

// socketPort names the socket of a server that does not listen on TCP; every
// server has a directory of its own, so the number may be the same for all.
const socketPort = 5432

// EmbeddedOptions says what server to start. The zero value is any supported
// version, on a private Unix socket, durable like any server.
type EmbeddedOptions struct {
	// Version is the major version; 0 takes the newest on the machine, else
	// the newest that can be downloaded.
	Version int
	// Dir is where the server's own 0700 directory is made; "" is the system's
	// temporary directory.
	Dir string
	// InMemory makes that directory in memory where the system has room (Linux,
	// 4 GiB free in /dev/shm), since making a database is making some hundred
	// files; elsewhere, and where Dir is given, it changes nothing.
	InMemory bool
	// CacheDir keeps downloaded programs and initialised templates; "" is the
	// user's cache directory (as root a system one, since the server's user
	// must reach it).
	CacheDir string
	// Config is handed to the server as settings.
	Config map[string]string
	// NoFsync gives durability away for speed: for throw-away servers only.
	NoFsync bool
	// TCP also listens on a free port of 127.0.0.1, with a random password.
	TCP bool
	// Share, where not empty, joins a server that another process of this user
	// started under the same name and the same options, or starts it. It stops
	// Linger after the last process has left or died.
	Share string
	// Linger is how long a shared server waits for the next process.
	Linger time.Duration
	// Note is told what takes long (a download); nil for silence.
	Note func(string)
}

// Embedded is a running server that belongs to this process: it is stopped and
// its directory removed by Stop, or when the process ends in any way. Safe for
// concurrent use.
type Embedded struct {
	dir      string
	binaries Binaries
	port     int
	password string
	shared   bool
	keeper   *exec.Cmd // nil in a process that joined
	lease    interface{ Close() error }
	died     chan struct{}
	stopOnce sync.Once
	stopErr  error
}

// DSN gives a connection string for a database and a user over the private
// Unix socket, where no password is asked.
func (e *Embedded) DSN(database, user string) string {
	q := url.Values{"host": {e.dir}, "port": {strconv.Itoa(e.port)}, "user": {user}, "sslmode": {"disable"}}
	// A space as "+" is the web's way; libpq reads a plus sign.
	return "postgres:///" + url.PathEscape(database) + "?" + strings.ReplaceAll(q.Encode(), "+", "%20")
}

// TCPDSN gives a connection string for the superuser over 127.0.0.1, with the
// password; "" where the server was started without TCP.
func (e *Embedded) TCPDSN(database string) string {
	if e.password == "" {
		return ""
	}
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(Superuser, e.password),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(e.port)), Path: "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// SocketDir is the 0700 directory the socket stands in: libpq's host.
func (e *Embedded) SocketDir() string { return e.dir }

// Port is the socket's number, and the TCP port where there is one.
func (e *Embedded) Port() int { return e.port }

// Binaries are the programs the server was started from.
func (e *Embedded) Binaries() Binaries { return e.binaries }

// DataDir is the server's data directory, readable by the server's user.
func (e *Embedded) DataDir() string { return filepath.Join(e.dir, "data") }

// PID is the process number of the server (its postmaster), for tests that
// crash it.
func (e *Embedded) PID() (int, error) {
	content, err := os.ReadFile(filepath.Join(e.DataDir(), "postmaster.pid"))
	if err != nil {
		return 0, fmt.Errorf("reading the server's process number: %w", err)
	}
	first, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil {
		return 0, fmt.Errorf("reading the server's process number: %w", err)
	}
	return pid, nil
}

// Died is closed when the server has ended, by Stop or by itself. It is nil in
// a process that joined a shared server.
func (e *Embedded) Died() <-chan struct{} { return e.died }

// HasExtension asks the server whether CREATE EXTENSION name could work.
func (e *Embedded) HasExtension(ctx context.Context, name string) (bool, error) {
	conn, err := Connect(ctx, e.DSN("postgres", Superuser), Options{})
	if err != nil {
		return false, err
	}
	defer conn.Close(ctx)
	var has bool
	err = conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_catalog.pg_available_extensions WHERE name = $1)", name).Scan(&has)
	if err != nil {
		return false, fmt.Errorf("reading the available extensions: %w", err)
	}
	return has, nil
}
