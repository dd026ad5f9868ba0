package bus

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/internal/nettest"
	"github.com/ringfencehq/ringfence/trail"
)

const (
	secret   = "the secret of the cluster"
	patience = 20 * time.Second
)

// tied starts n buses that are tied together; each keeps streams where with says so.
func tied(t testing.TB, n int, with func(*Options)) ([]*Bus, *nettest.Log) {
	t.Helper()
	out := &nettest.Log{}
	routes := make([]string, n)
	for i := range routes {
		routes[i] = nettest.Free(t)
	}
	all := make([]*Bus, n)
	for i := range all {
		o := Options{
			Name: fmt.Sprintf("gw-%d", i), Secret: secret, Cluster: Cluster{Listen: routes[i], Routes: routes},
			Log: slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug})),
		}
		if with != nil {
			with(&o)
		}
		var err error
		if all[i], err = Open(o); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(all[i].Close)
	}
	for _, b := range all {
		nettest.Until(t, "the servers find each other", func() bool { return b.Peers() == n-1 })
	}
	return all, out
}

// collect subscribes and returns what comes.
func collect(t testing.TB, b *Bus) chan string {
	t.Helper()
	got := make(chan string, 100)
	if err := b.Topic("x").Subscribe(func(m []byte) { got <- string(m) }, func() { got <- "missed" }); err != nil {
		t.Fatal(err)
	}
	return got
}

func next(t testing.TB, got <-chan string) string {
	t.Helper()
	select {
	case s := <-got:
		return s
	case <-time.After(patience):
		t.Fatal("nothing came")
		return ""
	}
}

// reaches publishes until a subscriber elsewhere has a message: what is subscribed is known to the other servers a moment later.
func reaches(t testing.TB, from *Bus, to <-chan string) {
	t.Helper()
	nettest.Until(t, "a message reaches the subscriber", func() bool {
		if err := from.Topic("x").Publish(t.Context(), []byte("m")); err != nil {
			t.Fatal(err)
		}
		select {
		case <-to:
			return true
		case <-time.After(20 * time.Millisecond):
			return false
		}
	})
}

// What one node publishes reaches all, and goes on reaching those that are left when one ends.
func TestCluster(t *testing.T) {
	all, out := tied(t, 3, nil)
	var got []chan string
	for _, b := range all {
		got = append(got, collect(t, b))
	}
	for i := range all {
		for j := range all {
			reaches(t, all[i], got[j])
		}
	}
	all[0].Close()
	for i := 1; i < 3; i++ {
		for j := 1; j < 3; j++ {
			reaches(t, all[i], got[j])
		}
	}
	if strings.Contains(out.String(), secret) {
		t.Error("the log holds the secret")
	}
}

// Who does not know the secret joins neither as a client nor as a server.
func TestSecret(t *testing.T) {
	listen, route := nettest.Free(t), nettest.Free(t)
	inside, err := Open(Options{Name: "a", Listen: listen, Secret: secret, Cluster: Cluster{Listen: route}})
	if err != nil {
		t.Fatal(err)
	}
	defer inside.Close()
	got := collect(t, inside)
	friend, err := Open(Options{Name: "f", URL: "nats://" + listen, Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	defer friend.Close()
	reaches(t, friend, got)
	for _, wrong := range []string{"", "another secret"} {
		stranger, err := Open(Options{Name: "s", URL: "nats://" + listen, Secret: wrong})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
		if err := stranger.Topic("x").Publish(ctx, []byte("m")); err == nil || stranger.Connected() {
			t.Errorf("with the secret %q: %v, connected %t", wrong, err, stranger.Connected())
		}
		stop()
		stranger.Close()
	}
	other, err := Open(Options{Name: "b", Secret: "another secret", Cluster: Cluster{Listen: nettest.Free(t), Routes: []string{route}}})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := other.Topic("x").Publish(t.Context(), []byte("m")); err != nil {
		t.Fatal(err)
	}
	reaches(t, friend, got) // by now the other one has tried
	if inside.Peers() != 0 || other.Peers() != 0 {
		t.Errorf("%d and %d peers, want none", inside.Peers(), other.Peers())
	}
	for _, o := range []Options{{Listen: nettest.Free(t)}, {Cluster: Cluster{Listen: nettest.Free(t)}}, {Cluster: Cluster{Routes: []string{route}}}, {Listen: "nowhere", Secret: secret}} {
		if b, err := Open(o); err == nil {
			b.Close()
			t.Errorf("%+v is opened", o)
		}
	}
}

// A client whose server went away is told that it may have missed something, once there is one again.
func TestMissed(t *testing.T) {
	listen := nettest.Free(t)
	open := func() *Bus {
		b, err := Open(Options{Name: "a", Listen: listen, Secret: secret})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	first := open()
	client, err := Open(Options{Name: "c", URL: "nats://" + listen, Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	got := collect(t, client)
	reaches(t, first, got)
	first.Close()
	nettest.Until(t, "the client sees it", func() bool { return !client.Connected() })
	second := open()
	defer second.Close()
	for next(t, got) != "missed" {
	}
	reaches(t, second, got)
}

// A client whose server comes after it is told so too, for each of its topics, and what it says meanwhile is said to be not taken in time.
func TestMissedBeforeTheFirstServer(t *testing.T) {
	listen := nettest.Free(t)
	client, err := Open(Options{Name: "c", URL: "nats://" + listen, Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if err := client.Topic("y").Publish(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with nobody there: %v", err)
	}
	first, second := collect(t, client), make(chan string, 1)
	if err := client.Topic("y").Subscribe(func([]byte) {}, func() { second <- "missed" }); err != nil {
		t.Fatal(err)
	}
	server, err := Open(Options{Name: "a", Listen: listen, Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	for _, got := range []chan string{first, second} {
		if what := next(t, got); what != "missed" {
			t.Errorf("%q comes first", what)
		}
	}
	reaches(t, server, first)
}

// Events reach the stream's three copies once, also when they are sent again, and others can read them.
func TestTee(t *testing.T) {
	all, _ := tied(t, 3, func(o *Options) { o.Dir = t.TempDir() })
	tee, err := all[0].NewTee(TeeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	id, err := trail.ParseID("01890000-0000-7000-8000-000000000001")
	if err != nil {
		t.Fatal(err)
	}
	batch := []trail.Event{{ID: id, Event: ringfence.Event{Type: ringfence.CrossTenant, User: "anna"}}, {Event: ringfence.Event{Type: ringfence.SelfTest}}}
	nettest.Until(t, "the streams have a leader", func() bool {
		ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
		defer stop()
		return tee.Send(ctx, batch) == nil
	})
	if err := tee.Send(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(all[2].conn)
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), "RINGFENCE_TRAIL")
	if err != nil {
		t.Fatal(err)
	}
	info, err := s.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info.Config.Replicas != 3 || len(info.Cluster.Replicas) != 2 || info.State.Msgs != 2 {
		t.Errorf("%d copies asked for, %d beside the leader's, %d messages; want 3, 2, 2", info.Config.Replicas, len(info.Cluster.Replicas), info.State.Msgs)
	}
	m, err := s.GetLastMsgForSubject(t.Context(), "ringfence.trail.cross_tenant")
	if err != nil || !strings.Contains(string(m.Data), `"anna"`) || m.Header.Get("Nats-Msg-Id") != id.String() {
		t.Errorf("%v %+v", err, m)
	}
	all[1].Close()
	more := []trail.Event{{ID: id, Event: ringfence.Event{Type: ringfence.TokenExpired}}}
	more[0].ID[15] = 9
	nettest.Until(t, "two of three take events", func() bool {
		ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
		defer stop()
		return tee.Send(ctx, more) == nil
	})
	weak, err := all[0].NewTee(TeeOptions{Replicas: 5})
	if err != nil {
		t.Fatal(err)
	}
	if err := weak.Send(t.Context(), more); err == nil || !strings.Contains(err.Error(), "keeps 3 copies") {
		t.Errorf("five copies are asked for: %v", err)
	}
}

// With certificates, servers and clients know each other by them too, and who has none is kept out.
func TestTLS(t *testing.T) {
	files := certificates(t)
	listen := nettest.Free(t)
	all, _ := tied(t, 3, func(o *Options) {
		o.TLS = files
		if o.Name == "gw-0" {
			o.Listen = listen
		}
	})
	friend, err := Open(Options{Name: "f", URL: "tls://" + listen, Secret: secret, TLS: files})
	if err != nil {
		t.Fatal(err)
	}
	defer friend.Close()
	for _, b := range all {
		reaches(t, friend, collect(t, b))
	}
	stranger, err := Open(Options{Name: "s", URL: "tls://" + listen, Secret: secret, TLS: TLS{CAFile: files.CAFile}})
	if err == nil {
		defer stranger.Close()
		ctx, stop := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer stop()
		if stranger.Topic("x").Publish(ctx, []byte("m")) == nil {
			t.Error("a client without a certificate is let in")
		}
	}
}

// certificates are one certificate for this machine, which signs itself.
func certificates(t *testing.T) TLS {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true,
		BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files := TLS{CertFile: filepath.Join(dir, "crt"), KeyFile: filepath.Join(dir, "key"), CAFile: filepath.Join(dir, "crt")}
	for name, b := range map[string]*pem.Block{files.CertFile: {Type: "CERTIFICATE", Bytes: der}, files.KeyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// BenchmarkCluster is the way of one message from one node to another.
func BenchmarkCluster(b *testing.B) {
	all, _ := tied(b, 3, nil)
	got := collect(b, all[1])
	reaches(b, all[0], got)
	topic := all[0].Topic("x")
	for len(got) > 0 {
		<-got
	}
	for b.Loop() {
		if err := topic.Publish(b.Context(), []byte("m")); err != nil {
			b.Fatal(err)
		}
		<-got
	}
}
