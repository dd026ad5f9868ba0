package rollout

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"

	"github.com/ringfencehq/ringfence/internal/attest"
	"github.com/ringfencehq/ringfence/internal/rollout/ledger"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// A world is a rollout with people who hold keys.
type world struct {
	people  *attest.Approvers
	signers map[string]attest.Signer
	dir     ledger.Directory
	log     *ledger.Log
	rollout Rollout
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOf(t, "staging", "production")
}

// newWorldOf is a world with these stages.
func newWorldOf(t *testing.T, stages ...string) *world {
	t.Helper()
	w := &world{signers: map[string]attest.Signer{}, dir: ledger.Directory(t.TempDir())}
	text := "people:\n"
	for _, p := range []struct{ name, roles string }{{"Tess", "technical_lead"}, {"Dora", "database_administrator"}, {"Sven", "security, technical_lead"},
		{"Olga", "product_owner"}, {"Axel", "technical_lead, security"}} {
		text += fmt.Sprintf("  - name: %s\n    emails: [%s@example.com]\n    roles: [%s]\n    keys: [%q]\n", p.name, strings.ToLower(p.name), p.roles, w.key(t, p.name))
	}
	text += fmt.Sprintf("machines:\n  - name: ci\n    keys: [%q]\n", w.key(t, "ci"))
	var err error
	if w.people, err = attest.ParseApprovers([]byte(text)); err != nil {
		t.Fatal(err)
	}
	w.rollout = Rollout{Schema: Version, ID: "r1", Created: noon, Author: "axel@example.com", Definition: "-", Roles: DefaultRoles, Root: w.key(t, "root")}
	w.seal(t, text)
	for i, name := range stages {
		w.rollout.Stages = append(w.rollout.Stages, Stage{Name: name, SystemIdentifier: fmt.Sprint(i + 1), Database: "app"})
	}
	if w.log, err = ledger.Open(context.Background(), w.dir); err != nil {
		t.Fatal(err)
	}
	w.append(t, noon, ledger.KindCreated, "", w.rollout)
	return w
}

// seal keeps what a rollout is made from: a plan, its way back, and the approvers, sealed by the root.
func (w *world) seal(t *testing.T, approvers string) {
	t.Helper()
	raw, err := w.signers["root"].Sign(context.Background(), []byte(approvers))
	if err != nil {
		t.Fatal(err)
	}
	signature, err := sshsig.ParseSignature(raw)
	if err != nil {
		t.Fatal(err)
	}
	for into, text := range map[*attest.Digest]string{&w.rollout.Plan: "plan", &w.rollout.Rollback: "back", &w.rollout.Approvers: approvers, &w.rollout.ApproversSig: string(sshsig.Armor(signature))} {
		if *into, err = w.dir.Keep(context.Background(), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
}

func (w *world) key(t *testing.T, name string) string {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	w.signers[name] = attest.SSHSigner(s)
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(s.PublicKey())))
}

func (w *world) append(t *testing.T, at time.Time, kind ledger.Kind, stage string, body any) {
	t.Helper()
	if err := w.log.Append(context.Background(), at, kind, stage, body); err != nil {
		t.Fatal(err)
	}
}

func (w *world) state(t *testing.T) *State {
	t.Helper()
	s, err := Replay(w.log.Entries())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// passAll has every collector say that all is well.
func (w *world) passAll(t *testing.T, stage string, at time.Time) {
	t.Helper()
	for _, c := range Collectors() {
		if !c.Attested {
			w.append(t, at, ledger.KindFact, stage, c.NewFact(stage, at, Pass, "1", ""))
			continue
		}
		s := w.state(t)
		target, _ := s.Rollout.Stage(stage)
		word, err := s.Say(target, c.Name, true, "I was called and answered", at)
		if err != nil {
			t.Fatal(err)
		}
		if err := attest.Sign(context.Background(), word, w.signers["Olga"]); err != nil {
			t.Fatal(err)
		}
		w.append(t, at, ledger.KindWord, stage, word)
	}
}

func (w *world) sign(t *testing.T, stage, who, role string, at time.Time) error {
	t.Helper()
	s := w.state(t)
	target, _ := s.Rollout.Stage(stage)
	e, err := s.Sign(context.Background(), w.people, target, role, w.signers[who], at)
	if err != nil {
		return err
	}
	w.append(t, at, ledger.KindSignature, stage, e)
	return nil
}

func (w *world) signAll(t *testing.T, stage string, at time.Time) {
	t.Helper()
	for who, role := range map[string]string{"Tess": "technical_lead", "Dora": "database_administrator", "Sven": "security", "Olga": "product_owner"} {
		if err := w.sign(t, stage, who, role, at); err != nil {
			t.Fatal(err)
		}
	}
}

func (w *world) decide(t *testing.T, stage string, at time.Time) *Decision {
	t.Helper()
	s := w.state(t)
	target, _ := s.Rollout.Stage(stage)
	d, err := s.Decide(target, w.people, at)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// red returns the gates that are not passed.
func red(d *Decision) string {
	var out []string
	for _, c := range d.Checks {
		if c.Outcome != Pass {
			out = append(out, c.Gate.Name+"="+c.Outcome.String())
		}
	}
	return strings.Join(out, " ")
}

func TestGreenNeedsEverything(t *testing.T) {
	w := newWorld(t)
	if d := w.decide(t, "production", noon); d.Green || len(strings.Fields(red(d))) != len(Gates()) { // the clock is judged by a fact too
		t.Errorf("nothing is known, and: green %t, %s", d.Green, red(d))
	}
	w.passAll(t, "production", noon)
	if d := w.decide(t, "production", noon.Add(time.Second)); d.Green || red(d) != "sign_offs=fail" {
		t.Errorf("without signatures: %s", red(d))
	}
	w.signAll(t, "production", noon)
	if d := w.decide(t, "production", noon.Add(time.Second)); !d.Green {
		t.Errorf("all is there, and red: %s", red(d))
	}
	d := w.decide(t, "production", noon.Add(2*time.Minute))
	if d.Green || !d.Stale || red(d) != "capacity=unknown load=unknown" {
		t.Errorf("two minutes later: stale %t, %s", d.Stale, red(d))
	}
	if d := w.decide(t, "production", noon.Add(8*day)); d.Green || !d.Stale || !strings.Contains(red(d), "sign_offs=fail") {
		t.Errorf("facts and signatures expired: stale %t, %s", d.Stale, red(d))
	}
	w.append(t, noon, ledger.KindFact, "production", drift.NewFact("production", noon, Fail, "1 table", "orders changed"))
	if d := w.decide(t, "production", noon.Add(time.Second)); d.Green || d.Stale || red(d) != "no_drift=fail sign_offs=fail" {
		t.Errorf("after drift, which nobody signed: stale %t, %s", d.Stale, red(d))
	}
}

// Whoever sets the clock back brings no expired signature to life.
func TestClockSetBack(t *testing.T) {
	w := newWorld(t)
	w.passAll(t, "production", noon)
	w.signAll(t, "production", noon)
	late := noon.Add(4 * day)
	w.append(t, late, ledger.KindSample, "production", Sample{At: late})
	w.append(t, late, ledger.KindSample, "staging", Sample{At: late.Add(day)})
	back := noon.Add(time.Second)
	if d := w.decide(t, "production", back); d.Green || d.Stale || red(d) != "clock=fail" || !strings.Contains(strings.Join(d.Missing(), "\n"), "the clock was set back") {
		t.Errorf("the clock was set back: green %t, %s: %q", d.Green, red(d), d.Missing())
	}
	w.passAll(t, "production", late)
	w.signAll(t, "production", late)
	if d := w.decide(t, "production", late.Add(time.Second)); !d.Green {
		t.Errorf("the clock goes forward: %s", red(d))
	}
	for apart, want := range map[time.Duration]Outcome{0: Pass, -20 * time.Second: Pass, time.Minute: Fail, -time.Hour: Fail} {
		if f := clockApart(apart); f.Outcome != want {
			t.Errorf("%s apart: %s", apart, f.Outcome)
		}
	}
}

// What only a person can say counts where a person signed it, and nothing measured can be said.
func TestWords(t *testing.T) {
	w := newWorld(t)
	s := w.state(t)
	stage, _ := s.Rollout.Stage("production")
	if _, err := s.Say(stage, "drift", true, "I looked", noon); err == nil {
		t.Error("a measured fact can be said")
	}
	for who, want := range map[string]Outcome{"ci": Unknown, "Olga": Pass} {
		w := newWorld(t)
		s := w.state(t)
		word, err := s.Say(stage, "on_call_answer", true, "I answered", noon)
		if err != nil {
			t.Fatal(err)
		}
		if err := attest.Sign(context.Background(), word, w.signers[who]); err != nil {
			t.Fatal(err)
		}
		w.append(t, noon, ledger.KindWord, "production", word)
		for _, c := range w.decide(t, "production", noon).Checks {
			if c.Gate == &onCallReachable && c.Outcome != want {
				t.Errorf("said by %s: %s", who, c.Outcome)
			}
		}
	}
}

func TestFirstStageHasNoEarlierOne(t *testing.T) {
	w := newWorld(t)
	for _, c := range w.decide(t, "staging", noon).Checks {
		if c.Gate.Later {
			t.Errorf("%s is asked of the first stage", c.Gate.Name)
		}
	}
}

func TestSignaturesThatDoNotCount(t *testing.T) {
	w := newWorld(t)
	w.passAll(t, "production", noon)
	for who, role := range map[string]string{"Axel": "technical_lead", "ci": "security", "Tess": "security"} {
		if err := w.sign(t, "production", who, role, noon); err == nil {
			t.Errorf("%s signs for %s", who, role)
		}
	}
	// The author's signature put into the log by hand does not count either.
	s := w.state(t)
	stage, _ := s.Rollout.Stage("production")
	forced, err := s.Approve(stage, "technical_lead", noon)
	if err != nil {
		t.Fatal(err)
	}
	if err := attest.Sign(context.Background(), forced, w.signers["Axel"]); err != nil {
		t.Fatal(err)
	}
	w.append(t, noon, ledger.KindSignature, "production", forced)
	for who, role := range map[string]string{"Dora": "database_administrator", "Sven": "security", "Olga": "product_owner"} {
		if err := w.sign(t, "production", who, role, noon); err != nil {
			t.Fatal(err)
		}
	}
	d := w.decide(t, "production", noon)
	if red(d) != "sign_offs=fail" || !strings.Contains(why(d, "sign_offs"), "nobody signed for technical_lead; Axel's signature for technical_lead does not count: Axel made the change") {
		t.Errorf("%s: %s", red(d), why(d, "sign_offs"))
	}
	// Sven has two of the roles and counts for one.
	if err := w.sign(t, "production", "Sven", "technical_lead", noon); err != nil {
		t.Fatal(err)
	}
	if d := w.decide(t, "production", noon); red(d) != "sign_offs=fail" {
		t.Errorf("one person for two roles: %s", red(d))
	}
	if err := w.sign(t, "production", "Tess", "technical_lead", noon); err != nil {
		t.Fatal(err)
	}
	if d := w.decide(t, "production", noon); !d.Green {
		t.Errorf("four persons: %s: %s", red(d), why(d, "sign_offs"))
	}
	if d := w.decide(t, "production", noon.Add(73*time.Hour)); !strings.Contains(why(d, "sign_offs"), "it expired") {
		t.Errorf("after 73 hours: %s", why(d, "sign_offs"))
	}
	changed := *w.state(t)
	changed.Rollout.Plan = attest.DigestOf([]byte("another plan"))
	after, err := changed.Decide(stage, w.people, noon)
	if err != nil || after.Green || !strings.Contains(why(after, "sign_offs"), "the plan is not what was signed") {
		t.Errorf("an edited plan: %v: %s", err, why(after, "sign_offs"))
	}
}

func why(d *Decision, gate string) string {
	for _, c := range d.Checks {
		if c.Gate.Name == gate {
			return c.Why
		}
	}
	return ""
}

func TestTamperedSignatureDecidesNothing(t *testing.T) {
	w := newWorld(t)
	w.passAll(t, "production", noon)
	w.signAll(t, "production", noon)
	s := w.state(t)
	s.Approvals[0].Signatures[0].Sig = s.Approvals[1].Signatures[0].Sig
	stage, _ := s.Rollout.Stage("production")
	if _, err := s.Decide(stage, w.people, noon); !errors.Is(err, attest.ErrSignature) {
		t.Errorf("a signature that does not hold: %v", err)
	}
}

func TestWaivers(t *testing.T) {
	w := newWorld(t)
	w.passAll(t, "production", noon)
	fail := disk.NewFact("production", noon, Fail, "1 GB", "too little")
	w.append(t, noon, ledger.KindFact, "production", fail)
	s := w.state(t)
	stage, _ := s.Rollout.Stage("production")
	for _, fact := range []string{"drift", "isolation", "identity", "unheard_of"} {
		if _, err := s.Waive(stage, fact, "because", noon.Add(time.Hour)); err == nil {
			t.Errorf("%s can be waived", fact)
		}
	}
	e, err := s.Waive(stage, "disk", "the volume grows by itself", noon.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	w.append(t, noon, ledger.KindWaiver, "production", e)
	w.signAll(t, "production", noon)
	if d := w.decide(t, "production", noon); red(d) != "capacity=fail" {
		t.Errorf("a waiver that nobody signed: %s", red(d))
	}
	if err := attest.Sign(context.Background(), e, w.signers["Dora"]); err != nil {
		t.Fatal(err)
	}
	w.append(t, noon, ledger.KindWaiver, "production", e)
	if d := w.decide(t, "production", noon); !d.Green {
		t.Errorf("waived: %s", red(d))
	}
	if d := w.decide(t, "production", noon.Add(time.Hour)); d.Green || !strings.Contains(red(d), "capacity=") {
		t.Errorf("an expired waiver: %s", red(d))
	}
}

func TestChain(t *testing.T) {
	w := newWorld(t)
	w.passAll(t, "staging", noon)
	whole := w.log.Entries()
	if err := ledger.Chain(whole); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func([]ledger.Entry) []ledger.Entry{
		"changed":   func(e []ledger.Entry) []ledger.Entry { e[2].Body = json.RawMessage(`{"outcome":"pass"}`); return e },
		"taken out": func(e []ledger.Entry) []ledger.Entry { return append(e[:3], e[4:]...) },
		"moved":     func(e []ledger.Entry) []ledger.Entry { e[2], e[3] = e[3], e[2]; return e },
		"beheaded":  func(e []ledger.Entry) []ledger.Entry { return e[1:] },
		"doubled":   func(e []ledger.Entry) []ledger.Entry { return append(e, e[len(e)-1]) },
		"backdated": func(e []ledger.Entry) []ledger.Entry { e[2].At = e[2].At.Add(-time.Hour); return e },
	} {
		if err := ledger.Chain(change(append([]ledger.Entry(nil), whole...))); !errors.Is(err, ledger.ErrChain) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A file of the log that two readers would read in two ways is not whole, though its hash holds for one of them.
func TestEntryTakesOneReading(t *testing.T) {
	w := newWorld(t)
	file := filepath.Join(string(w.dir), "log", "000001-created.json")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{`"sequence": 1,`: `"sequence": 7, "sequence": 1,`, `"author": "`: `"author": "someone@example.com", "author": "`} {
		if !strings.Contains(string(whole), from) {
			t.Fatalf("no %s in it", from)
		}
		if err := os.WriteFile(file, []byte(strings.Replace(string(whole), from, to, 1)), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := w.dir.Entries(t.Context(), 0); !errors.Is(err, ledger.ErrChain) {
			t.Errorf("%s: %v", to, err)
		}
	}
}

func TestDirectoriesAgree(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	w.passAll(t, "staging", noon)
	behind := ledger.Directory(t.TempDir())
	if err := behind.Append(ctx, w.log.Entries()[0]); err != nil {
		t.Fatal(err)
	}
	both, err := ledger.Open(ctx, w.dir, behind)
	if err != nil {
		t.Fatal(err)
	}
	alone, err := ledger.Open(ctx, behind)
	if err != nil || len(alone.Entries()) != len(both.Entries()) {
		t.Errorf("what was behind has %d of %d entries, %v", len(alone.Entries()), len(both.Entries()), err)
	}
	if err := w.log.Append(ctx, noon, ledger.KindFact, "staging", drift.NewFact("staging", noon, Pass, "", "")); err != nil {
		t.Fatal(err)
	}
	if err := alone.Append(ctx, noon, ledger.KindFact, "staging", drift.NewFact("staging", noon, Fail, "", "")); err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.Open(ctx, w.dir, behind); !errors.Is(err, ledger.ErrDisagree) {
		t.Errorf("two that disagree: %v", err)
	}
}

func TestEvidenceIsHeldToItsDigest(t *testing.T) {
	ctx := context.Background()
	d := ledger.Directory(t.TempDir())
	digest, err := d.Keep(ctx, []byte("raw"))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := d.Keep(ctx, []byte("raw")); err != nil || again != digest {
		t.Errorf("the same again: %v, %v", again, err)
	}
	if raw, err := d.Evidence(ctx, digest); err != nil || string(raw) != "raw" {
		t.Errorf("%q, %v", raw, err)
	}
	if err := os.WriteFile(filepath.Join(string(d), "evidence", string(digest)), []byte("rAw"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []attest.Digest{digest, "../log", attest.DigestOf([]byte("other"))} {
		if _, err := d.Evidence(ctx, bad); !errors.Is(err, ledger.ErrEvidence) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestWindow(t *testing.T) {
	w := Window{Cron: "0 2 * * *", Zone: "Europe/Berlin", For: 2 * time.Hour}
	for at, want := range map[string]bool{"2026-03-02T00:59:00Z": false, "2026-03-02T01:00:00Z": true, "2026-03-02T02:59:00Z": true, "2026-03-02T03:00:00Z": false} {
		now, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		open, next, err := w.Open(now)
		if err != nil || open != want || !open && !next.After(now) {
			t.Errorf("%s: open %t, next %s, %v", at, open, next, err)
		}
	}
	for _, bad := range []Window{{Cron: "x", For: time.Hour}, {Cron: "0 2 * * *", Zone: "Moon", For: time.Hour}, {Cron: "0 2 * * *"},
		{Cron: "@every 1s", For: time.Hour}, {Cron: "CRON_TZ=UTC 0 2 * * *", For: time.Hour}, {Cron: "0 2 30 2 *", For: time.Hour}, {Cron: "0 2 * * *", Zone: "Local", For: time.Hour}} {
		if _, _, err := bad.Open(noon); err == nil {
			t.Errorf("%+v is a window", bad)
		}
	}
}

// A decision says where the stage is already, so that nobody takes it for one that is to begin.
func TestStanding(t *testing.T) {
	w := newWorld(t)
	stands := func(want string, applied bool) {
		t.Helper()
		if d := w.decide(t, "staging", noon.Add(time.Minute)); d.Standing != want || d.Applied.IsZero() == applied {
			t.Errorf("it is %q since %s, want %q", d.Standing, d.Applied, want)
		}
	}
	stands("not begun", false)
	w.append(t, noon, ledger.KindBegun, "staging", Progress{Cohort: 1, Of: 1})
	stands("begun 2026-03-02 12:00 UTC, 0 cohorts applied", false)
	w.append(t, noon, ledger.KindApplied, "staging", Progress{Cohort: 1, Of: 1})
	stands("applied already, 2026-03-02 12:00 UTC", true)
	w.append(t, noon, ledger.KindReturned, "staging", Return{Rung: heldRung})
	stands("taken back 2026-03-02 12:00 UTC", false)
	w.append(t, noon, ledger.KindClosed, "", struct{}{})
	stands("taken back 2026-03-02 12:00 UTC; the rollout is closed", false)
}
