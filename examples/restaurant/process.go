package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/examples/restaurant/system"
	"github.com/ringfencehq/ringfence/examples/restaurant/voice"
)

// child runs what this program was started for as a process of the system, and reports whether it was: the back end, or
// ringfence itself, whose command line is the one that everybody has.
func child(args []string) bool {
	if len(args) == 0 {
		return false
	}
	switch args[0] {
	case "backend":
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		if err := backend(ctx); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	case "ringfence":
		os.Exit(system.Command(args[1:]))
	default:
		return false
	}
	return true
}

// backend serves the voice back end on a free port, and says which.
func backend(ctx context.Context) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	s, err := voice.New(ctx, voice.Config{DSN: os.Getenv("BACKEND_DSN"), Setting: system.Setting, Key: os.Getenv("BACKEND_KEY"), Recorder: told{log}, Log: log})
	if err != nil {
		return err
	}
	defer s.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	log.Info("serving", "clients", l.Addr().String())
	web := &http.Server{Handler: s, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		_ = web.Close()
	}()
	if err := web.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// told tells refusals of the library on stderr: the gateway before it keeps the trail.
type told struct{ log *slog.Logger }

// Record implements ringfence.Recorder.
func (t told) Record(_ context.Context, e ringfence.Event) error {
	t.log.Warn("refused", "event", string(e.Type), "detail", e.Detail)
	return nil
}

// process is a running child. What it writes to stderr is kept in a file.
type process struct {
	cmd    *exec.Cmd
	ended  chan struct{}
	err    error
	output *os.File
}

// start starts this program again as a child, and waits until it says that it serves. It returns what stands in that line, by
// name.
func start(ctx context.Context, log string, env []string, args ...string) (*process, map[string]string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	p := &process{cmd: exec.CommandContext(context.WithoutCancel(ctx), self, args...), ended: make(chan struct{})}
	if p.output, err = os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return nil, nil, err
	}
	p.cmd.Env = append(os.Environ(), env...)
	bind(p.cmd)
	stderr, err := p.cmd.StderrPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("starting %s: %w", args[0], err)
	}
	serving := make(chan map[string]string, 1)
	go p.read(stderr, serving)
	select {
	case said := <-serving:
		return p, said, nil
	case <-p.ended:
		return nil, nil, fmt.Errorf("starting %s: it ended with %v; its log is %s", args[0], p.err, log)
	case <-ctx.Done():
		_ = p.kill()
		return nil, nil, ctx.Err()
	}
}

// read copies what a child says, and tells of the line that says where it serves.
func (p *process) read(from io.Reader, serving chan<- map[string]string) {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		fmt.Fprintln(p.output, lines.Text())
		if !strings.Contains(lines.Text(), "msg=serving ") {
			continue
		}
		said := map[string]string{}
		for word := range strings.FieldsSeq(lines.Text()) {
			if name, value, ok := strings.Cut(word, "="); ok {
				said[name] = value
			}
		}
		select {
		case serving <- said:
		default:
		}
	}
	p.err = p.cmd.Wait()
	_ = p.output.Close()
	close(p.ended)
}

// stop ends a child gently.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
		return nil
	case <-time.After(15 * time.Second):
		return errors.Join(errors.New("a process did not end"), p.kill())
	}
}

// kill ends a child at once.
func (p *process) kill() error {
	err := p.cmd.Process.Kill()
	<-p.ended
	return err
}
