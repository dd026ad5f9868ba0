// Package edge makes a running gateway out of a gateway.yaml: the gateway itself, who verifies tokens, where refusals are kept,
// and what its end takes down again. Each part that stands beside the gateway in the file has its section, its type and its
// function in a file of its own.
//
// To add a section: section_NAME.go with a struct and a function that builds the part, its call in parts, and a line in
// docs/gateway.md.
package edge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	ringfence "github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/gateway"
)

// Options are what a process gives the edge.
type Options struct {
	File   string
	Env    func(string) (string, bool)
	Log    *slog.Logger
	Reload <-chan os.Signal // each one has the file read again; nil: none
	// Checkpoints gets the trail's signed checkpoints, a line each: standard output; nil: they are in the database only.
	Checkpoints io.Writer
	// Listening is called with the listeners before anything is served; nil: not.
	Listening func(gateway.Listeners)
}

// maxFile bounds a gateway.yaml.
const maxFile = 1 << 20

// Run serves until the context ends, and drains. Errors of the configuration are a *ConfigError.
func Run(ctx context.Context, o Options) error {
	f, err := read(o)
	if err != nil {
		return &ConfigError{err}
	}
	if o.Checkpoints == nil {
		o.Checkpoints = io.Discard
	}
	trail, err := f.openTrail(o.Log, o.Checkpoints)
	if err != nil {
		return err
	}
	defer trail.close()
	who, err := f.openAuth(ctx)
	if err != nil {
		return err
	}
	defer func() { who.close() }()
	g, err := gateway.New(gateway.Options{Config: f.gateway, Authorizer: who, Recorder: trail, Log: o.Log})
	if err != nil {
		return err
	}
	l, err := g.Listen()
	if err != nil {
		return err
	}
	if o.Listening != nil {
		o.Listening(l)
	}
	stop := make(chan struct{})
	reloaded := make(chan *verifier)
	go func() { reloaded <- reloads(ctx, o, g, stop) }()
	err = g.Serve(ctx, l)
	close(stop)
	if last := <-reloaded; last != nil {
		last.close()
	}
	return err
}

// Check reads the file and says whether it can be used; nothing is opened that it names. An error is a *ConfigError.
func Check(o Options) error {
	if _, err := read(o); err != nil {
		return &ConfigError{err}
	}
	return nil
}

// reloads reads the file again at each signal. A file that cannot be used changes nothing. It returns the last verifier it
// put in place, which is to be closed.
func reloads(ctx context.Context, o Options, g *gateway.Gateway, stop <-chan struct{}) *verifier {
	var last *verifier
	for {
		select {
		case <-stop:
			return last
		case <-o.Reload:
			next, err := reload(ctx, o, g)
			if err != nil {
				o.Log.Error("the configuration was not reloaded", "error", err)
				continue
			}
			if last != nil {
				last.close()
			}
			last = next
			o.Log.Info("the configuration was reloaded")
		}
	}
}

func reload(ctx context.Context, o Options, g *gateway.Gateway) (*verifier, error) {
	f, err := read(o)
	if err != nil {
		return nil, err
	}
	who, err := f.openAuth(ctx)
	if err != nil {
		return nil, err
	}
	if err := g.Reload(f.gateway, who); err != nil {
		who.close()
		return nil, err
	}
	return who, nil
}

// file is a gateway.yaml that was read and checked.
type file struct {
	gateway *gateway.Config
	auth    authSection
	trail   trailSection
}

// ConfigError is a configuration that cannot be used.
type ConfigError struct{ err error }

// Error says what is wrong with it, and where.
func (e *ConfigError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *ConfigError) Unwrap() error { return e.err }

func read(o Options) (*file, error) {
	in, err := os.Open(o.File)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	if len(text) > maxFile {
		return nil, errors.New("reading the configuration: the file is over 1 MiB")
	}
	f, err := parse(text, o.Env)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.File, err)
	}
	return f, nil
}

func parse(text []byte, env func(string) (string, bool)) (*file, error) {
	var f file
	var err error
	if f.gateway, err = gateway.Parse(text, env); err != nil {
		return nil, err
	}
	if err := gateway.Section(text, "auth", &f.auth); err != nil {
		return nil, err
	}
	if err := f.auth.check(env); err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	if err := gateway.Section(text, "trail", &f.trail); err != nil {
		return nil, err
	}
	if err := f.trail.check(env); err != nil {
		return nil, fmt.Errorf("trail: %w", err)
	}
	return &f, nil
}

var (
	_ ringfence.Authorizer = (*verifier)(nil)
	_ ringfence.Recorder   = (*keeper)(nil)
)
