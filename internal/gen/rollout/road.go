package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ringfencehq/ringfence/examples/callcenter"
	"github.com/ringfencehq/ringfence/internal/cli"
	"github.com/ringfencehq/ringfence/internal/rollout"
	"github.com/ringfencehq/ringfence/internal/rollout/ledger"
)

// The stages, in their order, and the variable that holds the operator's DSN of each.
var stages = []string{"staging", "production"}

func variable(stage string) string { return strings.ToUpper(stage) + "_DSN" }

// begin is the time at which the rollout begins: a Monday evening.
var begin = time.Date(2025, 3, 3, 18, 0, 0, 0, time.UTC)

// night is when the window of production is open.
const night = 2 * time.Hour

// A run is one rollout of reference system B, under way.
type run struct {
	ctx       context.Context
	soak, day time.Duration
	clock     *clock
	centers   map[string]*center
	at        *center // the one whose application works while time passes
	alerts    *alerts
	said      []command
	failed    error
}

// A command is one that was run, with what it said.
type command struct {
	At   time.Time
	Took time.Duration
	Args []string
	Exit int
	Says string // its notes
}

// start brings up both call centres, what stands beside them, and the files that a rollout is made from.
func start(ctx context.Context, soak, day time.Duration) (*run, error) {
	r := &run{ctx: ctx, soak: soak, day: day, centers: map[string]*center{}, clock: &clock{now: begin}}
	r.clock.meanwhile = r.meanwhile
	var err error
	if r.alerts, err = serveAlerts(); err != nil {
		return nil, err
	}
	if err := errors.Join(os.Setenv(pagerURL, r.alerts.base+"/page"), os.Setenv("RINGFENCE_OPERATOR", "otto")); err != nil {
		return nil, errors.Join(err, r.stop())
	}
	for _, stage := range stages {
		if r.centers[stage], err = newCenter(ctx, stage); err != nil {
			return nil, errors.Join(err, r.stop())
		}
	}
	return r, nil
}

func (r *run) stop() (err error) {
	for _, c := range r.centers {
		err = errors.Join(err, c.stop())
	}
	r.alerts.close()
	return err
}

// meanwhile has the application of the stage that is watched work, and takes the backups of each night, while time passes.
func (r *run) meanwhile(now time.Time) {
	if r.at == nil || r.failed != nil {
		return
	}
	r.failed = r.at.work(r.ctx, 5)
	if r.failed == nil && now.Sub(r.at.backedUp) > 20*time.Hour {
		r.failed = r.at.backUp(r.ctx, now)
	}
}

// do runs one command of ringfence, which has to end with the code, and keeps what it said for the page. What begins with $ is a variable.
func (r *run) do(want int, args ...string) error {
	_, err := r.read(want, args...)
	return err
}

// read is do, and gives what the command wrote to stdout.
func (r *run) read(want int, args ...string) ([]byte, error) {
	real := make([]string, len(args))
	for i, a := range args {
		if real[i] = a; strings.HasPrefix(a, "$") {
			real[i] = os.Getenv(a[1:])
		}
	}
	var stdout, stderr bytes.Buffer
	began, at := time.Now(), r.clock.Now()
	code := cli.Do(real, cli.World{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: io.MultiWriter(&stderr, os.Stderr), Env: os.LookupEnv, Clock: r.clock})
	r.said = append(r.said, command{at, time.Since(began), args, code, stderr.String()})
	if code != want || r.failed != nil {
		return nil, errors.Join(fmt.Errorf("ringfence %s: exit %d, want %d\n%s", strings.Join(args, " "), code, want, stdout.String()), r.failed)
	}
	return stdout.Bytes(), r.ctx.Err()
}

// road is the whole way.
func (r *run) road() error {
	for _, step := range []func() error{r.files, r.before, r.staging, r.production, r.close} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// files are the plan, made from staging, the keys, the sealed approvers, and rollout.yaml.
func (r *run) files() error {
	if err := os.WriteFile("ringfence.yaml", callcenter.Config, 0o644); err != nil {
		return err
	}
	if err := r.do(0, "plan", "$STAGING_DSN", "-o", planDir, "--allow", "drop_policy", "--allow", "unique_swap", "-q"); err != nil {
		return err
	}
	root, err := writePeople()
	if err != nil {
		return err
	}
	if err := r.do(0, "rollout", "seal", "approvers.yaml", "--key", "root"); err != nil {
		return err
	}
	if err := installHook(); err != nil {
		return err
	}
	if err := os.WriteFile("rollout.yaml", []byte(definition(root, r.alerts.base, r.soak)), 0o644); err != nil {
		return err
	}
	return r.do(0, "rollout", "new")
}

// before measures both systems as they are today, six times, so that what comes after can be compared by rank.
func (r *run) before() error {
	for range 6 {
		r.clock.now = r.clock.now.Add(5 * time.Minute)
		for _, stage := range stages {
			if err := r.centers[stage].work(r.ctx, 10); err != nil {
				return err
			}
			if err := r.do(0, "rollout", "watch", "--stage", stage, "--before", "-q"); err != nil {
				return err
			}
		}
	}
	return nil
}

// ready takes a backup, finds out every fact of a stage, has the one on call answer, waives what cannot be known yet, and gets four signatures.
func (r *run) ready(stage, waiver string) error {
	if err := r.centers[stage].backUp(r.ctx, r.clock.Now()); err != nil {
		return err
	}
	r.clock.now = r.clock.now.Add(10 * time.Minute)
	steps := [][]string{
		{"rehearse", "--key", machineKey, "-q", "-o", os.DevNull},
		{"attest", "--fact", "on_call_answer", "--text", "called by the pager, answered after two minutes", "--key", "owen"},
		{"waive", "--fact", "application_path", "--reason", waiver, "--key", "sara"},
	}
	for _, p := range signers {
		steps = append(steps, []string{"sign", "--role", p.role, "--key", p.name})
	}
	for _, s := range steps {
		if err := r.do(0, append([]string{"rollout", s[0], "--stage", stage}, s[1:]...)...); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) staging() error {
	r.at = r.centers["staging"]
	if err := r.do(4, "rollout", "check", "--stage", "staging", "-q", "-o", os.DevNull); err != nil {
		return err
	}
	if err := r.ready("staging", "the role that the application will log in as is made by the plan; it is tried once staging is applied"); err != nil {
		return err
	}
	return r.out("staging", r.soak, "application_path", "integration", "workflows", "health", "logins", "indexes_used")
}

// out applies a stage, tries the application, and looks at the stage whenever the schedule keeps a sample, as a scheduler would have it, until
// it has soaked for as long as is wanted. A sample that does not count, since a server under other load did not answer in time, costs its time
// again.
func (r *run) out(stage string, want time.Duration, facts ...string) error {
	begun := r.clock.Now()
	if err := r.do(0, "rollout", "advance", "--stage", stage, "-q", "-o", os.DevNull); err != nil {
		return err
	}
	args := []string{"rollout", "rehearse", "--stage", stage, "-q", "-o", os.DevNull}
	for _, f := range facts {
		args = append(args, "--fact", f)
	}
	if err := r.do(0, args...); err != nil {
		return err
	}
	for soaked := time.Duration(0); soaked < want; {
		if err := r.clock.Wait(r.ctx, rollout.Every(r.clock.Now().Sub(begun))); err != nil {
			return err
		}
		if err := r.do(0, "rollout", "watch", "--stage", stage, "--once", "-q", "-o", os.DevNull); err != nil {
			return err
		}
		entries, err := ledger.Directory(rolloutDir).Entries(r.ctx, 0)
		if err != nil {
			return err
		}
		s, err := rollout.Replay(entries)
		if err != nil {
			return err
		}
		soaked = s.Stages[stage].Soaked()
	}
	return nil
}

func (r *run) production() error {
	r.at = r.centers["production"]
	today := r.clock.Now().Truncate(24 * time.Hour)
	if err := r.do(4, "rollout", "advance", "--stage", "production", "-q"); err != nil { // at daytime the window is shut
		return err
	}
	r.clock.now = today.Add(24*time.Hour + night)
	if err := r.ready("production", "the role is made by the plan; at staging it was tried after that: see the fact application_path there"); err != nil {
		return err
	}
	decision, err := r.read(0, "rollout", "check", "--stage", "production", "--format", "markdown", "-q")
	if err != nil {
		return err
	}
	if err := os.WriteFile(decisionFile, decision, 0o644); err != nil {
		return err
	}
	return r.out("production", r.day, "application_path", "integration", "workflows", "health", "logins")
}

// close finds out again what the windows of success ask for, ends the rollout, and checks all of it offline.
func (r *run) close() error {
	if err := r.centers["production"].backUp(r.ctx, r.clock.Now()); err != nil {
		return err
	}
	r.clock.now = r.clock.now.Add(10 * time.Minute)
	args := []string{"rollout", "rehearse", "--stage", "production", "--key", machineKey, "-q", "-o", os.DevNull}
	for _, f := range []string{"application_path", "integration", "workflows", "health", "logins", "indexes_used", "disk", "backup_age", "backup_restore", "alert_rules", "alert_arrival", "isolation", "negative_control", "documents", "secrets",
		"backlog", "metrics_scraped", "own_errors", "attempts_recorded", "sockets_stable", "journal", "cpu", "memory", "triage", "trail_complete", "pin_logins"} {
		args = append(args, "--fact", f)
	}
	if err := r.do(0, args...); err != nil {
		return err
	}
	if err := r.do(0, "rollout", "close"); err != nil {
		return err
	}
	root, err := os.ReadFile("root.pub")
	if err != nil {
		return err
	}
	if err := os.Setenv(rootKey, strings.TrimSpace(string(root))); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(rolloutDir, "root.pub"), root, 0o644); err != nil {
		return err
	}
	return r.do(0, "rollout", "verify", rolloutDir, "--root", "$"+rootKey, "-o", os.DevNull)
}
