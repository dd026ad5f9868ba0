package edge

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	ringfence "github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/gateway"
	"github.com/ringfencehq/ringfence/internal/metrics"
	"github.com/ringfencehq/ringfence/internal/nettest"
	"github.com/ringfencehq/ringfence/trail"
)

const (
	mine   = "7b0c8f0e-2f3e-4c59-9d5e-0a1b2c3d4e5f"
	theirs = "11111111-2222-4333-8444-555555555555"
	secret = "a shared secret of at least thirty-two bytes"
)

func token(t *testing.T, tenant string, with map[string]any) string {
	t.Helper()
	claims := jwt.MapClaims{"iss": "login", "aud": "voice", "sub": "anna", "restaurant_id": tenant, "jti": "t1",
		"exp": time.Now().Add(time.Minute).Unix()}
	for k, v := range with {
		claims[k] = v
	}
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// A gateway that was built from a file lets real tokens in, refuses others, keeps what it refused on disk, reloads, and drains.
func TestRun(t *testing.T) {
	back := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Header.Get("X-Ringfence-Tenant"), " ", r.Header.Get("X-Ringfence-User"))
	}))
	defer back.Close()
	dir := t.TempDir()
	path := filepath.Join(dir, "gateway.yaml")
	write := func(more string) {
		text := fmt.Sprintf(`
listen: 127.0.0.1:0
admin: {listen: "127.0.0.1:0"}
backend: {url: %q}
protocol: {preset: voice}
http: {query: [restaurant_id]}
auth:
  issuers: [{name: login, audiences: [voice], secret: {env: KEY}}]
  tenant_claims: [restaurant_id]
trail: {dir: %q, node: gw-1}
%s`, back.URL, filepath.Join(dir, "trail"), more)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("")
	var out nettest.Log
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	admin, addresses, hangUp, done := make(chan net.Addr, 1), make(chan net.Addr, 2), make(chan os.Signal), make(chan error, 1)
	go func() {
		done <- Run(ctx, Options{
			File: path, Env: func(string) (string, bool) { return secret, true }, Log: slog.New(slog.NewTextHandler(&out, nil)), Reload: hangUp,
			Listening: func(l gateway.Listeners) { admin <- l.Admin.Addr(); addresses <- l.Clients.Addr() },
		})
	}()
	var address string
	select {
	case a := <-addresses:
		address = a.String()
	case err := <-done:
		t.Fatal(err)
	}
	ask := func(token, query string) string {
		req, _ := http.NewRequest("GET", "http://"+address+"/orders"+query, nil)
		req.Header.Set("Authorization", "Bearer "+token)
		answer, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, _ := io.ReadAll(answer.Body)
		return fmt.Sprint(answer.StatusCode, " ", string(body))
	}
	metricsAt := (<-admin).String()
	scrape := func() map[string]string { return nettest.Metrics(t, metricsAt) }
	if m := scrape(); m[crossTenants] != "0" || m["ringfence_trail_lost_total"] != "0" || m["ringfence_membership_failures_total"] != "0" {
		t.Errorf("before anything happened: %v", m)
	}
	good := token(t, mine, nil)
	if got := ask(good, "?restaurant_id="+mine); got != "200 "+mine+" anna" {
		t.Errorf("own: %s", got)
	}
	if got := ask(good, "?restaurant_id="+theirs); got != "403 Forbidden\n" {
		t.Errorf("foreign: %s", got)
	}
	expired := token(t, mine, map[string]any{"exp": time.Now().Add(-time.Hour).Unix()})
	if got := ask(expired, ""); got != "401 Unauthorized\n" {
		t.Errorf("expired: %s", got)
	}
	if m := scrape(); m[crossTenants] != "1" || m["ringfence_trail_offered_total"] != "2" || m["ringfence_gateway_requests_total"] != "1" {
		t.Errorf("behind two refusals and a request: %v", m)
	}
	write("limits: {address: {handshakes: 0.01}}\nnonsense: 1")
	hangUp <- syscall.SIGHUP // a fault: nothing changes
	write("http: {query: [other]}")
	hangUp <- syscall.SIGHUP // two sections of one name: a fault too
	hangUp <- syscall.SIGHUP
	if got := ask(good, "?restaurant_id="+theirs); got != "403 Forbidden\n" {
		t.Errorf("behind a reload that failed: %s", got)
	}
	write("origins: [\"https://app.example.com\"]")
	hangUp <- syscall.SIGHUP
	hangUp <- syscall.SIGHUP // taken when the one before is done
	if got := ask(good, ""); !strings.HasPrefix(got, "200") {
		t.Errorf("behind a reload: %s", got)
	}
	stop()
	if err := <-done; err != nil {
		t.Errorf("serving ended with %v", err)
	}
	var kept []ringfence.EventType
	for e, err := range trail.ReadJournal(filepath.Join(dir, "trail")) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Type.Refusal() {
			kept = append(kept, e.Type)
			if e.Type == ringfence.CrossTenant && (e.Tenant != mine || e.AttemptedTenant != theirs || e.User != "anna" || e.Address != "127.0.0.1") {
				t.Errorf("%+v", e)
			}
		}
	}
	if len(kept) < 2 || kept[0] != ringfence.CrossTenant || kept[1] != ringfence.TokenExpired {
		t.Errorf("the journal has %v", kept)
	}
	for _, never := range []string{good, expired, secret, theirs} {
		if strings.Contains(out.String(), never) {
			t.Errorf("the log holds what it must not: %s", out.String())
		}
	}
	if n := strings.Count(out.String(), "was not reloaded"); n != 3 {
		t.Errorf("%d reloads failed, want 3: %s", n, out.String())
	}
}

const crossTenants = `ringfence_refusals_total{event="cross_tenant",severity="CRITICAL"}`

// What a file lacks is said before anything is opened.
func TestFilesThatAreRefused(t *testing.T) {
	const base = "backend: {url: \"ws://b\"}\nprotocol: {preset: voice}\n"
	const auth = "auth: {issuers: [{name: x, audiences: [y], secret: {value: a secret of no less than 32 bytes}}], tenant_claims: [t]}\n"
	for text, want := range map[string]string{
		base:                                  "auth: issuers: there is none",
		base + auth:                           "trail: dir and node are needed",
		base + "auth: {issuers: [{name: x}]}": "auth: issuers[0]: it wants one of jwks and secret",
		base + "auth: {issuers: [{name: x, secret: {env: E}}]}":                              "auth: issuers[0].secret: the environment has no E",
		base + "auth: {issuers: [{name: x, audiences: [y], secret: {value: z}}]}":            "auth: tenant_claims: no claim is named",
		base + "auth: {issuers: [{nam: x}]}":                                                 "auth.issuers[0].nam is not known (did you mean name?)",
		base + auth + "trail: {dir: x, node: y, database: {env: E}}":                         "trail: database: the environment has no E",
		base + auth + "trail: {dir: x, node: y, key: {value: k}}":                            "trail: key: checkpoints are signed of what the database has taken",
		base + auth + "trail: {dir: x, node: y, database: {value: host=d}, key: {value: k}}": "trail: key: reading the checkpoint key: it is no private key",
		base + "pin: {}": "pin: peppers_file and key_file are needed",
		base + "pin: {peppers_file: p, key_file: k}": "pin: auth.members is needed",
		base + auth + "pin: {pepper_file: p}":        "pin.pepper_file is not known (did you mean peppers_file?)",
		base + "auth: {members: {database: {value: host=z}}}\npin: {peppers_file: p, key_file: k, database: {value: host=z}}":              "pin: auth.tenant_claims is needed",
		base + "auth: {tenant_claims: [t], members: {database: {value: host=z}}}\npin: {peppers_file: p, key_file: k, database: {env: E}}": "pin: database: the environment has no E",
		base + "auth:\n  tenant_claims: [t]\n  issuers:\n  - {name: a, jwks: b}\n  - {name: c}":                                            "line 7: auth: issuers[1]: it wants",
		base + auth + "trail:\n  dir: x\n  node: y\n  database: {env: E}":                                                                  "line 7: trail: database: the environment has no E",
		base + "auth:\n  tenant_claims: [t]\n  issuers:\n  - {name: a, audiences: [y], jwks: \"ftp://x\"}":                                 "line 6: auth: issuers[0]: checking the address",
		base + "auth:\n  tenant_claims: [t]\n  issuers:\n  - {name: a, audiences: [y], jwks: \"https://x\", algorithms: [none]}":           "line 6: auth: issuers[0]: checking the issuer",
		base + "auth:\n  tenant_claims: [t]\n  issuers:\n  - {name: a, audiences: [y], secret: {value: short}}":                            "line 6: auth: issuers[0]: making a secret",
		base + "auth:\n  tenant_claims: [t]\n  issuers:\n  - {name: a, audiences: [], jwks: \"https://x\"}":                                "line 6: auth: issuers[0]: checking the issuer",
		base + "auth:\n  tenant_claims: [t]\n  skew: 1h\n  issuers:\n  - {name: a, audiences: [y], jwks: \"https://x\"}":                   "line 3: auth: checking the verifier's options: a skew",
		base + auth + "trail: {dir: x, node: y}\nnats:\n  url: {value: x}":                                                                 "line 6: nats.url: it wants a text",
		base + auth + "trail:\n  dir: x\n  node: y\n  database: {value: \"no dsn\"}":                                                       "line 7: trail: database: reading the connection string",
		base + auth + "trail: {dir: x, node: y}\nrevocations: {database: {value: d}}":                                                      "line 5: revocations: database: reading the connection string",
		base + "auth: {issuers: [{name: x, jwks: y}], members: {database: {value: d}}}":                                                    "line 3: auth: members.database: reading the connection string",
		base + auth + "trail: {dir: x, nodes: y}":                                                                                          "trail.nodes is not known (did you mean node?)",
		base + "auth: {issuers: [{name: x, jwks: y}], members: {database: {}}}":                                                            "auth: members.database: it wants one of env, file and value",
		base + auth + "trail: {dir: x, node: y}\nmetrics: {otlp: {url: {env: E}}}":                                                         "metrics: otlp.url: the environment has no E",
		base + auth + "trail: {dir: x, node: y}\nmetrics: {otlp: {url: {value: u}, interval: 5ms}}":                                        "metrics: otlp.interval: it is under a second",
	} {
		if _, err := parse([]byte(text), func(string) (string, bool) { return "", false }); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n  gives %v\n  want  %s", text, err, want)
		}
	}
}

// Files that a gateway.yaml names and that cannot be used are said by a check, which opens nothing else.
func TestFilesThatAFileNames(t *testing.T) {
	dir := t.TempDir()
	rubbish := filepath.Join(dir, "rubbish")
	if err := os.WriteFile(rubbish, []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	check := func(more string) error {
		path := filepath.Join(dir, "gateway.yaml")
		text := "protocol: {preset: voice}\ntrail: {dir: x, node: y}\n" + strings.ReplaceAll(more, "RUBBISH", rubbish)
		if !strings.Contains(text, "backend:") {
			text += "backend: {url: \"ws://b\"}\n"
		}
		if !strings.Contains(text, "auth:") {
			text += "auth: {issuers: [{name: x, audiences: [y], secret: {value: a secret of no less than 32 bytes}}], tenant_claims: [t]}\n"
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return Check(Options{File: path, Env: func(string) (string, bool) { return "", false }})
	}
	if err := check(""); err != nil {
		t.Errorf("a file that names none: %v", err)
	}
	const login = "auth: {tenant_claims: [t], members: {database: {value: host=z}}}\n"
	for more, want := range map[string]string{
		"tls: {cert_file: /nowhere/crt, key_file: /nowhere/key}\n":                                       "tls: reading the certificate: open /nowhere/crt",
		"tls: {cert_file: RUBBISH, key_file: RUBBISH}\n":                                                 "tls: reading the certificate: tls: failed to find any PEM data",
		"backend: {url: \"wss://b\", ca_file: /nowhere/ca}\n":                                            "backend.ca_file: reading it: open /nowhere/ca",
		"backend: {url: \"wss://b\", ca_file: RUBBISH}\n":                                                "backend.ca_file: there is no certificate in it",
		"nats: {url: \"tls://n\", tls: {ca_file: /nowhere/ca}}\n":                                        "nats.tls: reading who signs the bus's certificates: open /nowhere/ca",
		login + "pin: {peppers_file: /nowhere/p, key_file: k, database: {value: host=z}}\n":              "pin: reading peppers: open /nowhere/p",
		login + "pin: {peppers_file: RUBBISH, key_file: /nowhere/k, database: {value: host=z}}\n":        "pin: RUBBISH:",
		"auth: {issuers: [{name: x, audiences: [y], secret: {file: /nowhere/s}}], tenant_claims: [t]}\n": "auth: issuers[0].secret: reading the secret: open /nowhere/s",
	} {
		if err := check(more); err == nil || !strings.Contains(err.Error(), strings.ReplaceAll(want, "RUBBISH", rubbish)) {
			t.Errorf("%s\n  gives %v\n  want  %s", more, err, want)
		}
	}
}

// A reload whose tokens the login that runs would not sign, or would sign otherwise, is refused: by its key's content, too.
func TestReloadKeepsTheLogin(t *testing.T) {
	dir := t.TempDir()
	path, keyFile := filepath.Join(dir, "gateway.yaml"), filepath.Join(dir, "key")
	o := Options{File: path, Env: func(string) (string, bool) { return "", false }, Log: slog.New(slog.DiscardHandler)}
	key := func() ed25519.PrivateKey {
		_, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(private)
		if err == nil {
			err = os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return private
	}
	write := func(claim string) {
		text := fmt.Sprintf("protocol: {preset: voice}\nbackend: {url: \"ws://b\"}\ntrail: {dir: x, node: y}\nauth: {tenant_claims: [%s], members: {database: {value: host=%s}, setting: a.b, schema: s, function: f}}\n"+
			"pin: {peppers_file: p, key_file: %q, database: {value: host=z}}\n", claim, dir, keyFile)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("t")
	e := &running{login: &login{key: key(), tenantClaim: "t"}, metrics: &counted{auth: metrics.New(time.Now()).Auth(nil)}}
	var err error
	if e.file, err = read(o); err != nil {
		t.Fatal(err)
	}
	reload := func(want string) {
		t.Helper()
		if err := e.reload(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	reload("auth.members: ") // of the same login it is the next thing that is looked for, and there is no database
	write("u")
	reload("auth.tenant_claims: the first")
	write("t")
	key()
	reload("pin.key_file: its key changes only with a new process")
}

// The files of docs/gateway.md can be used.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("testdata/examples/*.yaml")
	if err != nil || len(files) < 6 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	secrets := regexp.MustCompile(`file: /[a-z/.]+\.secret`)
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text = secrets.ReplaceAll(text, []byte("env: FROM_FILE")) // it is on no test's machine
		env := func(name string) (string, bool) {
			if strings.HasSuffix(name, "_DSN") {
				return "host=somewhere", true
			}
			return secret, true
		}
		if _, err := parse(text, env); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}
