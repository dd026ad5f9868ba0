// Package edge makes a running gateway out of a gateway.yaml: the gateway itself, who verifies tokens, where refusals are kept,
// and what its end takes down again. Each part that stands beside the gateway in the file has its section, its type and its
// function in a file of its own.
//
// To add a section: section_NAME.go with a struct and a function that builds the part, its call in parts, and a line in
// docs/gateway.md.
package edge

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	ringfence "github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/gateway"
	"github.com/ringfencehq/ringfence/internal/bounded"
	"github.com/ringfencehq/ringfence/internal/bus"
	"github.com/ringfencehq/ringfence/internal/pg"
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
	e, err := f.open(ctx, o)
	if err != nil {
		return err
	}
	defer e.close()
	l, err := e.gateway.Listen()
	if err != nil {
		return err
	}
	if o.Listening != nil {
		o.Listening(l)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		e.reloads(ctx, o, stop)
	}()
	err = e.gateway.Serve(ctx, l)
	close(stop)
	<-stopped
	return err
}

// running is a gateway with all that stands beside it.
type running struct {
	file    *file // that it was begun with
	bus     *bus.Bus
	trail   *keeper
	feed    *follower
	metrics *counted
	who     atomic.Pointer[verifier]
	login   *login
	gateway *gateway.Gateway
}

// open makes the parts, the lowest first; what was opened is closed again where a later one cannot be.
func (f *file) open(ctx context.Context, o Options) (_ *running, err error) {
	e := &running{file: f}
	defer func() {
		if err != nil {
			e.close()
		}
	}()
	if e.bus, err = f.openBus(o.Log); err != nil {
		return nil, err
	}
	sinks, err := f.sinks(e.bus)
	if err != nil {
		return nil, err
	}
	if e.trail, err = f.openTrail(o, sinks); err != nil {
		return nil, err
	}
	if e.metrics, err = f.openMetrics(ctx, e.trail, &e.who, o.Log); err != nil {
		return nil, err
	}
	forget := func(r gateway.Revocation) { e.who.Load().forget(r) }
	if e.feed, err = f.openFeed(e.bus, forget, o.Log); err != nil {
		return nil, err
	}
	who, err := f.openAuth(ctx, e.feed, e.metrics)
	if err != nil {
		return nil, err
	}
	e.who.Store(who)
	if e.login, err = f.openLogin(ctx, e, o.Log); err != nil {
		return nil, err
	}
	g := gateway.Options{Config: f.gateway, Authorizer: e.authorizer(who), Recorder: e.trail, Log: o.Log, Ready: e.feed.ready,
		Public: e.login.handlers(), Stats: e.metrics.gateway, Admin: e.metrics.admin()}
	if e.feed != nil {
		g.Revocations = e.feed
	}
	if e.gateway, err = gateway.New(g); err != nil {
		return nil, err
	}
	e.metrics.serving.Store(e.gateway)
	return e, nil
}

// authorizer puts the verifier behind what it has to know first.
func (e *running) authorizer(v *verifier) ringfence.Authorizer {
	if e.feed == nil {
		return v
	}
	return informed{v, e.feed}
}

// close takes the parts down, the highest first.
func (e *running) close() {
	e.login.close()
	if v := e.who.Load(); v != nil {
		v.close()
	}
	e.feed.close()
	if e.metrics != nil {
		e.metrics.close()
	}
	if e.trail != nil {
		e.trail.close()
	}
	if e.bus != nil {
		e.bus.Close()
	}
}

// Check reads the file, and the files that it names, and says whether they can be used; nothing is connected to. An error is a
// *ConfigError.
func Check(o Options) error {
	f, err := read(o)
	if err == nil {
		err = f.checkFiles()
	}
	if err != nil {
		return &ConfigError{err}
	}
	return nil
}

// checkFiles says whether the files can be used that no section has read yet.
func (f *file) checkFiles() error {
	if err := f.gateway.CheckFiles(); err != nil {
		return err
	}
	if f.nats != nil {
		if err := f.nats.TLS.files().Check(); err != nil {
			return fmt.Errorf("nats.tls: %w", err)
		}
	}
	if f.pin == nil {
		return nil
	}
	if _, err := f.pin.peppers(); err != nil {
		return fmt.Errorf("pin: %w", err)
	}
	if _, err := f.pin.issuer(f.auth.TenantClaims[0]); err != nil {
		return fmt.Errorf("pin: %w", err)
	}
	return nil
}

// reloads reads the file again at each signal. A file that cannot be used changes nothing.
func (e *running) reloads(ctx context.Context, o Options, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-o.Reload:
			if err := e.reload(ctx, o); err != nil {
				o.Log.Error("the configuration was not reloaded", "error", err)
				continue
			}
			o.Log.Info("the configuration was reloaded")
		}
	}
}

func (e *running) reload(ctx context.Context, o Options) error {
	f, err := read(o)
	if err != nil {
		return err
	}
	for name, same := range map[string]bool{
		"trail": reflect.DeepEqual(f.trail, e.file.trail), "nats": reflect.DeepEqual(f.nats, e.file.nats),
		"pin":         reflect.DeepEqual(f.pin, e.file.pin),
		"revocations": reflect.DeepEqual(f.revocations, e.file.revocations), "metrics": reflect.DeepEqual(f.metrics, e.file.metrics),
	} {
		if !same {
			return fmt.Errorf("%s changes only with a new process", name)
		}
	}
	if err := e.login.keeps(f); err != nil {
		return err
	}
	who, err := f.openAuth(ctx, e.feed, e.metrics)
	if err != nil {
		return err
	}
	if err := e.gateway.Reload(f.gateway, e.authorizer(who)); err != nil {
		who.close()
		return err
	}
	time.AfterFunc(f.gateway.Timeouts.Authorize, e.who.Swap(who).close) // who is being let in by it may ask it still
	return nil
}

// file is a gateway.yaml that was read and checked.
type file struct {
	gateway *gateway.Config
	auth    authSection
	trail   trailSection
	metrics metricsSection
	// nats is nil where the file has no such section.
	nats        *natsSection
	revocations revocationsSection
	// pin is nil where the file has no such section.
	pin *pinSection
}

// ConfigError is a configuration that cannot be used.
type ConfigError struct{ err error }

// Error says what is wrong with it, and where.
func (e *ConfigError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *ConfigError) Unwrap() error { return e.err }

func read(o Options) (*file, error) {
	text, err := readFile(o.File)
	if err != nil {
		return nil, err
	}
	f, err := parse(text, o.Env)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.File, err)
	}
	return f, nil
}

func readFile(path string) ([]byte, error) {
	text, err := bounded.ReadFile(path, maxFile)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	return text, nil
}

func parse(text []byte, env func(string) (string, bool)) (*file, error) {
	var f file
	var err error
	if f.gateway, err = gateway.Parse(text, env); err != nil {
		return nil, err
	}
	login := f.gateway.PIN != nil
	sections := []section{
		{"auth", &f.auth, func() error { return f.auth.check(env, login) }},
		{"trail", &f.trail, func() error { return f.trail.check(env) }},
		{"metrics", &f.metrics, func() error { return f.metrics.check(env) }},
		{"revocations", &f.revocations, func() error { return f.revocations.check(env) }},
	}
	if login {
		f.pin = new(pinSection)
		sections = slices.Insert(sections, 1, section{"pin", f.pin, func() error { return f.pin.check(env, &f.auth) }})
	}
	if f.gateway.NATS != nil {
		f.nats = new(natsSection)
		sections = append(sections, section{"nats", f.nats, func() error { return f.nats.check(env) }})
	}
	for _, s := range sections {
		if err := s.read(text); err != nil {
			return nil, err
		}
	}
	return &f, nil
}

// section is one of the file's that the gateway does not read itself.
type section struct {
	name  string
	into  any
	check func() error
}

func (s section) read(text []byte) error {
	if err := gateway.Section(text, s.name, s.into); err != nil {
		return err
	}
	if err := s.check(); err != nil {
		return gateway.Locate(text, fmt.Errorf("%s: %w", s.name, err))
	}
	return nil
}

// readDSN reads a secret that is a connection string.
func readDSN(s *gateway.Secret, env func(string) (string, bool)) error {
	if err := s.Read(env); err != nil {
		return err
	}
	return pg.CheckDSN(s.Text())
}

var (
	_ ringfence.Authorizer = (*verifier)(nil)
	_ ringfence.Recorder   = (*keeper)(nil)
)
