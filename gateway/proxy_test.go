package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	ringfence "github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/internal/nettest"
)

// ask sends raw bytes and returns the answers' statuses, until the connection ends.
func ask(t *testing.T, address, raw string) []int {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, raw); err != nil {
		t.Fatal(err)
	}
	var all []int
	r := bufio.NewReader(conn)
	for {
		answer, err := http.ReadResponse(r, nil)
		if err != nil {
			return all
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		all = append(all, answer.StatusCode)
		if answer.Close {
			return all
		}
	}
}

func request(method, path string, header ...string) string {
	return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n", method, path, strings.Join(append(header, ""), "\r\n"))
}

const own = "Authorization: Bearer " + mine + ".anna.t1"

// Plain requests pass with their identity, which only the gateway writes.
func TestPlainRequests(t *testing.T) {
	r := newRig(t, opaque+"\ntrusted_proxies: [127.0.0.1]", echo)
	raw := request("GET", "/orders?x=%20y&z", own, "X-Ringfence-Tenant: "+theirs, "x_ringfence_tenant: "+theirs, "X-Ringfence-Roles: admin",
		"X-Forwarded-For: 6.6.6.6, 203.0.113.9", "Connection: X-Hop", "X-Hop: 1", "Cookie: a=b", "X-Kept: yes", "Upgrade: h2c")
	raw = strings.Replace(raw, "Connection: close\r\n", "", 1)
	raw = strings.Replace(raw, "Connection: X-Hop", "Connection: X-Hop, close", 1)
	if got := ask(t, r.address, raw); len(got) != 1 || got[0] != 200 {
		t.Fatalf("answered with %v", got)
	}
	req := r.backend.last(t)
	h := req.Header
	for name, want := range map[string]string{
		"X-Ringfence-Tenant": mine, "X-Ringfence-User": "anna", "X-Ringfence-Token": "t1", "X-Ringfence-Roles": "", "Authorization": "",
		"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Host": "x", "X-Forwarded-Proto": "http", "X-Hop": "", "Cookie": "a=b", "X-Kept": "yes",
		"Upgrade": "", "X_ringfence_tenant": "",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if len(h.Values("X-Ringfence-Tenant")) != 1 || req.URL.RequestURI() != "/orders?x=%20y&z" {
		t.Errorf("%v %v", h, req.URL)
	}
}

// Each request that is refused is recorded, answered without a word of why, and does not reach the back end.
func TestRefusedRequests(t *testing.T) {
	yaml := opaque + `
origins: ["https://app.example.com"]
http: {query: [restaurant_id], headers: [X-Restaurant], paths: ["/restaurants/{tenant}/orders"], json: [restaurant_id], refuse: [/debug]}
limits: {body_bytes: 4KiB}`
	post := func(kind, body string, more ...string) string {
		return request("POST", "/orders", append([]string{own, "Content-Type: " + kind, fmt.Sprintf("Content-Length: %d", len(body))}, more...)...) + body
	}
	const form, js = "application/x-www-form-urlencoded", "application/json"
	for _, c := range []struct {
		name, raw string
		status    int
		event     ringfence.EventType
	}{
		{"no token", request("GET", "/"), 401, ringfence.TokenMissing},
		{"two tokens", request("GET", "/", own, own), 401, ringfence.TokenInvalid},
		{"a token by URL that nobody asked for", request("GET", "/?access_token="+mine+".anna.t1"), 401, ringfence.TokenMissing},
		{"a foreign origin", request("GET", "/", own, "Origin: https://evil.example.com"), 403, ringfence.OriginForbidden},
		{"the origin of no place", request("GET", "/", own, "Origin: null"), 403, ringfence.OriginForbidden},
		{"two origins", request("GET", "/", own, "Origin: https://app.example.com", "Origin: https://app.example.com"), 403, ringfence.OriginForbidden},
		{"own origin", request("GET", "/", own, "Origin: https://APP.example.com:443"), 200, ""},
		{"foreign by parameter", request("GET", "/?restaurant_id="+theirs, own), 403, ringfence.CrossTenant},
		{"foreign by second parameter", request("GET", "/?restaurant_id="+mine+"&restaurant_id="+theirs, own), 403, ringfence.CrossTenant},
		{"foreign by list parameter", request("GET", "/?filter[Restaurant_id]="+theirs, own), 403, ringfence.CrossTenant},
		{"foreign by a parameter as PHP reads it", request("GET", "/?restaurant.id="+theirs, own), 403, ringfence.CrossTenant},
		{"foreign by a bracket that PHP reads as underscore", request("GET", "/?restaurant[id="+theirs, own), 403, ringfence.CrossTenant},
		{"foreign by a parameter with a NUL", request("GET", "/?restaurant_id%00="+theirs, own), 403, ringfence.CrossTenant},
		{"another parameter", request("GET", "/?restaurant_idx="+theirs, own), 200, ""},
		{"empty parameter", request("GET", "/?restaurant_id=", own), 403, ringfence.TenantMissing},
		{"a semicolon", request("GET", "/?a;restaurant_id="+theirs, own), 400, ringfence.MessageMalformed},
		{"own by parameter", request("GET", "/?restaurant_id="+strings.ToUpper(mine), own), 200, ""},
		{"foreign by header", request("GET", "/", own, "X-Restaurant: "+theirs), 403, ringfence.CrossTenant},
		{"foreign by header with underscore", request("GET", "/", own, "X_Restaurant: "+theirs), 403, ringfence.CrossTenant},
		{"foreign by path", request("GET", "/restaurants/"+theirs+"/orders/7", own), 403, ringfence.CrossTenant},
		{"own by path", request("GET", "/restaurants/"+mine+"/orders/7", own), 200, ""},
		{"dot segments", request("GET", "/restaurants/"+mine+"/../"+theirs+"/orders", own), 400, ""},
		{"encoded slash", request("GET", "/restaurants%2f"+theirs+"/orders", own), 400, ""},
		{"debug", request("GET", "/debug/pprof", own), 404, ""},
		{"debug behind an escape of an escape", request("GET", "/%2564ebug/pprof", own), 400, ""},
		{"debug with a dot behind", request("GET", "/debug./pprof", own), 400, ""},
		{"debug with a space behind", request("GET", "/debug%20/pprof", own), 400, ""},
		{"debug with a tab in it", request("GET", "/de%09bug/pprof", own), 400, ""},
		{"debug behind an overlong slash", request("GET", "/%c0%afdebug/pprof", own), 400, ""},
		{"a name with a space and a percent sign", request("GET", "/menus/caf%C3%A9%20100%25", own), 200, ""},
		{"debug in other case", request("GET", "/DEBUG/pprof", own), 404, ""},
		{"foreign by body", post(js, `{"restaurant_id":"`+theirs+`"}`), 403, ringfence.CrossTenant},
		{"foreign in a list", post(js, `[{"a":1},{"restaurant_id":"`+theirs+`"}]`), 403, ringfence.CrossTenant},
		{"a key twice in the body", post(js, `{"restaurant_id":"`+mine+`","restaurant_id":"`+theirs+`"}`), 400, ringfence.MessageMalformed},
		{"JSON that says it is text", post("text/plain", `{"restaurant_id":"`+theirs+`"}`), 403, ringfence.CrossTenant},
		{"foreign by form", post(form, "x=1&restaurant_id="+theirs), 403, ringfence.CrossTenant},
		{"JSON that says it is a form", post(form, ` {"restaurant_id":"`+theirs+`"}`), 403, ringfence.CrossTenant},
		{"a body of two types", post(js, "{}", "Content-Type: "+form), 400, ringfence.MessageMalformed},
		{"own by body", post(js, `{"restaurant_id":"`+mine+`"}`), 200, ""},
		{"own by form", post(form, "restaurant_id="+mine), 200, ""},
		{"an encoded body", post(js, "x", "Content-Encoding: gzip"), 400, ringfence.MessageMalformed},
		{"a body over the limit", post(js, strings.Repeat(" ", 5000)+"{}"), 413, ringfence.MessageOversize},
		{"TRACE", request("TRACE", "/", own), 405, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, yaml, echo)
			if got := ask(t, r.address, c.raw); len(got) != 1 || got[0] != c.status {
				t.Errorf("answered with %v, want %d", got, c.status)
			}
			if c.event == "" {
				r.want()
			} else {
				r.want(c.event)
			}
			if passed := r.backend.asked() > 0; passed != (c.status == 200) {
				t.Errorf("the back end was asked: %v", passed)
			}
			if logs := r.logs.String(); strings.Contains(logs, ".anna.t1") || strings.Contains(logs, theirs) || strings.Contains(logs, "?") {
				t.Errorf("the log says %s", logs)
			}
		})
	}
}

// A body that trickles ends in time, judged or passed on, whoever sends it; who is refused hears it without the rest of the body.
func TestSlowBodies(t *testing.T) {
	const soon, late = "timeouts: {message: 300ms}\n", "timeouts: {message: 1m}\n"
	for name, c := range map[string]struct {
		yaml, header string
		status       int
		events       []ringfence.EventType
	}{
		"passed on":    {soon + opaque, own + "\r\n", 408, nil},
		"judged":       {soon + opaque + "\nhttp: {json: [restaurant_id]}", own + "\r\n", 400, []ringfence.EventType{ringfence.MessageMalformed}},
		"a stranger's": {late + opaque, "", 401, []ringfence.EventType{ringfence.TokenMissing}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, c.yaml, echo)
			conn, err := net.Dial("tcp", r.address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(patience))
			if _, err := fmt.Fprintf(conn, "POST /orders HTTP/1.1\r\nHost: x\r\n%sContent-Length: 100000\r\n\r\n{", c.header); err != nil {
				t.Fatal(err)
			}
			in := bufio.NewReader(conn)
			answer, err := http.ReadResponse(in, nil)
			if err != nil || answer.StatusCode != c.status {
				t.Fatalf("%v %v, want %d", answer, err, c.status)
			}
			_, _ = io.Copy(io.Discard, answer.Body)
			if _, err := in.ReadByte(); err != io.EOF {
				t.Errorf("the connection goes on: %v", err)
			}
			r.want(c.events...)
		})
	}
}

// The deadline of a body ends with it: an answer that takes longer is waited for.
func TestBodyInTime(t *testing.T) {
	late := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		time.Sleep(500 * time.Millisecond) // longer than the body may take
		fmt.Fprint(w, n)
	}))
	t.Cleanup(late.Close)
	r := newRig(t, "timeouts: {message: 250ms}\n"+opaque+"\nbackend: {url: "+late.URL+"}", echo)
	req, err := http.NewRequest("POST", "http://"+r.address+"/orders", strings.NewReader(strings.Repeat("x", 200<<10)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+mine+".anna.t1")
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, err := io.ReadAll(answer.Body); answer.StatusCode != 200 || err != nil || string(text) != "204800" {
		t.Errorf("%d %q %v", answer.StatusCode, text, err)
	}
}

// Requests whose borders two servers could see at different places end here, or reach the back end as one.
func TestRequestSmuggling(t *testing.T) {
	inner := "GET /stolen HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, raw := range map[string]string{
		"two lengths":            "POST / HTTP/1.1\r\nHost: x\r\n" + own + "\r\nContent-Length: 0\r\nContent-Length: 40\r\n\r\n" + inner,
		"length and chunks":      "POST / HTTP/1.1\r\nHost: x\r\n" + own + "\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner,
		"an unknown encoding":    "POST / HTTP/1.1\r\nHost: x\r\n" + own + "\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + inner,
		"two encodings":          "POST / HTTP/1.1\r\nHost: x\r\n" + own + "\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + inner,
		"a space behind a name":  "POST / HTTP/1.1\r\nHost: x\r\n" + own + "\r\nContent-Length : 40\r\n\r\n" + inner,
		"a body of a handshake":  "GET /ws HTTP/1.1\r\nHost: x\r\n" + own + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nContent-Length: 38\r\n\r\n" + inner,
		"a handshake of no kind": "GET /ws HTTP/1.1\r\nHost: x\r\n" + own + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 777\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n" + inner,
		"h2c":                    "GET / HTTP/1.1\r\nHost: x\r\n" + own + "\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\n\r\n" + inner,
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, opaque, echo)
			_ = ask(t, r.address, raw+"GET /end HTTP/1.0\r\n\r\n")
			r.backend.mu.Lock()
			defer r.backend.mu.Unlock()
			for _, req := range r.backend.requests {
				if req.URL.Path == "/stolen" || req.Header.Get("Upgrade") != "" || req.ProtoMajor != 1 {
					t.Errorf("the back end was asked for %s %v", req.URL, req.Header)
				}
			}
		})
	}
}

// Handshakes that RFC 6455 does not know are answered as it says.
func TestHandshakes(t *testing.T) {
	good := []string{own, "Upgrade: websocket", "Connection: keep-alive, Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg=="}
	change := func(old, new string) string {
		raw := "GET /ws HTTP/1.1\r\nHost: x\r\n" + strings.Join(good, "\r\n") + "\r\n\r\n"
		return strings.Replace(raw, old, new, 1)
	}
	for name, c := range map[string]struct {
		raw    string
		status int
	}{
		"good":            {change("", ""), 101},
		"lower case":      {change("Upgrade: websocket", "upgrade: WebSocket"), 101},
		"no connection":   {change("keep-alive, Upgrade", "keep-alive"), 400},
		"version":         {change("Version: 13", "Version: 8"), 426},
		"short key":       {change("MDEyMzQ1Njc4OWFiY2RlZg==", "MDEy"), 400},
		"two keys":        {change("Sec-WebSocket-Key", "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Key"), 400},
		"no key":          {change("Sec-WebSocket-Key", "X-Key"), 400},
		"POST":            {change("GET", "POST"), 400},
		"HTTP/1.0":        {change("HTTP/1.1", "HTTP/1.0"), 400},
		"extensions":      {change("Upgrade: websocket", "Upgrade: websocket\r\nSec-WebSocket-Extensions: permessage-deflate"), 101},
		"bad subprotocol": {change("Upgrade: websocket", "Upgrade: websocket\r\nSec-WebSocket-Protocol: a b"), 400},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, opaque, echo)
			conn, err := net.Dial("tcp", r.address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_, _ = io.WriteString(conn, c.raw)
			_ = conn.SetDeadline(time.Now().Add(patience))
			answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil || answer.StatusCode != c.status {
				t.Fatalf("%v, %v; want %d", answer, err, c.status)
			}
			if answer.Header.Get("Sec-WebSocket-Extensions") != "" || c.status == 426 && answer.Header.Get("Sec-WebSocket-Version") != "13" {
				t.Errorf("%v", answer.Header)
			}
			if c.status == 101 && r.backend.last(t).Header.Get("Sec-WebSocket-Extensions") != "" {
				t.Error("an extension was offered to the back end")
			}
		})
	}
}

// A back end that is not there, or does not want the client, is answered without its words.
func TestBackendThatIsNotThere(t *testing.T) {
	r := newRig(t, opaque+"\nbackend: {url: \"ws://127.0.0.1:1\"}", echo)
	if p := shake(t, r.address, dialOptions{header: bearer(mine + ".anna.t1")}); p.answer.StatusCode != http.StatusBadGateway {
		t.Errorf("a socket is answered with %d", p.answer.StatusCode)
	}
	if got := ask(t, r.address, request("GET", "/", own)); got[0] != http.StatusBadGateway {
		t.Errorf("a request is answered with %v", got)
	}
	nettest.Until(t, "the socket is given back", func() bool { return r.gw.Sockets() == 0 })
}

// Who takes nothing of an answer gives way: connections to the back end are not for one client to keep. An answer that pauses longer
// than that, and a reader who goes on, are none of it.
func TestSlowReadersOfAnswers(t *testing.T) {
	gone := make(chan struct{})
	back := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		flush := http.NewResponseController(w).Flush
		if r.URL.Path == "/pauses" {
			for range 3 {
				_, _ = io.WriteString(w, "a part")
				_ = flush()
				time.Sleep(300 * time.Millisecond)
			}
			return
		}
		defer close(gone)
		for b := make([]byte, 1<<16); r.Context().Err() == nil; {
			_, _ = w.Write(b)
		}
	}))
	defer func() {
		back.CloseClientConnections()
		back.Close()
	}()
	r := newRig(t, opaque+"\ntimeouts: {write: 100ms}\nbackend: {url: \""+back.URL+"\"}", echo)
	get := func(path string) *http.Response {
		conn, err := net.Dial("tcp", r.address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(patience))
		_, _ = io.WriteString(conn, request("GET", path, own))
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || answer.StatusCode != 200 {
			t.Fatal(answer, err)
		}
		return answer
	}
	if body, err := io.ReadAll(get("/pauses").Body); err != nil || string(body) != strings.Repeat("a part", 3) {
		t.Errorf("an answer that pauses: %q, %v", body, err)
	}
	endless := get("/endless")
	if _, err := io.CopyN(io.Discard, endless.Body, 64<<20); err != nil {
		t.Errorf("a reader who goes on: %v", err)
	}
	select {
	case <-gone:
	case <-time.After(patience):
		t.Error("who takes nothing keeps the back end's connection")
	}
}
