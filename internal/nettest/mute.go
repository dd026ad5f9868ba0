package nettest

import (
	"bytes"
	"io"
	"net"
	"sync/atomic"
	"testing"
)

// A Mute is a proxy that stops passing answers on, without a word, once a client has sent a certain text. What clients send still
// arrives.
type Mute struct {
	Address string
	mute    atomic.Bool
}

// GoesMute puts a proxy before the server at address of network. After text it passes on nothing more, on no connection; where
// alone is set, on none but the one that the text came on. "" is sent at once.
func GoesMute(t testing.TB, network, address, text string, alone bool) *Mute {
	t.Helper()
	m := &Mute{}
	m.mute.Store(text == "" && !alone)
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
		_, _ = io.Copy(&listener{server, []byte(text), []*atomic.Bool{mine, &m.mute}}, client)
	})
	return m
}

// Muted tells whether the text has come.
func (m *Mute) Muted() bool { return m.mute.Load() }

// Mend has new connections served again.
func (m *Mute) Mend() { m.mute.Store(false) }

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

// A listener passes on what is written, and sets its marks before it passes text on.
type listener struct {
	to    io.Writer
	text  []byte
	marks []*atomic.Bool
}

func (l *listener) Write(b []byte) (int, error) {
	if len(l.text) > 0 && bytes.Contains(b, l.text) {
		for _, m := range l.marks {
			m.Store(true)
		}
	}
	return l.to.Write(b)
}
