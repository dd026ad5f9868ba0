package nettest

import (
	"bytes"
	"io"
	"net"
	"sync/atomic"
	"testing"
)

// A Mute is a proxy that stops passing answers on, without a word. What clients send still arrives.
type Mute struct {
	Address string
	mute    atomic.Bool
}

// Sent is true of what clients send from text on.
func Sent(text string) func([]byte) bool {
	return func(b []byte) bool { return bytes.Contains(b, []byte(text)) }
}

// SentTimes is true of what clients send for the nth time, whichever of them.
func SentTimes(n int64) func([]byte) bool {
	var times atomic.Int64
	return func([]byte) bool { return times.Add(1) == n }
}

// GoesMute puts a proxy before the server at address of network. Once when is true of what a client sends, nothing more is passed
// on, on no connection; where alone is set, on none but that client's.
func GoesMute(t testing.TB, network, address string, when func(sent []byte) bool, alone bool) *Mute {
	t.Helper()
	m := &Mute{}
	m.Address = Serve(t, func(client net.Conn) {
		server, err := net.Dial(network, address)
		if err != nil {
			t.Error(err)
			return
		}
		defer server.Close()
		mine := &m.mute
		if alone {
			mine = &atomic.Bool{}
		}
		go func() { _, _ = io.Copy(&unlessMute{client, mine}, server) }()
		_, _ = io.Copy(&listener{server, when, []*atomic.Bool{mine, &m.mute}}, client)
	})
	return m
}

// Muted tells whether it has gone mute.
func (m *Mute) Muted() bool { return m.mute.Load() }

// unlessMute swallows what is written once it is mute.
type unlessMute struct {
	to   io.Writer
	mute *atomic.Bool
}

func (u *unlessMute) Write(b []byte) (int, error) {
	if u.mute.Load() {
		return len(b), nil
	}
	return u.to.Write(b)
}

// A listener sets its marks before it passes on what they are waiting for.
type listener struct {
	to    io.Writer
	when  func([]byte) bool
	marks []*atomic.Bool
}

func (l *listener) Write(b []byte) (int, error) {
	if l.when(b) {
		for _, m := range l.marks {
			m.Store(true)
		}
	}
	return l.to.Write(b)
}
