package edge

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ringfencehq/ringfence/gateway"
	"github.com/ringfencehq/ringfence/internal/bus"
	"github.com/ringfencehq/ringfence/trail"
)

// natsSection is the bus between gateways. Without url a server runs inside this process.
type natsSection struct {
	URL     string          `yaml:"url"`     // a cluster that exists
	Listen  string          `yaml:"listen"`  // of the server inside, for clients such as ringfence gateway revoke; default nowhere
	Cluster clusterSection  `yaml:"cluster"` // of the server inside, with those of other gateways
	Secret  *gateway.Secret `yaml:"secret"`  // shown and asked for; needed wherever something listens
	TLS     busTLSSection   `yaml:"tls"`     // between servers, and to clients
	Subject string          `yaml:"subject"` // begins the subjects; default ringfence
	Dir     string          `yaml:"dir"`     // where the server inside keeps streams; default nowhere
	Tee     *teeSection     `yaml:"tee"`     // a copy of the trail for others
}

// clusterSection ties the servers inside several gateways together.
type clusterSection struct {
	Name      string   `yaml:"name"`      // the same for all; default ringfence
	Listen    string   `yaml:"listen"`    // where the others reach this one
	Advertise string   `yaml:"advertise"` // what they are told to reach it by, where that is not listen
	Routes    []string `yaml:"routes"`    // host:port of some of the others; the rest is learned from them
}

// busTLSSection is the bus's certificate. With ca_file each side asks for the other's.
type busTLSSection struct {
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
	CAFile   string `yaml:"ca_file"`
}

func (t busTLSSection) files() bus.TLS { return bus.TLS(t) }

// teeSection is a stream of JetStream that gets the trail's events.
type teeSection struct {
	Stream   string        `yaml:"stream"`    // default RINGFENCE_TRAIL
	Replicas int           `yaml:"replicas"`  // default 3
	MaxBytes gateway.Size  `yaml:"max_bytes"` // beyond it the oldest events go; default 1GiB
	MaxAge   time.Duration `yaml:"max_age"`   // default 168h
}

func (n *natsSection) check(env func(string) (string, bool)) error {
	if n.Secret != nil {
		if err := n.Secret.Read(env); err != nil {
			return fmt.Errorf("secret: %w", err)
		}
	}
	inside := n.Listen != "" || n.Cluster.Listen != "" || n.Dir != ""
	switch {
	case n.URL != "" && inside:
		return errors.New("url is a cluster elsewhere: listen, cluster and dir are of a server inside this process")
	case n.Secret == nil && (n.Listen != "" || n.Cluster.Listen != ""):
		return errors.New("secret: there is none, and who reaches the bus could cut every socket")
	case n.Cluster.Listen == "" && len(n.Cluster.Routes) > 0:
		return errors.New("cluster.routes: the others need cluster.listen to come back by")
	case n.Dir != "" && n.Cluster.Listen != "" && len(n.Cluster.Routes) == 0:
		return errors.New("cluster.routes: servers that keep streams together know one another by routes, and there is none")
	case n.Tee != nil && n.URL == "" && n.Dir == "":
		return errors.New("tee: dir is needed, where the server inside keeps its copy of the stream")
	case n.Tee != nil && (n.Tee.Replicas < 0 || n.Tee.Replicas > 5):
		return errors.New("tee.replicas: it is between 1 and 5")
	case (n.TLS.CertFile == "") != (n.TLS.KeyFile == ""):
		return errors.New("tls: cert_file and key_file come together")
	}
	return nil
}

// open starts the bus under the node's name.
func (n *natsSection) open(node string, log *slog.Logger) (*bus.Bus, error) {
	o := bus.Options{
		Name: node, URL: n.URL, Listen: n.Listen, Dir: n.Dir, Log: log,
		Cluster: bus.Cluster{Name: n.Cluster.Name, Listen: n.Cluster.Listen, Advertise: n.Cluster.Advertise, Routes: n.Cluster.Routes},
		TLS:     n.TLS.files(),
	}
	if n.Secret != nil {
		o.Secret = n.Secret.Text()
	}
	return bus.Open(o)
}

// openBus starts the bus that the file asks for: nil where it asks for none.
func (f *file) openBus(log *slog.Logger) (*bus.Bus, error) {
	if f.nats == nil {
		return nil, nil
	}
	return f.nats.open(f.trail.Node, log)
}

// subject is the subject of a topic.
func (n *natsSection) subject(topic string) string {
	if n.Subject == "" {
		return "ringfence." + topic
	}
	return n.Subject + "." + topic
}

// sinks are the further places of the trail.
func (f *file) sinks(b *bus.Bus) (map[string]trail.Sink, error) {
	if f.nats == nil || f.nats.Tee == nil {
		return nil, nil
	}
	t := f.nats.Tee
	tee, err := b.NewTee(bus.TeeOptions{Stream: t.Stream, Subject: f.nats.subject("trail"), Replicas: t.Replicas, MaxBytes: int64(t.MaxBytes), MaxAge: t.MaxAge})
	if err != nil {
		return nil, err
	}
	return map[string]trail.Sink{"nats": tee}, nil
}
