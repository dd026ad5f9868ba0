package gateway

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What a file says wrong is refused with its place and the nearest right word.
func TestConfigThatIsRefused(t *testing.T) {
	const rest = "\nbackend: {url: \"ws://b\"}\n"
	for text, want := range map[string]string{
		"listn: x" + rest:                                                                                 "line 1: listn is not known (did you mean listen?)",
		"limits:\n  tenant:\n    socket: 1" + rest:                                                        "line 3: limits.tenant.socket is not known (did you mean sockets?)",
		"protocol: {client: {x: {tenat: a}}}" + rest:                                                      "protocol.client.x.tenat is not known (did you mean tenant?)",
		"protocol: {preset: voicee}" + rest:                                                               `there is no preset "voicee" (did you mean voice?)`,
		"protocol: {preset: voice}":                                                                       "backend.url: there is none",
		"protocol: {preset: voice}\nbackend: {url: \"ftp://b\"}":                                          "backend.url",
		"protocol: {preset: voice}\nbackend: {url: \"ws://u:p@b\"}":                                       "backend.url: it has a user",
		"protocol: {preset: voice}\nbackend: {url: \"ws://b\", headers: {X-Key: {env: NOT_THERE}}}":       "backend.headers.X-Key: the environment has no NOT_THERE",
		"protocol: {preset: voice}\nbackend: {url: \"ws://b\", headers: {X-Key: {env: A, value: b}}}":     "one of env, file and value",
		"listen: \":1\"" + rest:                                                                           "no message of a client is listed",
		"protocol: {preset: opaque, tenant: [x]}" + rest:                                                  "reads no messages",
		"protocol: {preset: opaque}\ntoken: {from: [message]}" + rest:                                     "reads no messages",
		"protocol: {preset: voice}\ntoken: {from: [url]}" + rest:                                          `"url" is no place for a token`,
		"protocol: {preset: voice}\norigins: [\"https://a/\"]" + rest:                                     "is no origin",
		"protocol: {preset: voice}\norigins: [\"*\"]" + rest:                                              "is no origin",
		"protocol: {preset: voice}\nhttp: {paths: [\"/x\"]}" + rest:                                       "{tenant}",
		"protocol: {preset: voice}\nlimits: {message_bytes: lots}" + rest:                                 "line 2: limits.message_bytes: it wants a number of bytes such as",
		"protocol: {preset: voice}\ntimeouts: {ping: -1s}" + rest:                                         "not negative",
		"protocol: {preset: voice}\ntimeouts: {ping: 1ns}" + rest:                                         "line 2: timeouts.ping: 1ns is under a millisecond",
		"protocol: {preset: voice}\ndrain: {spread: 5us}" + rest:                                          "line 2: drain.spread: 5µs is under a millisecond",
		"protocol: {preset: voice}\nlimits: {header_bytes: 1}" + rest:                                     "line 2: limits.header_bytes: it is under 1KiB",
		"protocol: {preset: voice}\ntenant: {kind: guid}" + rest:                                          "tenant.kind",
		"protocol: {preset: voice}\ntls: {cert_file: x}" + rest:                                           "come together",
		"protocol: {preset: voice}\ntrusted_proxies: [all]" + rest:                                        "is no network",
		"protocol: {preset: voice, client: {x: {effect: started}}}" + rest:                                "effect",
		"protocol: {preset: voice, server: {x: {effect: started}}}" + rest:                                "says where its id stands",
		"protocol: {preset: voice, depth: -1}" + rest:                                                     "depth",
		"protocol:\n  preset: voice\n  client:\n    menu.x: {needs: x}" + rest:                            "line 4: protocol: client.menu.x: needs",
		"protocol: {preset: voice}\norigins:\n- https://a\n- https://b/" + rest:                           "line 4: origins[1]:",
		"protocol: {preset: voice}\ntrusted_proxies:\n- 10.0.0.0/8\n\n- all" + rest:                       "line 5: trusted_proxies[1]:",
		"protocol: {preset: voice}\nlimits:\n  sockets: 1\n  user:\n    messages: -1" + rest:              "line 5: limits.user.messages:",
		"protocol: {preset: voice}\nlimits:\n  user:\n    messages: .nan" + rest:                          "line 4: limits.user.messages:",
		"protocol: {preset: voice}\nlimits: {sockets: -1}" + rest:                                         "line 2: limits.sockets:",
		"protocol: {preset: voice}\ntimeouts:\n  pong: 1s\n  ping: -1s" + rest:                            "line 4: timeouts.ping:",
		"protocol: {preset: voice}\ntoken:\n  message:\n    within: -1s" + rest:                           "line 4: token.message.within:",
		"protocol:\n  preset: voice\n  client:\n    x:\n      fields: {\"a b\": {}}" + rest:               "line 5: protocol: client.x: fields:",
		"protocol: {preset: voice}\ntimeouts:\n  ping: 5" + rest:                                          "line 3: timeouts.ping: it wants a time such as 30s",
		"protocol: {preset: voice}\ntimeouts:\n  ping: soon" + rest:                                       "line 3: timeouts.ping: it wants a time such as 30s",
		"protocol: {preset: voice}\ntoken:\n  message:\n    renew: maybe" + rest:                          "line 4: token.message.renew: it wants true or false",
		"protocol: {preset: voice}\norigins: https://a" + rest:                                            "line 2: origins: it wants a list",
		"protocol:\n- voice" + rest:                                                                       "line 2: protocol: it wants keys of its own",
		"protocol: {preset: voice, depth: deep}" + rest:                                                   "line 1: protocol.depth: it wants a whole number",
		"protocol: {preset: voice}\nlimits: {user: {messages: many}}" + rest:                              "line 2: limits.user.messages: it wants a number",
		"protocol: {preset: voice}\ntoken: {cookie: [a]}" + rest:                                          "line 2: token.cookie: it wants a text",
		"protocol: {preset: voice}\nlisten: nonsense" + rest:                                              "line 2: listen: \"nonsense\" is no address",
		"protocol: {preset: voice}\nadmin: {listen: \"[::1]:99999\"}" + rest:                              "line 2: admin.listen:",
		"protocol: {preset: voice}\norigins: [\"https://a:99999\"]" + rest:                                "line 2: origins[0]:",
		"protocol: {preset: voice}\nbackend: {url: \"ws://b:99999\"}":                                     "line 2: backend.url:",
		"protocol: {preset: voice}\nbackend: {url: \"ws://b\", subprotocols: [\"a b\"]}":                  "line 2: backend.subprotocols[0]:",
		"protocol: {preset: voice}\nbackend: {url: \"ws://b\", headers: {host: {value: a}}}":              "line 2: backend.headers.host: the gateway sets it",
		"protocol: {preset: voice}\nbackend: {url: \"ws://b\", headers: {X_Ringfence-User: {value: a}}}":  "the gateway sets it",
		"protocol: {preset: voice}\nbackend: {url: \"ws://b\", headers: {Sec-WebSocket-Key: {value: a}}}": "the gateway sets it",
		"protocol: {preset: voice}\nbackend: {url: \"ws://b\", headers: {content_length: {value: a}}}":    "the gateway sets it",
		"protocol: {preset: voice}\nhttp:\n  refuse:\n  - debug" + rest:                                   "line 4: http.refuse[0]:",
		"protocol: {preset: voice}\nhttp: {refuse: [\"/\"]}" + rest:                                       "line 2: http.refuse[0]:",
		"protocol: {preset: voice}\nhttp: {query: [\"\"]}" + rest:                                         "line 2: http.query[0]:",
		"protocol: {preset: voice}\ntoken: {from: [message], message: {type: audio}}" + rest:              "line 1: protocol: client.audio: token.message.type is the same",
		"protocol: {preset: voice}\ntoken: {message: {renew: true, type: heartbeat}}" + rest:              "token.message.type is the same",
		"a: [": "line 1",
	} {
		_, err := Parse([]byte(text), noEnv)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n  gives %v\n  want  %s", text, err, want)
		}
	}
}

// An error shows no text of the file that could be secret.
func TestConfigErrorsKeepSecrets(t *testing.T) {
	for _, text := range []string{
		"backend: {url: \"ws://user:hunter2@b\"}\nprotocol: {preset: voice}",
		"backend: {headers: {X: {value: [hunter2]}}}",
		"backend: {url: \"ws://b\", headers: {X: {value: \"hunter2\\n\"}}}\nprotocol: {preset: voice}",
		"limits: {message_bytes: {hunter2: 1}}\nbackend: {url: \"ws://b\"}",
		"backend: hunter2: x",
	} {
		if _, err := Parse([]byte(text), noEnv); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s\n  gives %v", text, err)
		}
	}
}

func TestConfigDefaultsAndSecrets(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, "key")
	if err := os.WriteFile(key, []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "gateway.yaml")
	text := `
protocol: {preset: openai-realtime}
backend:
  url: wss://api.example.com/v1
  headers: {Authorization: {env: KEY}, X-File: {file: "` + key + `"}}
limits: {body_bytes: "64KiB", tenant: {bytes: 1MiB, messages: 2.5}}
timeouts: {ping: 1m30s}
auth: {anything: [goes, here]}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(file, func(name string) (string, bool) { return "secret of " + name, true })
	if err != nil {
		t.Fatal(err)
	}
	h := c.Backend.Headers
	if h["Authorization"].Text() != "secret of KEY" || h["X-File"].Text() != "from a file" {
		t.Errorf("%+v", h)
	}
	l := c.Limits
	if l.MessageBytes != 16<<20 || l.BodyBytes != 64<<10 || l.Tenant.Bytes != 1<<20 || l.Tenant.Messages != 2.5 || l.Sockets != 20000 {
		t.Errorf("%+v", l)
	}
	if c.Timeouts.Ping != 90*time.Second || c.Timeouts.Pong != 10*time.Second || c.Token.From[0] != "header" || c.Tenant.Kind != KindUUID {
		t.Errorf("%+v %+v", c.Timeouts, c.Token)
	}
}

// The presets are what their protocols publish: a name more or less is seen here.
func TestPresets(t *testing.T) {
	for name, want := range map[string][2]int{"voice": {4, 6}, "openai-realtime": {12, 54}} {
		rs, err := compile(Protocol{Preset: name}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]int{len(rs.client), len(rs.server)}; got != want {
			t.Errorf("%s: %d client and %d server types, want %v", name, got[0], got[1], want)
		}
	}
}
