package rollout

import (
	"strings"
	"testing"
	"time"

	"github.com/ringfencehq/ringfence/internal/attest"
	"github.com/ringfencehq/ringfence/internal/rollout/ledger"
)

// A stage that is split is as bad as the worst of its databases, signed once over the facts of all of them.
func TestGroup(t *testing.T) {
	w := newWorld(t)
	r := w.rollout
	r.Stages = []Stage{{Name: "staging", SystemIdentifier: "1", Database: "app"}, {Name: "production.eu", SystemIdentifier: "2", Database: "eu"}, {Name: "production.us", SystemIdentifier: "3", Database: "us"}}
	var err error
	w.dir = ledger.Directory(t.TempDir())
	if w.log, err = ledger.Open(t.Context(), w.dir); err != nil {
		t.Fatal(err)
	}
	w.append(t, noon, ledger.KindCreated, "", r)
	decide := func() *Decision {
		t.Helper()
		d, err := w.state(t).DecideGroup("production", w.people, noon.Add(time.Second))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	w.passAll(t, "production.eu", noon)
	if d := decide(); d.Green || !strings.Contains(red(d), "no_drift=unknown") {
		t.Errorf("nothing is known of one database: %s", red(d))
	}
	w.passAll(t, "production.us", noon)
	w.signAll(t, "production.us", noon)
	d := decide()
	if !d.Green || len(d.Signatures) != 4 {
		t.Errorf("all is there, and red: %s, %d signatures", red(d), len(d.Signatures))
	}
	if doc := d.Document(&r); doc.Server["database"] != "eu, us" || doc.Server["system_identifier"] != "2, 3" || doc.Answer != "GREEN" {
		t.Errorf("%+v", doc.Server)
	}
	w.append(t, noon, ledger.KindFact, "production.eu", drift.NewFact("production.eu", noon, Fail, "1 table", "orders changed"))
	if d = decide(); d.Green || red(d) != "no_drift=fail sign_offs=fail" {
		t.Errorf("drift in one database: %s", red(d))
	}
	if text := strings.Join(d.Missing(), "\n"); !strings.Contains(text, "production.eu: orders changed") {
		t.Errorf("it is not said in which: %s", text)
	}
	if us := w.decide(t, "production.us", noon.Add(time.Second)); us.Green || red(us) != "sign_offs=fail" {
		t.Errorf("the other one, whose signatures were over both: %s", red(us))
	}
	// Signatures are over the databases themselves.
	one := attest.DigestOf([]byte("x"))
	a := r.Subjects(&r.Stages[1], one)
	r.Stages[2].Database = "elsewhere"
	if b := r.Subjects(&r.Stages[1], one); a[4].Digest["sha256"] == b[4].Digest["sha256"] {
		t.Error("another database leaves the target as it was signed")
	}
	if got := len(r.Before("production")); got != 1 || r.Before("production")[0].Name != "staging" || len(r.Before("staging")) != 0 {
		t.Errorf("before production stand %d", got)
	}
}

func TestGroupsStandTogether(t *testing.T) {
	w := newWorld(t)
	for names, fine := range map[string]bool{"a b": true, "a.x a.y b": true, "a b.x b.y": true, "a.x b a.y": false, "a a.x": false, "a.x a": false, "a.x a.x": false, "a.x.y": false, "a.": false} {
		r := w.rollout
		r.Stages = nil
		for _, n := range strings.Fields(names) {
			r.Stages = append(r.Stages, Stage{Name: n, SystemIdentifier: "1", Database: n})
		}
		if err := r.Check(); (err == nil) != fine {
			t.Errorf("%s: %v", names, err)
		}
	}
}

func TestSplitDefinition(t *testing.T) {
	for text, want := range map[string]string{
		"databases: [{name: eu, dsn_env: EU}, {name: us, dsn_env: US}]":  "",
		"dsn_env: X, databases: [{name: eu, dsn_env: EU}]":               "a DSN of its own beside them",
		"window: {cron: quietest}, databases: [{name: eu, dsn_env: EU}]": "write the window's cron",
		"databases: [{name: eu}]":                                        "has to name a variable",
		"databases: [{name: eu, dsn_env: 'postgres://u:p@h/d'}]":         "has to name a variable",
	} {
		d, err := ParseDefinition([]byte("{author: a, approvers: b, root: c, plan: d, stages: [{name: production, soak: 1h, " + text + "}]}"))
		switch {
		case want == "" && (err != nil || len(d.Stages) != 2 || d.Stages[1].Name != "production.us" || d.Stages[1].DSN != "US" || d.Stages[1].Soak != "1h"):
			t.Errorf("%s: %+v, %v", text, d, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v", text, err)
		}
	}
}

// What is asked of the stage before is asked of each of its databases.
func TestEarlierIsTheWorst(t *testing.T) {
	found := map[string]Finding{"a": {Outcome: Pass, Why: "a"}, "b": {Outcome: Unknown, Why: "b"}, "c": {Outcome: Fail, Why: "c"}}
	for names, want := range map[string]string{"": "this is the first stage: none is before it", "a": "a", "a b": "b", "b c": "c", "c b a": "c"} {
		target := &Target{}
		for _, n := range strings.Fields(names) {
			target.Earlier = append(target.Earlier, &Target{Stage: &Stage{Name: n}})
		}
		if f := earlier(target, func(before *Target) Finding { return found[before.Stage.Name] }); f.Why != want {
			t.Errorf("%q: %+v", names, f)
		}
	}
}

// What a definition says and nobody would ever ask is an error, not silence.
func TestDefinitionChecks(t *testing.T) {
	for text, want := range map[string]string{
		"hooks: {deploy: {argv: [x], timeout: 5s}, notify: {argv: [y]}}":  "",
		"hooks: {deploi: {argv: [x]}}":                                    `no hook "deploi"`,
		"hooks: {deploy: {argv: []}}":                                     "deploy has no command",
		"hooks: {deploy: {argv: [x], timeout: -5s}}":                      "is negative",
		"roles: [security, security]":                                     `"security" has no name of its own`,
		"roster: {roles: {on_cal: [{name: x, url_env: Y}]}}":              `no role "on_cal"`,
		"roster: {roles: {on_call: [{name: x}]}}":                         "there is no URL",
		"roster: {roles: {on_call: [{name: x, url_env: 'https://u@h'}]}}": "names no variable",
		"roster: {ticket: [{url_env: X}]}":                                "has no name",
		"watch: {calls: -5}":                                              "watch.calls is negative",
		"prometheus: file:///etc/passwd":                                  "prometheus is no address",
		"prometheus: 'https://u:p@prometheus:9090'":                       "prometheus is no address",
	} {
		_, err := ParseDefinition([]byte("{author: a, approvers: b, root: c, plan: d, stages: [{name: production, dsn_env: X}], " + text + "}"))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for window, want := range map[string]string{"{for: 2h}": "cron is missing", "{zone: Europe/Berlin}": "cron is missing", "{}": "", "{cron: '0 2 * * *', for: 2h}": ""} {
		_, err := ParseDefinition([]byte("{author: a, approvers: b, root: c, plan: d, stages: [{name: production, dsn_env: X, window: " + window + "}]}"))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", window, err)
		}
	}
}
