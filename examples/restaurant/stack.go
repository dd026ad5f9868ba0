package main

import (
	"cmp"
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/ringfencehq/ringfence/examples/restaurant/system"
	"github.com/ringfencehq/ringfence/trail"
)

// stack is the whole system: a database, and the processes in front of it.
type stack struct {
	system  *system.System
	dir     string
	key     string
	page    string
	backend *process
	gateway *process
	// url and admin are where the gateway is reached, as http://host:port.
	url, admin string
}

// stackOptions say how the gateway is set up; the zero value is what a restaurant has.
type stackOptions struct {
	page string // the origin of a page that browsers come from
	ttl  string // how long a membership is believed; 2s
	bus  string // where the bus inside the gateway listens, which then copies the trail to a stream; nowhere
	keep string // how much the stream keeps, as 16MiB
}

//go:embed gateway.yaml.tmpl
var gatewayFile string

var gatewayTemplate = template.Must(template.New("gateway.yaml").Parse(gatewayFile))

// startStack starts everything in a directory, which is the caller's to remove.
func startStack(ctx context.Context, dir string, o stackOptions) (*stack, error) {
	sys, err := system.Start(ctx, filepath.Join(dir, "system"))
	if err != nil {
		return nil, err
	}
	s := &stack{system: sys, dir: dir, key: rand.Text(), page: o.page}
	if err := s.startProcesses(ctx, o); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *stack) startProcesses(ctx context.Context, o stackOptions) error {
	var err error
	var said map[string]string
	s.backend, said, err = start(ctx, s.log("backend"), []string{"BACKEND_DSN=" + s.system.DSN(system.Server), "BACKEND_KEY=" + s.key}, "backend")
	if err != nil {
		return err
	}
	signer, verifier, err := trail.NewCheckpointKey(rand.Reader, "gateway-1")
	if err != nil {
		return err
	}
	if err := errors.Join(os.WriteFile(s.trailKey(), []byte(signer+"\n"), 0o600), os.WriteFile(s.trailKey()+".pub", []byte(verifier+"\n"), 0o600),
		s.writeGateway(said["clients"], o)); err != nil {
		return err
	}
	return s.startGateway(ctx)
}

// writeGateway writes gateway.yaml. Secrets are in files and the environment.
func (s *stack) writeGateway(backend string, o stackOptions) error {
	var text strings.Builder
	if err := gatewayTemplate.Execute(&text, map[string]any{
		"Backend": backend, "Page": o.page, "Trail": s.journal(), "TrailKey": s.trailKey(), "TTL": cmp.Or(o.ttl, "2s"), "Peppers": s.system.Peppers(), "Key": s.system.Key(),
		"Bus": o.bus, "Keep": o.keep, "Streams": s.streams(),
	}); err != nil {
		return fmt.Errorf("writing gateway.yaml: %w", err)
	}
	return os.WriteFile(s.config(), []byte(text.String()), 0o600)
}

// startGateway starts a gateway by gateway.yaml: "ringfence gateway -c gateway.yaml".
func (s *stack) startGateway(ctx context.Context) error {
	p, said, err := start(ctx, s.log("gateway"), []string{
		"BACKEND_KEY=" + s.key, "MEMBERS_DSN=" + s.system.DSN(system.Server), "TRAIL_DSN=" + s.system.DSN(system.Trail),
		"LOGIN_DSN=" + s.system.DSN(system.Login), "REVOCATIONS_DSN=" + s.system.DSN(system.Gateway), "BUS_SECRET=" + s.key,
	}, "ringfence", "gateway", "-c", s.config())
	if err != nil {
		return err
	}
	s.gateway, s.url, s.admin = p, "http://"+said["clients"], "http://"+said["admin"]
	return nil
}

func (s *stack) journal() string        { return filepath.Join(s.dir, "trail") }
func (s *stack) streams() string        { return filepath.Join(s.dir, "streams") }
func (s *stack) trailKey() string       { return filepath.Join(s.dir, "trail.key") }
func (s *stack) config() string         { return filepath.Join(s.dir, "gateway.yaml") }
func (s *stack) log(name string) string { return filepath.Join(s.dir, name+".log") }

// close ends everything.
func (s *stack) close() error {
	var all error
	for _, p := range []*process{s.gateway, s.backend} {
		if p != nil {
			all = errors.Join(all, p.stop())
		}
	}
	return errors.Join(all, s.system.Close())
}
