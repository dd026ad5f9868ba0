//go:build system

package gateway

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/ringfencehq/ringfence/gateway/internal/frame"
)

// foreign are the peers that are not ours.
var foreign = map[string]func(*testing.T) []string{
	"npm ws": func(t *testing.T) []string { return []string{"node", filepath.Join(npm(t), "peer.js")} },
	"python": func(*testing.T) []string { return []string{"/usr/bin/python3", "testdata/peers/peer.py"} },
}

// npm installs ws beside the script, so that the script finds it.
func npm(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("npm", "install", "--prefix", dir, "--ignore-scripts", "--no-audit", "--no-fund", "ws@8.18.3").CombinedOutput(); err != nil {
		t.Fatalf("installing ws: %v: %s", err, out)
	}
	script, err := os.ReadFile("testdata/peers/peer.js")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "peer.js"), script, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// peerCases are the suite's, without those whose message never becomes whole: the gateway fails at the first byte that no text can
// have, and the peers read text once its frame (python) or its message (ws) is there.
func peerCases() []suiteCase {
	return slices.DeleteFunc(suiteCases(), func(c suiteCase) bool { return strings.HasPrefix(c.name, "6.4.") })
}

// TestSystemPeersAsServers says the same bytes to the gateway's side that reads clients, and to servers that are not ours: they let
// the same messages through, and close with the same codes.
func TestSystemPeersAsServers(t *testing.T) {
	for name, command := range foreign {
		t.Run(name, func(t *testing.T) {
			args := append(command(t), "serve")
			cmd := exec.Command(args[0], args[1:]...)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
			port, err := bufio.NewReader(out).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			address := "127.0.0.1:" + strings.TrimSpace(port)
			cases := peerCases()
			var apart []string
			for _, c := range cases {
				p := shake(t, address, dialOptions{})
				got, code, err := c.play(p)
				p.conn.Close()
				want := ws.StatusCode(0)
				if len(c.code) > 0 {
					want = c.code[0]
				}
				if want == ws.StatusNoStatusRcvd && code == ws.StatusNormalClosure { // a close without a code may be answered with one
					code = want
				}
				// A peer that fails may do so before it has answered what came before: then its messages are the begin of ours.
				same := strings.Join(got, "|") == strings.Join(c.want, "|") || want != 0 && strings.HasPrefix(strings.Join(c.want, "|"), strings.Join(got, "|"))
				if err != nil || code != want || !same {
					apart = append(apart, fmt.Sprintf("%s: %.80q: %q, close %d, %v; ours %q, close %d", c.name, c.send, got, code, err, c.want, want))
				}
			}
			if len(apart) > 0 {
				t.Errorf("%d of %d cases are judged differently:\n%s", len(apart), len(cases), strings.Join(apart, "\n"))
			}
		})
	}
}

// verdict is what a client takes a server's bytes for.
type verdict struct {
	Got  []string `json:"got"`
	Code int      `json:"code"`
}

// unmasked are the suite's cases as a server would say them: the same frames without masks.
func unmasked(b []byte) []byte {
	var out []byte
	for len(b) > 0 {
		size, n := 6, int(b[1]&0x7f)
		switch n {
		case 126:
			size, n = 8, int(b[2])<<8|int(b[3])
		case 127:
			size, n = 14, int(b[6])<<24|int(b[7])<<16|int(b[8])<<8|int(b[9])
		}
		head := append([]byte{}, b[:size-4]...)
		head[1] &= 0x7f
		n = min(n, len(b)-size)
		payload := append([]byte{}, b[size:size+n]...)
		ws.Cipher(payload, [4]byte(b[size-4:size]), 0)
		out, b = append(append(out, head...), payload...), b[size+n:]
	}
	return out
}

// ours is the gateway's own verdict on a server's bytes: what its side that reads back ends takes them for.
func ours(b []byte) verdict {
	v := verdict{Got: []string{}}
	parser := frame.NewParser(frame.FromServer, 16<<20)
	var msg []byte
	var op ws.OpCode
	for {
		var f frame.Frame
		n, err := parser.Next(b, &f)
		if broken, ok := err.(*frame.Error); ok {
			v.Code = int(broken.Code)
			return v
		}
		if n == 0 {
			return v
		}
		b = b[n:]
		switch {
		case f.OpCode == ws.OpClose:
			v.Code = int(frame.CloseCode(f.Payload))
			return v
		case f.OpCode.IsControl():
			continue
		case f.OpCode != ws.OpContinuation:
			op, msg = f.OpCode, nil
		}
		if msg = append(msg, f.Payload...); f.Fin {
			if op == ws.OpText && !f.Checked && !validText(msg) {
				v.Code = 1007
				return v
			}
			v.Got = append(v.Got, fmt.Sprintf("%d:%s", op, latin1(msg)))
		}
	}
}

func validText(b []byte) bool { return strings.ToValidUTF8(string(b), "") == string(b) }

// latin1 writes bytes as characters, as the peers do.
func latin1(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		s.WriteRune(rune(c))
	}
	return s.String()
}

// TestSystemPeersAsClients says the same bytes to the gateway's side that reads back ends, and to clients that are not ours.
func TestSystemPeersAsClients(t *testing.T) {
	var streams [][]byte
	var names []string
	var wants []verdict
	for _, c := range peerCases() {
		b := unmasked(c.send)
		v := ours(b)
		if v.Code == 0 { // it goes on: the server says goodbye
			b = append(b, 0x88, 2, 3, 0xe8)
			v = ours(b)
		}
		if v.Code == 0 {
			continue // what the server says is not whole: there is no verdict
		}
		streams, names, wants = append(streams, b), append(names, c.name), append(wants, v)
	}
	for name, command := range foreign {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				for i := 0; ; i++ {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					if i < len(streams) {
						go sayTo(conn, streams[i])
					}
				}
			}()
			_, port, _ := net.SplitHostPort(l.Addr().String())
			args := append(command(t), "dial", port, fmt.Sprint(len(streams)))
			out, err := exec.Command(args[0], args[1:]...).Output()
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSpace(string(out)), "\n")
			if len(lines) != len(streams) {
				t.Fatalf("%d verdicts on %d streams", len(lines), len(streams))
			}
			var apart []string
			for i, line := range lines {
				var v verdict
				if err := json.Unmarshal([]byte(line), &v); err != nil {
					t.Fatal(err)
				}
				same := strings.Join(v.Got, "|") == strings.Join(wants[i].Got, "|")
				if v.Code != wants[i].Code || !same {
					apart = append(apart, fmt.Sprintf("%s: %.80q: %.80q, close %d; ours %.80q, close %d", names[i], streams[i], v.Got, v.Code, wants[i].Got, wants[i].Code))
				}
			}
			if len(apart) > 0 {
				t.Errorf("%d of %d cases are judged differently:\n%s", len(apart), len(streams), strings.Join(apart, "\n"))
			}
		})
	}
}

// sayTo shakes hands as a server, says its bytes, and reads until the client is gone.
func sayTo(conn net.Conn, b []byte) {
	defer conn.Close()
	if _, err := ws.Upgrade(conn); err != nil {
		return
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write(b); err != nil {
		return
	}
	room := make([]byte, 4096)
	for {
		n, err := conn.Read(room)
		if err != nil {
			return
		}
		if n > 0 && room[0] == 0x88 { // its close frame: a server ends the connection
			return
		}
	}
}
