//go:build linux || darwin

package pg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// keeperScript starts the server and ends it when nobody owns it any more. It
// is a shell because it must outlive us, whatever ends us: exit, a signal, a
// crash, kill -9. Its descriptors:
//
//	3  a pipe or FIFO whose writing ends the owners hold; its end is their end
//	4  the directory's lock, held as long as the keeper lives (see sweep)
//	5  a pipe of which only the server keeps the writing end: its end is the
//	   server's end
//
// A FIFO named "join" makes the server shared. Each process that joins writes
// one byte, so that the keeper can tell "somebody came and left" from "nobody
// came" while it lingers. The FIFO's name goes away before the last look, so
// that nobody can join a server that is about to stop. A server that was killed
// left its pid file, which names its System V shared memory.
const keeperScript = `dir=$1 linger=$2; shift 2
trap '' HUP INT TERM
"$@" </dev/null >>"$dir/server.log" 2>&1 3<&- 4>&- &
server=$!
exec 5>&-
cat <&3 >/dev/null 4>&-
if [ -p "$dir/join" ]; then
  while
    sleep "$linger" 4>&-
    [ "$(cat <&3 4>&- | wc -c)" -gt 0 ]
  do :; done
  rm -f "$dir/join"
  cat <&3 >/dev/null 4>&-
fi
kill -QUIT "$server" 2>&-
(while sleep 1; do kill -QUIT "$server"; done) 3<&- 4>&- >/dev/null 2>&1 &
again=$!
wait "$server"
kill -KILL "$again" 2>&-
[ -f "$dir/data/postmaster.pid" ] && set -- $(sed -n 7p "$dir/data/postmaster.pid") && ipcrm -m "$2" 2>&-
cd / && rm -rf -- "$dir"
`

// startKeeper runs the server under a keeper and waits until it takes
// connections. It takes over lock and owners' reading end, and closes them.
func startKeeper(ctx context.Context, e *Embedded, who account, lock, owned *os.File, linger time.Duration, args []string) error {
	defer lock.Close()
	defer owned.Close()
	alive, aliveServer, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("starting the server: %w", err)
	}
	defer aliveServer.Close()
	seconds := strconv.Itoa(int((linger + time.Second - 1) / time.Second))
	// Not bound to ctx: the server's life ends with Stop, not with the start.
	cmd := who.command(context.WithoutCancel(ctx), e.dir, "/bin/sh",
		append([]string{"-c", keeperScript, "ringfence-keeper", e.dir, seconds}, args...)...)
	cmd.ExtraFiles = []*os.File{owned, lock, aliveServer}
	if err := cmd.Start(); err != nil {
		alive.Close()
		return fmt.Errorf("starting the server: %w", err)
	}
	e.keeper = cmd
	e.died = make(chan struct{})
	go func() {
		defer close(e.died)
		defer alive.Close()
		var b [1]byte
		alive.Read(b[:]) // nothing is ever written: this ends with the server
	}()
	aliveServer.Close()
	return awaitReady(ctx, e)
}

// awaitReady waits until the server says in its pid file that it is ready.
func awaitReady(ctx context.Context, e *Embedded) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		content, err := os.ReadFile(filepath.Join(e.DataDir(), "postmaster.pid"))
		lines := strings.Split(string(content), "\n")
		if err == nil && len(lines) >= 8 && strings.TrimSpace(lines[7]) == "ready" {
			return nil
		}
		select {
		case <-e.died:
			log, _ := os.ReadFile(filepath.Join(e.dir, "server.log"))
			return &Error{
				Doing: "starting the embedded server: it ended at once: " + strings.TrimSpace(tail(log)),
				Hint:  "The text is the server's own; with settings of your own, try without them.",
			}
		case <-ctx.Done():
			return fmt.Errorf("starting the embedded server: it was not ready: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

// makeJoin makes the FIFO of a shared server and opens both its ends: the
// keeper's reading end and this process's own writing end.
func makeJoin(dir string, who account) (owned, lease *os.File, err error) {
	path := filepath.Join(dir, "join")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		return nil, nil, fmt.Errorf("making the server's FIFO: %w", err)
	}
	if err := who.own(path); err != nil {
		return nil, nil, fmt.Errorf("making the server's FIFO: %w", err)
	}
	r, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("opening the server's FIFO: %w", err)
	}
	lease, err = openJoin(dir)
	if err == nil {
		err = syscall.SetNonblock(r, false) // the keeper's cat must wait
	}
	if err != nil {
		syscall.Close(r)
		return nil, nil, err
	}
	return os.NewFile(uintptr(r), path), lease, nil
}

// errGone is openJoin's answer where the server stops or has stopped.
var errGone = errors.New("the shared server is gone")

// openJoin joins a shared server; the file, while open, keeps it running.
func openJoin(dir string) (*os.File, error) {
	path := filepath.Join(dir, "join")
	w, err := syscall.Open(path, syscall.O_WRONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, syscall.ENXIO) || errors.Is(err, syscall.ENOENT) {
		return nil, errGone
	}
	if err != nil {
		return nil, fmt.Errorf("joining the shared server: %w", err)
	}
	if _, err := syscall.Write(w, []byte{'j'}); err != nil {
		syscall.Close(w)
		return nil, errGone
	}
	return os.NewFile(uintptr(w), path), nil
}
