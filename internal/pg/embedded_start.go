//go:build linux || darwin

package pg

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// startLimit bounds what follows the download: initdb, copy, start.
const startLimit = 90 * time.Second

// StartEmbedded starts a server, or joins a shared one. The first start of a
// version may download its programs and initialises a template; later ones
// take about a second. The server ends with Stop or with this process, however
// that ends; what even a kill of everything leaves is swept by the next start.
func StartEmbedded(ctx context.Context, opts EmbeddedOptions) (*Embedded, error) {
	who, err := serverAccount()
	if err != nil {
		return nil, err
	}
	cache, err := cacheDir(opts.CacheDir, who)
	if err != nil {
		return nil, err
	}
	base, err := runBase(opts, who)
	if err != nil {
		return nil, err
	}
	bin, err := findBinaries(ctx, cache, who, opts)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	data, err := template(ctx, cache, who, bin)
	if err != nil {
		return nil, err
	}
	s := starter{opts: opts, who: who, cache: cache, base: base, bin: bin, template: data}
	if opts.Share != "" {
		return s.joinOrStart(ctx)
	}
	return s.start(ctx)
}

// starter is what is known once the programs and the template are there.
type starter struct {
	opts     EmbeddedOptions
	who      account
	cache    string
	base     string
	bin      Binaries
	template string
}

// start starts a server of its own.
func (s starter) start(ctx context.Context) (*Embedded, error) {
	sweep(s.base, s.who)
	dir, lock, err := makeRunDir(s.base, s.who)
	if err != nil {
		return nil, err
	}
	e := &Embedded{dir: dir, binaries: s.bin, port: socketPort, shared: s.opts.Share != ""}
	if err := s.fill(ctx, e, lock); err != nil {
		e.Stop()
		lock.Close()
		os.RemoveAll(dir)
		return nil, err
	}
	return e, nil
}

// fill makes the data directory and starts the server in it.
func (s starter) fill(ctx context.Context, e *Embedded, lock *os.File) error {
	if err := s.who.run(ctx, e.dir, "cp", "-Rp", s.template, e.DataDir()); err != nil {
		return fmt.Errorf("copying the template: %w", err)
	}
	if s.opts.TCP {
		port, err := freePort()
		if err != nil {
			return err
		}
		e.port = port
	}
	owned, lease, err := os.Pipe()
	if e.shared {
		owned, lease, err = makeJoin(e.dir, s.who)
	}
	if err != nil {
		return fmt.Errorf("starting the server: %w", err)
	}
	e.lease = lease
	if err := startKeeper(ctx, e, s.who, lock, owned, s.opts.Linger, s.args(e)); err != nil {
		return err
	}
	if s.opts.TCP {
		return setPassword(ctx, e)
	}
	return nil
}

// args is the server's command line.
func (s starter) args(e *Embedded) []string {
	args := []string{filepath.Join(s.bin.Dir, "postgres"), "-D", e.DataDir(), "-k", e.dir, "-p", strconv.Itoa(e.port)}
	listen := ""
	if s.opts.TCP {
		listen = "127.0.0.1"
	}
	args = append(args, "-c", "listen_addresses="+listen,
		// In files of the data directory, so that a kill leaves no shared memory.
		"-c", "dynamic_shared_memory_type=mmap")
	if s.opts.NoFsync {
		args = append(args, "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
	}
	return append(args, configArgs(s.opts.Config)...)
}

// configArgs renders settings, sorted so that equal maps are equal servers.
func configArgs(config map[string]string) []string {
	var args []string
	for name, value := range config {
		args = append(args, "--"+name+"="+value)
	}
	slices.Sort(args)
	return args
}

// freePort asks the kernel for a port that nobody uses now.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("looking for a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// setPassword gives the superuser the password TCP asks for.
func setPassword(ctx context.Context, e *Embedded) error {
	conn, err := Connect(ctx, e.DSN("postgres", Superuser), Options{})
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	e.password = rand.Text()
	if _, err := conn.Exec(ctx, "ALTER ROLE "+Ident(Superuser)+" PASSWORD "+Literal(e.password)); err != nil {
		return fmt.Errorf("setting the server's password: %w", err)
	}
	return nil
}

// Stop ends the server and removes its directory; a shared server is left
// instead. Open connections are cut. Further calls give the first's answer.
func (e *Embedded) Stop() error {
	e.stopOnce.Do(func() { e.stopErr = e.stop() })
	return e.stopErr
}

func (e *Embedded) stop() error {
	if e.lease != nil {
		if err := e.lease.Close(); err != nil {
			return fmt.Errorf("stopping the server: %w", err)
		}
	}
	if e.keeper == nil || e.keeper.Process == nil {
		return nil
	}
	if e.shared {
		return e.keeper.Process.Release()
	}
	if err := e.keeper.Wait(); err != nil {
		return fmt.Errorf("stopping the server: its keeper: %w", err)
	}
	return nil
}
