package cli

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/rollout"
	"github.com/ringfencehq/ringfence/internal/rollout/ledger"
)

// childArgs holds the arguments of a ringfence that a test starts as a process of its own, to be killed.
const childArgs = "RINGFENCE_TEST_CHILD"

func TestMain(m *testing.M) {
	if text := os.Getenv(childArgs); text != "" {
		var args []string
		if err := json.Unmarshal([]byte(text), &args); err != nil {
			panic(err)
		}
		os.Exit(Do(args, World{Stdin: strings.NewReader(""), Stdout: os.Stdout, Stderr: os.Stderr, Env: os.LookupEnv}))
	}
	os.Exit(m.Run())
}

// child runs a command in a process of its own. killed says that it did not end by itself.
func (d *desk) child(args ...string) (code int, killed bool, said string) {
	d.t.Helper()
	text, err := json.Marshal(args)
	if err != nil {
		d.t.Fatal(err)
	}
	cmd := exec.CommandContext(d.t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childArgs+"="+string(text))
	for name, value := range d.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.CombinedOutput()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		d.t.Fatal(err)
	}
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	return cmd.ProcessState.ExitCode(), status.Signaled(), string(out)
}

// entries reads the log.
func (d *desk) entries() []ledger.Entry {
	d.t.Helper()
	entries, err := ledger.Directory(defaultRolloutDir).Entries(context.Background(), 0)
	if err != nil {
		d.t.Fatal(err)
	}
	return entries
}

// counted is how many entries of a kind the log has.
func (d *desk) counted(kind ledger.Kind) (n int) {
	for _, e := range d.entries() {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

// TestKilledRollout kills the process while a cohort is watched, while the code goes out, and while the stage is taken back. Started again
// with the same words it does what was left, once: what was applied is watched before more is, the code goes out, and what stopped the
// stage takes it back though it is in the log already.
func TestKilledRollout(t *testing.T) {
	d := newScene(t, false, func(definition string) string {
		dies := func(at string) string {
			return "if test -e kill." + at + "; then rm kill." + at + "; kill -9 $PPID; exit 1; fi; "
		}
		applied := "if ls ringfence-rollout/log/*-applied.json >/dev/null 2>&1; then " + dies("settle") + "fi; "
		return strings.NewReplacer("settle: 0s", "settle: 1s, cohorts: [[public.notes], [public.orders]]",
			"[touch, deployed]", `[sh, -c, "`+dies("deploy")+`echo x >> deployed"]`,
			"[touch, reverted]", `[sh, -c, "`+dies("revert")+`echo x >> reverted"]`,
			"[cat, p95]", `[sh, -c, "`+applied+`cat p95"]`).Replace(definition)
	})
	write(t, "healthy", "")
	dies := func(at string, args ...string) {
		t.Helper()
		write(t, "kill."+at, "")
		if _, killed, said := d.child(args...); !killed {
			t.Fatalf("ringfence %s was not killed at %s:\n%s", strings.Join(args, " "), at, said)
		}
	}
	ends := func(want int, why string, args ...string) {
		t.Helper()
		if code, killed, said := d.child(args...); killed || code != want || !strings.Contains(said, why) {
			t.Fatalf("ringfence %s: exit %d, want %d since %q\n%s", strings.Join(args, " "), code, want, why, said)
		}
	}

	dies("settle", "rollout", "advance", "-q")
	dies("deploy", "rollout", "advance", "-q")
	var order []string
	for _, e := range d.entries() {
		kind := string(e.Kind)
		if strings.Contains("begun applied sample deploying out", kind) && (len(order) == 0 || order[len(order)-1] != kind) {
			order = append(order, kind)
		}
	}
	if got := strings.Join(order, " "); got != "sample begun applied sample begun applied begun applied deploying" {
		t.Errorf("the first cohort was not watched before the second was begun: %s", got)
	}
	ends(0, "", "rollout", "advance", "-q")
	if text, _ := os.ReadFile("deployed"); string(text) != "x\n" || d.counted(ledger.KindOut) != 1 {
		t.Errorf("the code went out as %q, with %d entries of it", text, d.counted(ledger.KindOut))
	}
	ends(4, "is applied already", "rollout", "advance", "--stage", "production", "-q")

	d.dbs[0].Exec(t, "DO $$ BEGIN EXECUTE (SELECT 'ALTER POLICY ' || quote_ident(polname) || ' ON orders USING (total < 0)' FROM pg_policy WHERE polrelid = 'orders'::regclass); END $$")
	dies("revert", "rollout", "watch", "--once", "-q")
	if s := d.stageStatus("production"); len(s.Returning) != 1 || s.State == "returned" || len(s.Pages) != 0 {
		t.Fatalf("after it was killed in its return: %s, %+v", s.State, s.Returning)
	}
	ends(4, "is not finished", "rollout", "close")
	ends(4, "an earlier run had begun", "rollout", "watch", "--once", "-q")
	s := d.stageStatus("production")
	rungs := map[string]int{}
	for _, r := range s.Returns {
		rungs[r.Rung]++
	}
	if text, _ := os.ReadFile("reverted"); string(text) != "x\n" || rungs["code"] != 1 || rungs["held"] == 0 || len(s.Returning) != 0 || len(s.Pages) == 0 {
		t.Errorf("returned by %v, the code by %q; %d calls; left: %+v", rungs, text, len(s.Pages), s.Returning)
	}
}

// TestKilledInARung leaves a log as a process does that was killed between writing down that a rung begins and what came of it. The next
// watch does the rung, counts the time since it was begun, and calls people.
func TestKilledInARung(t *testing.T) {
	d := newScene(t, false)
	write(t, "healthy", "")
	d.must(0, "rollout", "advance", "-q")
	begun := d.clock.Now()
	l, err := ledger.Open(t.Context(), ledger.Directory(defaultRolloutDir))
	if err != nil {
		t.Fatal(err)
	}
	signal := rollout.Signal{At: begun, Name: "rows_collapse", Path: rollout.PathOwner, Severity: 1, Tables: []string{"public.orders"}, Why: "no rows"}
	rung := rollout.Return{At: begun, Rung: "insecure-disable", Tables: signal.Tables, Signal: signal.Name, Reason: signal.Why, Opened: true, By: "axel"}
	for _, e := range []struct {
		kind ledger.Kind
		body any
	}{{ledger.KindSignal, signal}, {ledger.KindReturning, rung}} {
		if err := l.Append(t.Context(), begun, e.kind, "production", e.body); err != nil {
			t.Fatal(err)
		}
	}
	if out, _ := d.must(0, "rollout", "status"); !strings.Contains(out, "insecure-disable on 1 tables, begun") {
		t.Errorf("status does not tell of it:\n%s", out)
	}
	d.clock.now = begun.Add(7 * time.Minute)
	d.refusedFor(4, "which an earlier run had begun: ", "rollout", "watch", "--once", "--stage", "production")
	s := d.stageStatus("production")
	var did []string
	for _, r := range s.Returns {
		did = append(did, r.Rung)
	}
	// The rung that was begun first; then those that the signal still asks for.
	if got := strings.Join(did, " "); got != "insecure-disable code no-force" || len(s.Exposures) != 1 || !s.Exposures[0].From.Equal(begun) || s.Exposed != "7m0s" || len(s.Pages) == 0 {
		t.Errorf("did %s; exposed %s by %+v, %d calls", got, s.Exposed, s.Exposures, len(s.Pages))
	}
	flags := pgtest.Query(t, d.dbs[0].Super, "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = 'orders'::regclass")
	if got := strings.Join(flags[0], " "); got != "f f" {
		t.Errorf("orders has %s", got)
	}
}
