package bus

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/ringfencehq/ringfence/internal/bounded"
)

// Options say how to reach a bus: URL is a cluster that exists, without it a server is started in this process.
type Options struct {
	Name    string // of this process, among all
	URL     string // nats://host:port, or tls://; several with commas
	Listen  string // where the server inside the process takes clients; empty: nowhere
	Cluster Cluster
	// Secret is what clients and the other servers show, and are asked for. It is needed wherever something listens.
	Secret string
	TLS    TLS    // between servers, and to the clients of Listen and URL
	Dir    string // of JetStream, where this server keeps streams; empty: it keeps none
	Log    *slog.Logger
}

// Cluster ties the servers inside several processes together.
type Cluster struct {
	Name      string // the same for all; "ringfence"
	Listen    string // for the other servers; empty: there are none
	Advertise string // how the others reach it, where that is not Listen
	Routes    []string
}

// TLS are the files of a certificate and of who signed the others'.
type TLS struct {
	CertFile, KeyFile, CAFile string
}

// Check says whether the files can be used.
func (t TLS) Check() error {
	_, err := t.config()
	return err
}

// config reads the files: nil where there are none.
func (t TLS) config() (*tls.Config, error) {
	if t == (TLS{}) {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("reading the bus's certificate: %w", err)
		}
		c.Certificates = []tls.Certificate{cert}
	}
	if t.CAFile != "" {
		pem, err := bounded.ReadFile(t.CAFile, 1<<20)
		if err != nil {
			return nil, fmt.Errorf("reading who signs the bus's certificates: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("reading who signs the bus's certificates: there is no certificate in the file")
		}
		c.ClientCAs, c.ClientAuth = c.RootCAs, tls.RequireAndVerifyClientCert
	}
	return c, nil
}

// Bus is one process's end. Safe for concurrent use.
type Bus struct {
	conn   *nats.Conn
	server *server.Server // nil: elsewhere
	log    *slog.Logger

	end     context.CancelFunc
	mending sync.WaitGroup // it looks after the server's streams

	mu     sync.Mutex
	missed []func() // of the topics
}

// lost has every topic told that messages may have been lost.
func (b *Bus) lost() {
	b.mu.Lock()
	all := slices.Clone(b.missed)
	b.mu.Unlock()
	for _, missed := range all {
		missed()
	}
}

// connects bounds connecting to a cluster that exists; behind it the client goes on trying, for as long as it lives.
const connects = 2 * time.Second

// Open starts or finds the bus. A cluster that cannot be reached yet is no error: messages come once it can.
func Open(o Options) (*Bus, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	b := &Bus{log: o.Log, end: func() {}}
	var late atomic.Bool // the first connection is made behind Open
	back := func() {
		o.Log.Info("the bus is back")
		b.lost()
	}
	client := []nats.Option{
		nats.Name(o.Name), nats.MaxReconnects(-1), nats.ReconnectWait(250 * time.Millisecond), nats.ReconnectJitter(250*time.Millisecond, 250*time.Millisecond),
		nats.RetryOnFailedConnect(true), nats.Timeout(connects), nats.PingInterval(2 * time.Second), nats.MaxPingsOutstanding(2), nats.Token(o.Secret),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				o.Log.Warn("the bus is gone")
			}
		}),
		nats.ConnectHandler(func(*nats.Conn) {
			if late.Load() {
				back()
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { back() }),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {
			o.Log.Warn("the bus lost messages")
			b.lost()
		}),
	}
	if o.URL == "" {
		var err error
		if b.server, err = startServer(o); err != nil {
			return nil, err
		}
		client = append(client, nats.InProcessServer(b.server))
	} else if c, err := o.TLS.config(); err != nil {
		return nil, err
	} else if c != nil {
		client = append(client, nats.Secure(c))
	}
	var err error
	if b.conn, err = nats.Connect(o.URL, client...); err != nil {
		b.Close()
		return nil, fmt.Errorf("connecting to the bus: %w", plain(err))
	}
	late.Store(!b.conn.IsConnected())
	if o.URL == "" && o.Dir != "" {
		ctx, end := context.WithCancel(context.Background())
		b.end = end
		b.mending.Go(func() { b.mend(ctx, o.Dir) })
	}
	return b, nil
}

// plain is an error without the URL that it was for, which may hold a password.
func plain(err error) error {
	var known error
	for _, k := range []error{nats.ErrNoServers, nats.ErrTimeout, nats.ErrAuthorization, nats.ErrSecureConnRequired, nats.ErrConnectionClosed,
		nats.ErrBadSubject, nats.ErrMaxPayload, nats.ErrReconnectBufExceeded, context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, k) {
			known = k
		}
	}
	if known == nil {
		return errors.New("the address cannot be used")
	}
	return known
}

// Close ends the connection and the server.
func (b *Bus) Close() {
	b.end()
	b.mending.Wait()
	if b.conn != nil {
		b.conn.Close()
	}
	if b.server != nil {
		b.server.Shutdown()
		b.server.WaitForShutdown()
	}
}

// Connected reports whether messages can come and go at present.
func (b *Bus) Connected() bool { return b.conn.IsConnected() }

// Peers is how many other servers the server inside this process is tied to; 0 where it is elsewhere.
func (b *Bus) Peers() int {
	if b.server == nil {
		return 0
	}
	peers := map[string]bool{}
	z, err := b.server.Routez(nil)
	if err != nil {
		return 0
	}
	for _, r := range z.Routes {
		peers[r.RemoteID] = true
	}
	return len(peers)
}

// A Topic is one kind of message on the bus.
type Topic struct {
	bus     *Bus
	subject string
}

// Topic returns the topic of a subject, such as "ringfence.revoked".
func (b *Bus) Topic(subject string) *Topic { return &Topic{bus: b, subject: subject} }

// Publish sends a message, and returns once the server has it.
func (t *Topic) Publish(ctx context.Context, message []byte) error {
	if err := t.bus.conn.Publish(t.subject, message); err != nil {
		return fmt.Errorf("publishing on the bus: %w", plain(err))
	}
	if _, bounded := ctx.Deadline(); !bounded {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, connects)
		defer stop()
	}
	if err := t.bus.conn.FlushWithContext(ctx); err != nil {
		return fmt.Errorf("publishing on the bus: %w", plain(err))
	}
	return nil
}

// Subscribe calls deliver for each message, one after the other, and missed whenever some may have been lost: behind a connection that
// was cut, and behind the first one, where it came late.
func (t *Topic) Subscribe(deliver func([]byte), missed func()) error {
	t.bus.mu.Lock()
	t.bus.missed = append(t.bus.missed, missed)
	t.bus.mu.Unlock()
	sub, err := t.bus.conn.Subscribe(t.subject, func(m *nats.Msg) { deliver(m.Data) })
	if err != nil {
		return fmt.Errorf("subscribing on the bus: %w", plain(err))
	}
	if err := sub.SetPendingLimits(1<<20, 256<<20); err != nil {
		return fmt.Errorf("subscribing on the bus: %w", plain(err))
	}
	_ = t.bus.conn.FlushTimeout(connects) // where it is not there yet the subscription is made once it is
	return nil
}
