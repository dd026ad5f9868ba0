package voice

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// event is what a client sends. The gateway has held each against its tenant before it comes here.
type event struct {
	Type   string `json:"type"`
	ID     string `json:"event_id"`
	Audio  string `json:"audio"`
	Config struct {
		Restaurant string `json:"restaurant_id"`
		Format     string `json:"audio_format"`
		Rate       int    `json:"sample_rate"`
	} `json:"session_config"`
}

// call is one socket.
type call struct {
	s       *Server
	conn    net.Conn
	ctx     context.Context
	session string
}

// voice speaks the reference protocol.
func (s *Server) voice(w http.ResponseWriter, r *http.Request) {
	conn, _, _, err := ws.UpgradeHTTP(r, w)
	if err != nil {
		return // the answer was written
	}
	defer conn.Close()
	c := &call{s: s, conn: conn, ctx: context.WithoutCancel(r.Context())}
	for {
		data, op, err := wsutil.ReadClientData(conn)
		if err != nil {
			return
		}
		if op != ws.OpText || !c.take(data) {
			return
		}
	}
}

// take answers one event, and reports whether the socket goes on.
func (c *call) take(data []byte) bool {
	var e event
	if json.Unmarshal(data, &e) != nil {
		return c.fail("malformed", "the message is no event")
	}
	switch e.Type {
	case "session.start":
		switch e.Config.Format {
		case "pcm16", "g711_ulaw", "g711_alaw":
		default:
			return c.fail("audio_format", "audio is pcm16, g711_ulaw or g711_alaw")
		}
		c.session = newSession()
		return c.say("session.started", map[string]any{"session_id": c.session})
	case "audio":
		return c.audio(e)
	case "session.stop":
		c.session = ""
		return true
	case "heartbeat":
		return c.say("heartbeat", nil)
	}
	return c.fail("unknown", "no such event")
}

// audio hears a sentence, takes the order that is in it, and plays the sentence back.
func (c *call) audio(e event) bool {
	raw, err := base64.StdEncoding.DecodeString(e.Audio)
	if err != nil || c.session == "" {
		return c.fail("audio", "there is nothing to hear")
	}
	sentence := strings.ToValidUTF8(string(raw), "")
	if !c.say("transcript", map[string]any{"text": sentence}) {
		return false
	}
	ctx, stop := context.WithTimeout(c.ctx, patience)
	defer stop()
	menu, err := c.s.readMenu(ctx)
	if err != nil {
		c.s.c.Log.Error("an order could not be taken", "error", err)
		return c.fail("unavailable", "please say it again")
	}
	if items := heard(menu, sentence); len(items) > 0 {
		order, err := c.s.place(ctx, c.session, sentence, items)
		if err != nil {
			c.s.c.Log.Error("an order could not be taken", "error", err)
			return c.fail("unavailable", "please say it again")
		}
		if !c.say("order.detected", map[string]any{"order_id": order, "items": items}) {
			return false
		}
	}
	return c.say("audio", map[string]any{"audio": e.Audio})
}

func (c *call) fail(code, message string) bool {
	return c.say("error", map[string]any{"code": code, "message": message})
}

// say sends an event, and reports whether it went out.
func (c *call) say(typ string, with map[string]any) bool {
	out := map[string]any{"type": typ, "event_id": newSession(), "timestamp": time.Now().UTC().Format(time.RFC3339Nano)}
	for k, v := range with {
		out[k] = v
	}
	text, err := json.Marshal(out)
	if err != nil {
		return false
	}
	_ = c.conn.SetWriteDeadline(time.Now().Add(patience))
	return wsutil.WriteServerText(c.conn, text) == nil
}

func newSession() string {
	raw := make([]byte, 16)
	rand.Read(raw)
	return hex.EncodeToString(raw)
}
