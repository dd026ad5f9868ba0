package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// home is the directory that everything of this process lies in; readable for other users, who run the binary too.
var home string

func TestMain(m *testing.M) {
	os.Exit(within(m))
}

func within(m *testing.M) int {
	var err error
	if home, err = os.MkdirTemp("", "ringfence-e2e-"); err == nil {
		err = os.Chmod(home, 0o755)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(home)
	return m.Run()
}

// build makes the binary, once in this process.
var build = sync.OnceValues(func() (string, error) {
	file := filepath.Join(home, "ringfence")
	cmd := exec.Command("go", "build", "-o", file, "github.com/ringfencehq/ringfence/cmd/ringfence")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the binary: %w\n%s", err, out)
	}
	return file, nil
})

// binary is the path of the program under test.
func binary(t testing.TB) string {
	t.Helper()
	file, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// limit bounds one run of the program; at full size there are plans of thousands of steps.
var limit = map[bool]time.Duration{false: 2 * time.Minute, true: 15 * time.Minute}[os.Getenv("RINGFENCE_LONG") != ""]

// A process is the program on its way.
type process struct {
	*exec.Cmd
	stdout, stderr bytes.Buffer
	ended          chan struct{}
	err            error
}

// start runs the program in an empty environment, so that nothing of this machine's PG* variables reaches it.
func start(t testing.TB, dir string, change func(*exec.Cmd), args ...string) *process {
	t.Helper()
	program := binary(t) // built by the first who asks, on no one's time
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	p := &process{Cmd: exec.CommandContext(ctx, program, args...), ended: make(chan struct{})}
	p.Dir = dir
	p.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "LC_ALL=C"}
	p.Stdout, p.Stderr = &p.stdout, &p.stderr
	if change != nil {
		change(p.Cmd)
	}
	if err := p.Start(); err != nil {
		cancel()
		t.Fatalf("starting ringfence %s: %v", strings.Join(args, " "), err)
	}
	go func() {
		defer cancel()
		defer close(p.ended)
		p.err = p.Wait()
	}()
	t.Cleanup(func() { _ = p.Process.Kill(); <-p.ended })
	return p
}

// code waits for the end and gives the exit code; -1 where a signal ended it.
func (p *process) code() int {
	<-p.ended
	return p.ProcessState.ExitCode()
}

// kill sends SIGKILL and makes sure that it is what the process died of.
func (p *process) kill(t testing.TB) {
	t.Helper()
	if err := p.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatalf("killing the program: %v: %s", err, &p.stderr)
	}
	<-p.ended
	var exit *exec.ExitError
	if !errors.As(p.err, &exit) {
		t.Fatalf("the program ended with %v, not by a signal: %s", p.err, &p.stderr)
	}
	if st, ok := exit.Sys().(syscall.WaitStatus); !ok || !st.Signaled() || st.Signal() != syscall.SIGKILL {
		t.Fatalf("the program ended with %v, not by signal 9: %s", p.err, &p.stderr)
	}
}

// run runs the program to its end and gives its streams; any exit code but the one wanted fails the test.
func run(t testing.TB, want int, dir string, args ...string) (stdout, stderr string) {
	t.Helper()
	p := start(t, dir, nil, args...)
	if got := p.code(); got != want {
		t.Fatalf("ringfence %s: exit %d, want %d\nstdout:\n%s\nstderr:\n%s", strings.Join(args, " "), got, want, tail(p.stdout.String()), tail(p.stderr.String()))
	}
	return p.stdout.String(), p.stderr.String()
}

// tail keeps the end of a long text.
func tail(s string) string {
	if len(s) > 6000 {
		return "…" + s[len(s)-6000:]
	}
	return s
}
