package apply

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/plan"
)

// childEnv makes the test binary run one plan as a process of its own: it holds the job as JSON.
const childEnv = "RINGFENCE_TEST_APPLY_JOB"

// A job is what a child process is to do.
type job struct {
	DSN  string
	Plan *plan.Plan
	Undo string // "" to apply, else to take back
	// LockMin is the lock timeout of the first try; 0 is the default.
	LockMin time.Duration
	Expiry  time.Duration // of the lease; 0 is the tests' own
}

func TestMain(m *testing.M) {
	if text := os.Getenv(childEnv); text != "" {
		os.Exit(childMain(text))
	}
	os.Exit(m.Run())
}

// childMain runs the job. Every event is written as a line, and the run goes on when a byte has come back: so the parent
// kills it exactly where it wants.
func childMain(text string) int {
	var j job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	s := &shop{}
	opts := s.options(j.Plan)
	opts.Connect = func(ctx context.Context) (*pgx.Conn, error) { return pg.Connect(ctx, j.DSN, pg.Options{}) }
	if j.LockMin > 0 {
		opts.Locks.Min, opts.Locks.Max = j.LockMin, j.LockMin
	}
	if j.Expiry > 0 {
		opts.Lease.Expiry = j.Expiry
	}
	in := bufio.NewReader(os.Stdin)
	opts.Progress = func(e Event) {
		line, err := json.Marshal(e)
		if err == nil {
			_, err = fmt.Printf("%s\n", line)
		}
		if err == nil {
			_, err = in.ReadByte()
		}
		if err != nil {
			os.Exit(3)
		}
	}
	run := Run
	if j.Undo != "" {
		run = Rollback
	}
	if _, err := run(context.Background(), opts); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// A child is a process that applies a plan: the test binary, or any other command that writes a line for each event.
type child struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	lines  *bufio.Scanner
	stderr bytes.Buffer
}

// startChild starts a command; env is added to the environment.
func startChild(t testing.TB, argv []string, env ...string) *child {
	t.Helper()
	c := &child{cmd: exec.Command(argv[0], argv[1:]...)}
	c.cmd.Env = append(os.Environ(), env...)
	c.cmd.Stderr = &c.stderr
	out, err := c.cmd.StdoutPipe()
	if err == nil {
		c.in, err = c.cmd.StdinPipe()
	}
	if err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		t.Fatalf("starting the child: %v", err)
	}
	t.Cleanup(func() { _ = c.cmd.Process.Kill(); _ = c.cmd.Wait() })
	c.lines = bufio.NewScanner(out)
	c.lines.Buffer(nil, 1<<20)
	return c
}

// self starts this test binary on a job.
func self(t testing.TB, j job) *child {
	t.Helper()
	text, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	return startChild(t, []string{os.Args[0]}, childEnv+"="+string(text))
}

// next gives the child's next event; ok is false at its end.
func (c *child) next(t testing.TB) (e Event, ok bool) {
	t.Helper()
	if !c.lines.Scan() {
		return e, false
	}
	if err := json.Unmarshal(c.lines.Bytes(), &e); err != nil {
		t.Fatalf("reading the child's event %q: %v", c.lines.Text(), err)
	}
	return e, true
}

// goOn lets the child continue.
func (c *child) goOn(t testing.TB) {
	t.Helper()
	if _, err := c.in.Write([]byte{'\n'}); err != nil {
		t.Fatalf("letting the child continue: %v: %s", err, c.stderr.String())
	}
}

// goOnIfAlive is goOn for a child that may have ended.
func (c *child) goOnIfAlive() { _, _ = c.in.Write([]byte{'\n'}) }

// until lets the child continue up to the first event that fits; the child then waits there.
func (c *child) until(t testing.TB, fits func(Event) bool) Event {
	t.Helper()
	for {
		e, ok := c.next(t)
		if !ok {
			t.Fatalf("the child ended before the event came: %s", c.stderr.String())
		}
		if fits(e) {
			return e
		}
		c.goOn(t)
	}
}

// kill sends SIGKILL and makes sure that it is what the child died of.
func (c *child) kill(t testing.TB) {
	t.Helper()
	if err := c.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatalf("killing the child: %v", err)
	}
	err := c.cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		t.Fatalf("the child ended with %v, not by a signal", err)
	}
	if st, ok := exit.Sys().(syscall.WaitStatus); !ok || !st.Signaled() || st.Signal() != syscall.SIGKILL {
		t.Fatalf("the child ended with %v, not by signal 9", err)
	}
}

// finish lets a child that waits at an event run to its end.
func (c *child) finish(t testing.TB) {
	t.Helper()
	for ok := true; ok; _, ok = c.next(t) {
		c.goOnIfAlive()
	}
	if err := c.cmd.Wait(); err != nil {
		t.Fatalf("the child ended with %v: %s", err, c.stderr.String())
	}
}
