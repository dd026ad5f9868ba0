package cli

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// What monitor run prints, logs and sends holds nothing of a DSN's password, a contact's key or its URL, however a connection fails: nobody
// there, a password that is wrong, a DSN that is none.
func TestMonitorTellsNoSecret(t *testing.T) {
	t.Chdir(t.TempDir())
	var mu sync.Mutex
	var told bytes.Buffer
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		told.Write(b)
	}))
	t.Cleanup(hook.Close)
	if err := os.WriteFile("contacts.yaml", []byte("- {name: ops, url_env: OPS_URL, secret_env: OPS_SECRET}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const password, key, token = "pw-c0rrect-horse", "key-battery-staple", "tok-0f-the-url"
	env := map[string]string{"OPS_URL": hook.URL + "/x?token=" + token, "OPS_SECRET": key}
	db := pgtest.DB(t)
	for name, dsn := range map[string]string{
		"nobody there":   "postgres://app:" + password + "@127.0.0.1:1/db?connect_timeout=1",
		"words":          "host=127.0.0.1 port=1 user=app password=" + password + " dbname=db",
		"no such role":   strings.Replace(db.DSN(""), "user=", "password="+password+" user=nobody_", 1),
		"no DSN at all":  "postgres://app:" + password + "@[::1/db",
		"an odd setting": "postgres://app:" + password + "@127.0.0.1:1/db?sslmode=" + password,
	} {
		var stdout, stderr bytes.Buffer
		code := Do([]string{"monitor", "run", dsn, "--once", "--contacts", "contacts.yaml", "--app-dsn", dsn, "--canary", "a1a1a1a1-0000-4000-8000-000000000001"},
			World{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Env: func(k string) (string, bool) { v, ok := env[k]; return v, ok }, Width: 100})
		if code == exitClean {
			t.Errorf("%s: all is fine, and nothing could be read", name)
		}
		mu.Lock()
		all := stdout.String() + stderr.String() + told.String()
		mu.Unlock()
		if all == "" {
			t.Errorf("%s: nothing was told at all", name)
		}
		for _, secret := range []string{password, key, token} {
			if strings.Contains(all, secret) {
				t.Errorf("%s: %q is told:\n%s", name, secret, all)
			}
		}
	}
}
