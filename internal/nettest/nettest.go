// Package nettest has what the tests of programs that talk over sockets share: a server of one function, an address that is
// free, waiting for what comes from another goroutine, and a log that is read while it is written. Nothing outside tests
// imports it.
package nettest

import (
	"bytes"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"
)

// Serve has each connection to a port of this machine served in a goroutine of its own, and closed after, until the test's
// end. It gives the address.
func Serve(t testing.TB, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				serve(conn)
			}()
		}
	}()
	return l.Addr().String()
}

// Free gives an address of this machine on which nothing listens, and nothing will until the test's end but what the test
// starts, however often it is stopped and started again: the port lies below those that connections are made from
// (ip_local_port_range begins at 32768), and a datagram socket of the same number keeps other tests, of this process or
// another, from being given it.
func Free(t testing.TB) string {
	t.Helper()
	const low, high = 20000, 32000
	for range high - low {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(low+rand.IntN(high-low)))
		kept, err := net.ListenPacket("udp", address)
		if err != nil {
			continue
		}
		l, err := net.Listen("tcp", address)
		if err != nil {
			kept.Close()
			continue
		}
		l.Close()
		t.Cleanup(func() { kept.Close() })
		return address
	}
	t.Fatalf("no port of %d to %d is free", low, high-1)
	return ""
}

// patience is how long Until waits.
const patience = 20 * time.Second

// Until waits for a condition that must come true; what names it.
func Until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("it never came: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// A Log is what was written to it so far. It is safe for concurrent use.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *Log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

// String gives all of it.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
