package console

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"

	"github.com/ringfencehq/ringfence/internal/attest"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/rollout"
	"github.com/ringfencehq/ringfence/internal/rollout/ledger"
)

// key makes an Ed25519 key and the line that names it.
func key(t *testing.T) (attest.Signer, string) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return attest.SSHSigner(s), strings.TrimSpace(string(ssh.MarshalAuthorizedKey(s.PublicKey())))
}

// newRollout begins a rollout of one stage, with one fact found out, in a directory of its own.
func newRollout(t *testing.T) string {
	t.Helper()
	root, rootLine := key(t)
	_, ada := key(t)
	approvers := []byte(fmt.Sprintf("people:\n  - name: Ada\n    roles: [security]\n    keys: [%q]\n", ada))
	raw, err := root.Sign(t.Context(), approvers)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := sshsig.ParseSignature(raw)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "<i>change")
	l, err := ledger.Open(t.Context(), ledger.Directory(dir))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC)
	definition := fmt.Sprintf("author: \"<b>axel</b>\"\napprovers: approvers.yaml\nplan: out\nroot: %q\nroles: [security]\nstages:\n  - {name: staging, dsn_env: STAGING_DSN}\n", rootLine)
	if _, err := rollout.Begin(t.Context(), l, rollout.Papers{Definition: []byte(definition), Approvers: approvers, ApproversSig: sshsig.Armor(signature), Plan: &plan.Plan{Schema: plan.SchemaVersion}},
		[]rollout.TargetID{{SystemIdentifier: "1", Database: "app"}}, at); err != nil {
		t.Fatal(err)
	}
	for _, c := range rollout.Collectors() {
		if c.Name == "drift" {
			if err := l.Append(t.Context(), at, ledger.KindFact, "staging", c.NewFact("staging", at, rollout.Fail, "2 objects", "<u>a policy</u> changed")); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

// A rollout's page tells what is missing, by gate and fact; one whose log was changed is told as such, and shows nothing else.
func TestRollouts(t *testing.T) {
	dir, changed := newRollout(t), newRollout(t)
	files, err := filepath.Glob(filepath.Join(changed, "log", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no entries in %s: %v", changed, err)
	}
	text, err := os.ReadFile(files[len(files)-1])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(files[len(files)-1], []byte(strings.Replace(string(text), `"fail"`, `"pass"`, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(changed, filepath.Join(filepath.Dir(changed), "changed")); err != nil {
		t.Fatal(err)
	}
	changed = filepath.Join(filepath.Dir(changed), "changed")
	s := newSite(t, Options{Database: Database{Look: looked(1), Rollouts: []string{dir, changed, filepath.Join(dir, "nowhere")}}, Now: func() time.Time { return time.Date(2027, 1, 2, 3, 5, 0, 0, time.UTC) }})
	s.login(t)
	for path, want := range map[string][]string{
		"/rollouts": {"may not begin", "&lt;i&gt;change", "&lt;b&gt;axel&lt;/b&gt;", "does not hold", "there is no log"},
		"/rollout?name=" + url.QueryEscape("<i>change"): {"RED", "&lt;u&gt;a policy&lt;/u&gt; changed", "2 objects", "nobody signed for security", "Line of time", "created"},
		"/rollout?name=changed":                         {"does not hold"},
	} {
		status, body, _ := s.get(t, path)
		if status != http.StatusOK || strings.Contains(body, "<u>") || strings.Contains(body, "<b>axel") {
			t.Errorf("%s: %d", path, status)
		}
		for _, w := range want {
			if !strings.Contains(body, w) {
				t.Errorf("%s does not hold %q:\n%s", path, w, body)
			}
		}
	}
}
