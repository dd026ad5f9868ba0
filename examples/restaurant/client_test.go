package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// patience is how long a test waits for what must come.
const patience = 15 * time.Second

const agent = "scenario/1"

// The ways in which a client shows its token: in the handshake, or by the first message. Every scenario holds for both.
var modes = []string{"header", "message"}

// client is one client's WebSocket, which can say anything.
type client struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
	said []string // everything that was received, for what must stand nowhere
}

// refusedAt is a handshake that was not let in.
type refusedAt struct {
	status int
	text   string
}

func (r *refusedAt) Error() string { return fmt.Sprintf("%d %s", r.status, r.text) }

// dial opens a socket with a token by a mode. Who is refused is told so by a *refusedAt or, by message, by the close frame of the
// socket that is returned.
func dial(t *testing.T, s *stack, mode, token, query string) (*client, error) {
	t.Helper()
	var refused refusedAt
	header := http.Header{"User-Agent": {agent}}
	if mode == "header" && token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	d := ws.Dialer{Timeout: patience, Header: ws.HandshakeHeaderHTTP(header), OnStatusError: func(status int, _ []byte, body io.Reader) {
		answer, err := http.ReadResponse(bufio.NewReader(body), nil)
		if err == nil {
			text, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<12))
			refused = refusedAt{answer.StatusCode, string(text)}
		} else {
			refused = refusedAt{status, ""}
		}
	}}
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	conn, early, _, err := d.Dial(ctx, strings.Replace(s.url, "http", "ws", 1)+"/voice"+query)
	if refused.status != 0 {
		return nil, &refused
	}
	if err != nil {
		t.Fatalf("dialling: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	c := &client{t: t, conn: conn, in: early}
	if early == nil {
		c.in = bufio.NewReader(conn)
	}
	if mode == "message" {
		c.send(map[string]any{"type": "auth", "token": token})
	}
	return c, nil
}

// open is dial for who is let in.
func open(t *testing.T, s *stack, mode, token string) *client {
	t.Helper()
	c, err := dial(t, s, mode, token, "")
	if err != nil {
		t.Fatalf("%s: %v", mode, err)
	}
	if mode == "message" {
		c.next("authenticated")
	}
	return c
}

func (c *client) send(v any) {
	c.t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		c.t.Fatal(err)
	}
	c.text(string(text))
}

// text sends a message; that the other side has hung up is for next or closed to find.
func (c *client) text(s string) { c.frame(ws.NewTextFrame([]byte(s))) }

func (c *client) frame(f ws.Frame) {
	_ = c.conn.SetWriteDeadline(time.Now().Add(patience))
	_ = ws.WriteFrame(c.conn, ws.MaskFrame(f))
}

// receive reads one message, or the code and reason of the close.
func (c *client) receive() (map[string]any, error) {
	_ = c.conn.SetReadDeadline(time.Now().Add(patience))
	data, err := wsutil.ReadServerText(struct {
		io.Reader
		io.Writer
	}{c.in, c.conn})
	if err != nil {
		var closed wsutil.ClosedError
		if errors.As(err, &closed) {
			c.said = append(c.said, closed.Reason)
		}
		return nil, err
	}
	c.said = append(c.said, string(data))
	var m map[string]any
	if err := json.Unmarshal(data, &m); err != nil {
		c.t.Fatalf("the server sent no JSON: %v", err)
	}
	return m, nil
}

// next reads the next message, which is of a type.
func (c *client) next(typ string) map[string]any {
	c.t.Helper()
	m, err := c.receive()
	if err != nil {
		c.t.Fatalf("waiting for %s: %v", typ, err)
	}
	if m["type"] != typ {
		c.t.Fatalf("got %v, want %s", m, typ)
	}
	return m
}

// closed reads until the close, which carries the code, and returns how many messages of a type came before it.
func (c *client) closed(code ws.StatusCode, count string) int {
	c.t.Helper()
	n := 0
	for {
		m, err := c.receive()
		var closed wsutil.ClosedError
		switch {
		case errors.As(err, &closed):
			if closed.Code != code {
				c.t.Errorf("closed with %d %q, want %d", closed.Code, closed.Reason, code)
			}
			if _, err := c.in.ReadByte(); err == nil {
				c.t.Error("something came after the close")
			}
			return n
		case err != nil:
			c.t.Fatalf("waiting for the close: %v", err)
		case m["type"] == count:
			n++
		}
	}
}

// startMessage is a session.start for a restaurant, of any JSON type.
func startMessage(restaurant any) map[string]any {
	return map[string]any{"type": "session.start", "event_id": "e1", "timestamp": "2026-01-01T00:00:00Z",
		"session_config": map[string]any{"restaurant_id": restaurant, "audio_format": "pcm16", "sample_rate": 16000}}
}

// begin starts a session and returns its id.
func (c *client) begin(restaurant string) string {
	c.t.Helper()
	c.send(startMessage(restaurant))
	id, _ := c.next("session.started")["session_id"].(string)
	if id == "" {
		c.t.Fatal("the session has no id")
	}
	return id
}

// audioMessage is a sentence as sound.
func audioMessage(sentence string) map[string]any {
	return map[string]any{"type": "audio", "event_id": "e2", "timestamp": "2026-01-01T00:00:00Z", "audio": base64.StdEncoding.EncodeToString([]byte(sentence))}
}

// call sends a plain request with a token.
func call(t *testing.T, s *stack, method, path, token, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("User-Agent", agent)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}
