package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// starts bounds the start of the server inside the process.
const starts = 10 * time.Second

// routeUser is the name that servers of a cluster show each other beside the secret.
const routeUser = "ringfence"

// startServer starts the server inside this process. What does not listen takes no connection but this process's own.
func startServer(o Options) (*server.Server, error) {
	so := &server.Options{
		ServerName: o.Name, NoSigs: true, DontListen: o.Listen == "" && o.Cluster.Listen == "", Authorization: o.Secret,
		MaxPayload: 1 << 20, WriteDeadline: 2 * time.Second, PingInterval: 2 * time.Second, MaxPingsOut: 2,
	}
	if (o.Listen != "" || o.Cluster.Listen != "") && o.Secret == "" {
		return nil, errors.New("starting the bus: whoever reaches it could cut every socket, so it wants a secret")
	}
	if o.Cluster.Listen == "" && len(o.Cluster.Routes) > 0 {
		return nil, errors.New("starting the bus: routes want cluster.listen, which the others reach")
	}
	if o.Dir != "" {
		so.JetStream, so.StoreDir, so.SyncAlways = true, o.Dir, true // a stream that is not synced is none: it loses what it said it kept
	}
	tls, err := o.TLS.config()
	if err != nil {
		return nil, err
	}
	if !so.DontListen { // a server that is tied to others has to listen for clients, if only to this machine's
		if so.Host, so.Port, err = hostPort(cmp.Or(o.Listen, "127.0.0.1:0")); err != nil {
			return nil, err
		}
		so.TLSConfig, so.TLSTimeout = tls, 2
	}
	if err := cluster(so, o); err != nil {
		return nil, err
	}
	if o.Cluster.Listen != "" {
		so.Cluster.TLSConfig, so.Cluster.TLSTimeout = tls, 2
	}
	s, err := server.NewServer(so)
	if err != nil {
		return nil, fmt.Errorf("starting the bus: %w", err)
	}
	s.SetLogger(lines{o.Log}, false, false)
	s.Start()
	if !s.ReadyForConnections(starts) {
		go s.Shutdown() // it waits for a listener that never comes
		return nil, errors.New("starting the bus: it does not begin; the log has its reason, such as an address in use")
	}
	return s, nil
}

// cluster ties the server to others.
func cluster(so *server.Options, o Options) error {
	c := o.Cluster
	if c.Listen == "" {
		return nil
	}
	host, port, err := hostPort(c.Listen)
	if err != nil {
		return err
	}
	so.Cluster = server.ClusterOpts{
		Name: cmp.Or(c.Name, "ringfence"), Host: host, Port: port, Advertise: c.Advertise, Username: routeUser, Password: o.Secret,
		AuthTimeout: 2, ConnectRetries: 1, PingInterval: 2 * time.Second, MaxPingsOut: 2, WriteDeadline: 2 * time.Second,
	}
	for _, r := range c.Routes {
		if _, _, err := hostPort(r); err != nil {
			return err
		}
		so.Routes = append(so.Routes, &url.URL{Scheme: "nats-route", User: url.UserPassword(routeUser, o.Secret), Host: r})
	}
	return nil
}

// hostPort takes an address apart; a port of 0 is any that is free.
func hostPort(address string) (string, int, error) {
	host, text, err := net.SplitHostPort(address)
	port, errPort := strconv.ParseUint(text, 10, 16)
	if err != nil || errPort != nil {
		return "", 0, fmt.Errorf("the bus: %q is no host:port", address)
	}
	if port == 0 {
		return host, server.RANDOM_PORT, nil
	}
	return host, int(port), nil
}

// lines writes what the server has to say into the log: faults as such, the rest where it is asked for.
type lines struct{ log *slog.Logger }

func (l lines) say(level slog.Level, format string, v []any) {
	ctx := context.Background()
	if l.log.Enabled(ctx, level) {
		l.log.Log(ctx, level, "bus: "+fmt.Sprintf(format, v...))
	}
}

func (l lines) Noticef(format string, v ...any) { l.say(slog.LevelDebug, format, v) }
func (l lines) Warnf(format string, v ...any)   { l.say(slog.LevelWarn, format, v) }
func (l lines) Fatalf(format string, v ...any)  { l.say(slog.LevelError, format, v) }
func (l lines) Errorf(format string, v ...any)  { l.say(slog.LevelWarn, format, v) }
func (l lines) Debugf(string, ...any)           {}
func (l lines) Tracef(string, ...any)           {}
