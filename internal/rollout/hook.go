package rollout

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/ringfencehq/ringfence/internal/secret"
)

// Hooks are commands of the user's, by what they are for: backup_age (prints when the last backup ended), restore (restores one
// somewhere and prints its DSN as the last line), disk (prints free bytes), alert (fires a test alert and returns when it came back), deploy,
// revert, health, smoke, integration, workflows, logins, backlog, p95, sqlstates, notify (is told of each call).
type Hooks map[string]Hook

// A Hook is one command: no shell, a deadline, and its output kept as evidence without secrets.
type Hook struct {
	Argv    []string      `yaml:"argv" json:"argv"`
	Timeout time.Duration `yaml:"timeout" json:"timeout"` // 0: ten minutes
}

// hookOutput bounds what is kept of a hook's output.
const hookOutput = 1 << 20

// hookGrace is how long what a hook has left behind may still write to its output.
const hookGrace = 5 * time.Second

// A HookRun is what one run of a hook gave.
type HookRun struct {
	Hook    string  `json:"hook"`
	Exit    int     `json:"exit"` // -1: it did not end by itself
	Seconds float64 `json:"seconds"`
	Output  string  `json:"output"` // both streams, redacted, cut at 1 MB

	stdout string // as it was; never kept
}

// Last returns the last line that the hook printed.
func (r *HookRun) Last() string {
	lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

// Run runs the hook; nil where there is none of that name. env is added to its environment.
func (h Hooks) Run(ctx context.Context, name string, env ...string) *HookRun {
	hook, ok := h[name]
	if !ok || len(hook.Argv) == 0 {
		return nil
	}
	timeout := hook.Timeout
	if timeout <= 0 {
		timeout = 10 * time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, hook.Argv[0], hook.Argv[1:]...)
	cmd.Env, cmd.WaitDelay = append(os.Environ(), env...), hookGrace
	endTogether(cmd)
	var stdout bytes.Buffer
	var both bytes.Buffer
	cmd.Stdout, cmd.Stderr = &limited{&stdout, &both}, &limited{&both}
	began := time.Now()
	err := cmd.Run()
	r := &HookRun{Hook: name, Exit: cmd.ProcessState.ExitCode(), Seconds: time.Since(began).Seconds(), stdout: stdout.String()}
	if err != nil && r.Exit <= 0 {
		r.Exit = -1
		fmt.Fprintf(&both, "\n%v", err)
	}
	text := both.String()
	if len(text) == hookOutput { // it was cut: half of a secret has no form that is known
		text = text[:strings.LastIndexByte(text, '\n')+1]
	}
	r.Output = secret.Redact(text)
	return r
}

// limited writes to several buffers, and drops what is more than is kept.
type limited []*bytes.Buffer

func (l *limited) Write(p []byte) (int, error) {
	for _, b := range *l {
		b.Write(p[:min(len(p), max(0, hookOutput-b.Len()))])
	}
	return len(p), nil
}

// answer makes a finding of a hook that only has to succeed.
func (t *Target) answer(ctx context.Context, name, passes, fails string) Finding {
	r := t.Hook(ctx, name)
	if r == nil {
		return unknown("no hook %s is given", name)
	}
	f := known(r.Exit == 0, fmt.Sprintf("exit %d", r.Exit), map[bool]string{true: passes, false: fails}[r.Exit == 0])
	f.Raw, f.Seconds = r, r.Seconds
	return f
}

// hooked makes a collector's function of a hook that only has to succeed.
func hooked(name, passes string) func(context.Context, *Target) Finding {
	return func(ctx context.Context, t *Target) Finding {
		return t.answer(ctx, name, passes, "the hook "+name+" failed")
	}
}

// hasHook reports whether there is a hook of that name.
func (t *Target) hasHook(name string) bool { return len(t.Hooks[name].Argv) > 0 }

// Hook runs a hook for the target's stage, which it finds in RINGFENCE_STAGE, as STAGE.DATABASE where the stage has several; nil where there is none of that name.
func (t *Target) Hook(ctx context.Context, name string) *HookRun {
	if t.Stage == nil {
		return t.Hooks.Run(ctx, name)
	}
	return t.Hooks.Run(ctx, name, "RINGFENCE_STAGE="+t.Stage.Name)
}
