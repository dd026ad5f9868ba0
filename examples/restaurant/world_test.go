package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/examples/restaurant/system"
	"github.com/ringfencehq/ringfence/internal/pg"
)

// The restaurants of the seed.
const (
	lucia  = "a1a1a1a1-0000-4000-8000-000000000001"
	sakura = "b2b2b2b2-0000-4000-8000-000000000002"
	marche = "c3c3c3c3-0000-4000-8000-000000000003"
	nobody = "d4d4d4d4-0000-4000-8000-000000000004" // no restaurant has it
)

// TestMain lets the test's own binary be the processes of the system, as the program is.
func TestMain(m *testing.M) {
	signal.Ignore(syscall.SIGXFSZ) // scenario 16 takes a process's disk away by its file size limit
	if child(os.Args[1:]) {
		return
	}
	code := m.Run()
	if sharedDir != "" {
		if w, err := shared(); err == nil {
			err = w.close()
			if err != nil {
				fmt.Fprintln(os.Stderr, "ending the system:", err)
				code = 1
			}
		}
		_ = os.RemoveAll(sharedDir)
	}
	os.Exit(code)
}

// world is a running system, with what tests know of it.
type world struct {
	*stack
	audit   *pgx.Conn
	key     ed25519.PrivateKey
	mu      sync.Mutex
	secrets []string // what must stand in no log
}

// shared is the system that tests use together which leave it as it was.
var (
	sharedDir string
	shared    = sync.OnceValues(func() (*world, error) {
		var err error
		if sharedDir, err = os.MkdirTemp("", "restaurant-test-"); err != nil {
			return nil, err
		}
		return newWorld(context.Background(), sharedDir, stackOptions{})
	})
)

// running returns the shared system.
func running(t *testing.T) *world {
	t.Helper()
	w, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	w.tellLogs(t)
	return w
}

// tellLogs shows what the processes said last where the test fails.
func (w *world) tellLogs(t *testing.T) {
	t.Cleanup(func() {
		if t.Failed() {
			for _, name := range []string{"gateway", "backend"} {
				text, _ := os.ReadFile(w.log(name))
				t.Logf("the log of the %s ends with\n%s", name, text[max(0, len(text)-12000):])
			}
		}
	})
}

func newWorld(ctx context.Context, dir string, o stackOptions) (*world, error) {
	s, err := startStack(ctx, dir, o)
	if err != nil {
		return nil, err
	}
	w := &world{stack: s}
	for _, step := range []func(context.Context) error{w.readKey, w.connectAudit, w.enrolDevices} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, s.close())
		}
	}
	return w, nil
}

func (w *world) readKey(context.Context) error {
	text, err := os.ReadFile(w.system.Key())
	if err != nil {
		return err
	}
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return err
	}
	w.key = key.(ed25519.PrivateKey)
	return nil
}

// connectAudit opens a session of who may read the trail.
func (w *world) connectAudit(ctx context.Context) (err error) {
	w.audit, err = pg.Connect(ctx, w.system.DSN(system.Audit), pg.Options{})
	return err
}

func (w *world) secret(all ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.secrets = append(w.secrets, all...)
}

// enrolDevices exchanges the codes of the system for devices' tokens.
func (w *world) enrolDevices(ctx context.Context) error {
	for restaurant, code := range w.system.Devices {
		device, err := enrolDevice(ctx, w.url, code)
		if err != nil {
			return err
		}
		w.system.Devices[restaurant] = device
		w.secret(code, device)
	}
	return nil
}

// person is somebody of the seed.
func (w *world) person(t *testing.T, restaurant, user string) system.Person {
	t.Helper()
	for _, p := range w.system.People {
		if p.Restaurant == restaurant && p.User == user {
			return p
		}
	}
	t.Fatalf("%s does not work there", user)
	return system.Person{}
}

// login logs somebody in by PIN, over HTTP, and returns the access token and the session.
func (w *world) login(t *testing.T, restaurant, user string) (token, session string) {
	t.Helper()
	status, text := w.tryPIN(t, restaurant, user, w.person(t, restaurant, user).PIN)
	var answer struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
		Session string
	}
	if err := json.Unmarshal([]byte(text), &answer); status != 200 || err != nil {
		t.Fatalf("logging %s in: %d %s", user, status, text)
	}
	w.secret(answer.Access, answer.Refresh)
	return answer.Access, answer.Session
}

func (w *world) tryPIN(t *testing.T, restaurant, user, pin string) (int, string) {
	t.Helper()
	body, _ := json.Marshal(map[string]string{"device": w.system.Devices[restaurant], "user": user, "pin": pin})
	return call(t, w.stack, "POST", "/login", "", string(body))
}

// claims are those of a good token; with changes some of them, nil takes one away.
func claims(restaurant, user string, with map[string]any) jwt.MapClaims {
	now := time.Now()
	c := jwt.MapClaims{"iss": "restaurants", "aud": "voice", "sub": user, "restaurant_id": restaurant, "jti": rand.Text(), "sid": rand.Text(),
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(5 * time.Minute).Unix()}
	for k, v := range with {
		if c[k] = v; v == nil {
			delete(c, k)
		}
	}
	return c
}

// keyID is the id of the login's key, as its key set has it.
func (w *world) keyID(t *testing.T) string {
	t.Helper()
	_, text := call(t, w.stack, "GET", "/login/keys", "", "")
	var set struct {
		Keys []struct{ Kid string }
	}
	if err := json.Unmarshal([]byte(text), &set); err != nil || len(set.Keys) != 1 {
		t.Fatalf("the key set is %s", text)
	}
	return set.Keys[0].Kid
}

// sign signs any claims by any method and key.
func (w *world) sign(t *testing.T, method jwt.SigningMethod, key any, c jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(method, c)
	token.Header["kid"] = w.keyID(t)
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	w.secret(text)
	return text
}

// token signs claims as the login does.
func (w *world) token(t *testing.T, c jwt.MapClaims) string {
	t.Helper()
	return w.sign(t, jwt.SigningMethodEdDSA, w.key, c)
}

// row is one event as the restaurants' view of the trail has it.
type row struct {
	Type, User, Authenticated, Attempted string
	Session, Address, Agent              *string
	Severity                             string
	Created                              time.Time
}

// rows reads the trail's view.
func (w *world) rows(t *testing.T, where string, args ...any) []row {
	t.Helper()
	got, err := w.audit.Query(t.Context(), `SELECT event_type, user_id, authenticated_restaurant_id, attempted_restaurant_id, session_id, ip_address, user_agent, severity, created_at
		FROM ringfence.security_audit_logs WHERE `+where+" ORDER BY created_at", args...)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(got, pgx.RowToStructByPos[row])
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// eventually waits for something that must come.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// recorded waits until the trail's table has an event of a type since a moment, and returns the first.
func (w *world) recorded(t *testing.T, typ, user string, since time.Time) row {
	t.Helper()
	var all []row
	eventually(t, typ+" of "+user+" in the table", func() bool {
		all = w.rows(t, "event_type = $1 AND user_id = $2 AND created_at >= $3", typ, user, since)
		return len(all) > 0
	})
	return all[0]
}

// now is the moment from which on a scenario's events count.
func (w *world) now(t *testing.T) time.Time {
	t.Helper()
	var at time.Time
	if err := w.audit.QueryRow(t.Context(), "SELECT clock_timestamp()").Scan(&at); err != nil {
		t.Fatal(err)
	}
	return at.Truncate(time.Millisecond)
}

// databaseDown takes the database away: nobody can connect, and whoever was connected is no longer. It returns what brings it back.
func (w *world) databaseDown(t *testing.T) (up func()) {
	t.Helper()
	socket := filepath.Join(w.system.Embedded().SocketDir(), ".s.PGSQL.5432")
	if err := os.Rename(socket, socket+".away"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.system.Super().Exec(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"); err != nil {
		t.Fatal(err)
	}
	back := sync.OnceFunc(func() {
		if err := os.Rename(socket+".away", socket); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(back)
	return func() {
		t.Helper()
		back()
		if err := w.connectAudit(context.WithoutCancel(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
}

// logs are what all processes said.
func (w *world) logs(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	files, err := filepath.Glob(filepath.Join(w.dir, "*.log"))
	if err != nil || len(files) < 2 {
		t.Fatalf("%d logs, %v", len(files), err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

// refusedBy reports how a client was refused: at the handshake, or by the close frame of its socket. Who was let in fails.
func refusedBy(t *testing.T, c *client, err error) string {
	t.Helper()
	var at *refusedAt
	if errors.As(err, &at) {
		if at.status != 401 && at.status != 403 {
			t.Errorf("refused with %d", at.status)
		}
		return at.text
	}
	c.closed(1008, "")
	return strings.Join(c.said, "\n")
}

// metric is one series of the gateway's metrics, as Prometheus scrapes it.
func (w *world) metric(t *testing.T, series string) float64 {
	t.Helper()
	for line := range strings.Lines(w.metrics(t)) {
		if value, ok := strings.CutPrefix(line, series+" "); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("there is no series %s", series)
	return 0
}

// metrics are all series of the gateway.
func (w *world) metrics(t *testing.T) string {
	t.Helper()
	answer, err := http.Get(w.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
