package trail

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence"
)

var update = flag.Bool("update", false, "write what is exported into testdata, to be read before it is committed")

// hostile are events whose texts try to pass for something else; they go past Clean, as from a table that somebody else wrote.
func hostile() []Event {
	at := time.Date(2026, 3, 4, 5, 6, 7, 89000, time.UTC)
	var out []Event
	for i, text := range []string{
		"plain", "line\nCEF:0|x|y|1|fake|fake|0|", "cr\r\n<13>1 forged", "pipe|pipe|", `back\slash\`, "key=value cs1=x src=1.2.3.4", `quote" } ] , {"a":1}`,
		"nul\x00tab\tbell\aesc\x1b[2J", "bidi \u202edrowssap\u202c \u2066x\u2069", "sep\u2028par\u2029next\u0085", "broken \xff\xfe utf8", "ünïcödé 漢字 🔥", "",
	} {
		id, err := ParseID("0195f0a0-0000-7000-8000-0000000000" + strconv.FormatInt(int64(16+i), 16))
		if err != nil {
			panic(err)
		}
		out = append(out, Event{Event: ringfence.Event{Type: ringfence.EventTypes[i], Severity: ringfence.Severities[i%4], User: text, Tenant: text, AttemptedTenant: text, Session: text,
			Address: text, UserAgent: text, Detail: map[string]string{"k " + text: text}}, ID: id, Row: id, Node: "n1", Epoch: 1, Sequence: int64(i + 1), Created: at, Count: 1, First: at, Last: at})
	}
	ip4, ip6 := out[0].clone(), out[0].clone()
	ip4.Type, ip4.Address, ip6.Type, ip6.Address = ringfence.CrossTenant, "192.0.2.1", ringfence.PINFailed, "2001:db8::1"
	return append(out, ip4, ip6)
}

// What each format makes of hostile texts is fixed; every event is one line that holds nothing which could steer, end or turn it.
func TestExportFormats(t *testing.T) {
	for name, format := range Formats() {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := NewLineWriter(&b, format).Send(t.Context(), hostile()); err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
			if len(lines) != len(hostile()) {
				t.Errorf("%d events are %d lines", len(hostile()), len(lines))
			}
			for _, l := range lines {
				if i := strings.IndexFunc(l, func(r rune) bool {
					return uncleanRune(r) || r == unicode.ReplacementChar && !strings.Contains(l, "broken")
				}); i >= 0 {
					t.Errorf("a line holds %q: %q", l[i:i+1], l)
				}
				if name != "cef" && !json.Valid([]byte(l)) {
					t.Errorf("it is no JSON: %s", l)
				}
				if name == "cef" && len(strings.Split(strings.ReplaceAll(strings.ReplaceAll(l, `\\`, ""), `\|`, ""), "|"))-1 < 7 {
					t.Errorf("it has not CEF's header: %s", l)
				}
			}
			file := filepath.Join("testdata", "export."+name)
			if *update {
				if err := os.MkdirAll("testdata", 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), b.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A CEF extension splits back into exactly the keys that were written: no value can add one.
func TestExportCEFKeys(t *testing.T) {
	known := map[string]bool{}
	for _, k := range strings.Fields("rt start end cnt outcome externalId suid src c6a2 c6a2Label shost requestClientApplication msg cs1 cs1Label cs2 cs2Label cs3 cs3Label cs4 cs4Label cs5 cs5Label cs6 cs6Label") {
		known[k] = true
	}
	for _, e := range hostile() {
		line := string(AppendCEF(nil, &e))
		extension := line[strings.LastIndex(line, "|rt=")+1:]
		if !strings.HasPrefix(extension, "rt=") {
			t.Fatalf("no extension in %s", line)
		}
		seen := map[string]bool{}
		for i := 0; i < len(extension); i++ {
			switch extension[i] {
			case '\\':
				i++
			case '=':
				key := extension[strings.LastIndexByte(extension[:i], ' ')+1 : i]
				if !known[key] || seen[key] {
					t.Errorf("a value made the key %q: %s", key, line)
				}
				seen[key] = true
			}
		}
	}
}

// JSON lines come back as the event was.
func TestExportJSONComesBack(t *testing.T) {
	for _, e := range append(chain("n1", 1, time.Now(), everyKind()...), hostile()[:10]...) {
		got, err := ParseJSON(AppendJSON(nil, &e))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(e, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// A message of syslog is one message, whatever is in it: over datagrams, and in streams by its length or its line.
func TestSyslog(t *testing.T) {
	huge := hostile()[0]
	huge.Detail, huge.UserAgent = map[string]string{"big": strings.Repeat("\u202e", 9000)}, strings.Repeat("x", 4000)
	events := append(hostile(), huge)
	check := func(t *testing.T, messages []string, limit int) {
		t.Helper()
		if len(messages) != len(events) {
			t.Fatalf("%d events are %d messages", len(events), len(messages))
		}
		for i, m := range messages {
			if !strings.HasPrefix(m, "<") || strings.Count(strings.SplitN(m, "CEF:", 2)[0], " ") != 7 || !strings.Contains(m, ">1 2026-03-04T05:06:07.000089Z h_st app_ ") || len(m) > limit {
				t.Errorf("event %d is %q", i, m)
			}
			if strings.IndexFunc(m, uncleanRune) >= 0 {
				t.Errorf("event %d holds control characters: %q", i, m)
			}
		}
	}
	sink := func(t *testing.T, o SyslogOptions) *Syslog {
		t.Helper()
		o.Host, o.App = "h st", "app\n"
		s, err := NewSyslog(o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	t.Run("datagrams", func(t *testing.T) {
		for network, address := range map[string]string{"udp": "127.0.0.1:0", "unixgram": filepath.Join(t.TempDir(), "log")} {
			conn, err := net.ListenPacket(network, address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			to := "udp://" + conn.LocalAddr().String()
			if network == "unixgram" {
				to = "unix://" + address
			}
			s := sink(t, SyslogOptions{Address: to, Limit: 2048})
			var messages []string
			buffer := make([]byte, 64<<10)
			for _, e := range events { // one by one: datagrams that nobody reads yet may be dropped
				if err := s.Send(t.Context(), []Event{e}); err != nil {
					t.Fatal(err)
				}
				n, _, err := conn.ReadFrom(buffer)
				if err != nil {
					t.Fatal(err)
				}
				messages = append(messages, string(buffer[:n]))
			}
			check(t, messages, 2048)
		}
	})
	for name, framing := range map[string]Framing{"octets": OctetCounting, "lines": Newlines} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			s := sink(t, SyslogOptions{Address: "tcp://" + l.Addr().String(), Framing: framing})
			if err := s.Send(t.Context(), events); err != nil {
				t.Fatal(err)
			}
			s.Close()
			conn, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			check(t, readFrames(t, bufio.NewReader(conn), framing), 8192)
		})
	}
	t.Run("a receiver that does not read", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		s := sink(t, SyslogOptions{Address: "tcp://" + l.Addr().String()})
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		for err = nil; err == nil; {
			err = s.Send(ctx, events)
		}
		if ctx.Err() == nil {
			t.Errorf("it failed before its deadline: %v", err)
		}
	})
	for _, address := range []string{"", "http://x", "tcp://", "::"} {
		if _, err := NewSyslog(SyslogOptions{Address: address}); err == nil {
			t.Errorf("the address %q is taken", address)
		}
	}
}

func readFrames(t *testing.T, r *bufio.Reader, framing Framing) []string {
	var out []string
	for {
		if framing == Newlines {
			line, err := r.ReadString('\n')
			if err != nil {
				return out
			}
			out = append(out, strings.TrimSuffix(line, "\n"))
			continue
		}
		length, err := r.ReadString(' ')
		if err != nil {
			return out
		}
		n, err := strconv.Atoi(strings.TrimSpace(length))
		if err != nil {
			t.Fatalf("a frame begins with %q", length)
		}
		message := make([]byte, n)
		for at := 0; at < n; {
			more, err := r.Read(message[at:])
			if err != nil {
				t.Fatal(err)
			}
			at += more
		}
		out = append(out, string(message))
	}
}
