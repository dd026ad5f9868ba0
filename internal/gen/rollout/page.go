package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ringfencehq/ringfence/examples/callcenter"
)

// bundle is where the rollout's directory is copied to, below where the page is written.
const bundle = "callcenter-rollout"

// publish copies the rollout's directory, with its papers and the decision as it was printed, and writes the page that leads to them.
func (r *run) publish(out string) error {
	dir := filepath.Join(out, bundle)
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.CopyFS(dir, os.DirFS(rolloutDir)); err != nil {
		return err
	}
	decision, err := os.ReadFile(decisionFile)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, decisionFile), decision, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, "callcenter.md"), []byte(r.page()), 0o644)
}

const pageHead = `# A rollout, from its plan to its closing report

Reference system B is a call centre whose %d tables were shared by all customers without protection. This page shows its rollout by
Ringfence: from the plan over staging and a soak of %s to production, and to the closing report %s later. Every command below was run,
on two PostgreSQL servers of their own, with %d organisations and %d rows in the largest table, while the application read and wrote.

| Read this | to know |
| --- | --- |
| [The decision](callcenter-rollout/decision.md) | whether the change may go out, and why: one page, as it stood when production was begun |
| [Sign-offs](callcenter-rollout/papers/SIGNOFF.md) | what each of the four answered for, and what each item rests on |
| [Runbook](callcenter-rollout/papers/RUNBOOK.md) | what to run, in eight steps, and the three ways back |
| [Incident](callcenter-rollout/papers/INCIDENT.md) | what to do where tenants see each other's rows, or no longer their own |
| [What auditors ask](callcenter-rollout/papers/compliance.md) | SOC 2 and PCI DSS controls, and the facts that show them |
| [Closing report](callcenter-rollout/papers/REPORT.md) | requirement and evidence, the windows of success, figures, what is open |

## Check it yourself

The rollout's whole directory stands beside its papers: the log, chained by hashes, and each piece of evidence under its digest. Nothing but
the binary is needed, no database and no network:

` + "```" + `
ringfence rollout verify docs/examples/callcenter-rollout --root "$(cat docs/examples/callcenter-rollout/root.pub)"
ringfence rollout papers docs/examples/callcenter-rollout --dir /tmp/papers
` + "```" + `

A root key that comes with what it vouches for proves nothing about a rollout of your own: get it from where you trust it.

## What is real here, and what stands in

* The servers, the plan, the rehearsal on copies, the attacks, backups and their restore, signatures, samples and statements are real, and every
  figure was measured while this was made. Seconds are those of that machine.
* **Time is passed in**: the clock was moved forward, so that days took minutes. Times in the papers are that clock's, durations of steps are real. ` + "`watch --once`" + ` looked
  whenever the schedule keeps a sample (every 5 minutes in the first hour, every 15 until the fourth, hourly after); left to itself, ` + "`watch`" + ` looks
  every minute for what stops.
* **No gateway, trail or PINs are part of this run**: what the windows of success ask of them is unknown in the closing report, and stands there as open.
* **Prometheus and the pager** are a small server that says that the rules are loaded, has no series, and takes every call. The people are invented, with keys made
  for this run; on call is whoever this program says.
* The application is a load generator that shows each of the organisations a page of %d requests in turn: before as ` + "`callcenter_owner`" + `, as the real one
  did, and after as ` + "`callcenter_app`" + `, which the plan makes.

` + "`make examples`" + ` does all of it again. Identifiers, keys, digests and seconds differ from run to run; what is decided, and from what, does not.

## What was run

`

// page tells how it went.
func (r *run) page() string {
	var b strings.Builder
	fmt.Fprintf(&b, pageHead, len(callcenter.Tables()), words(r.soak), words(r.day), organizations, events, len(requests))
	b.WriteString("| By the clock | Command | Exit | Took |\n| --- | --- | --- | --- |\n")
	for i := 0; i < len(r.said); i++ {
		c, times := r.said[i], 1
		for ; i+1 < len(r.said) && slices.Equal(r.said[i+1].Args, c.Args) && r.said[i+1].Exit == c.Exit; i++ {
			c.Took += r.said[i+1].Took
			times++
		}
		line := "`ringfence " + strings.ReplaceAll(strings.Join(shown(c.Args), " "), "|", `\|`) + "`"
		if first, _, _ := strings.Cut(c.Says, "\n"); c.Exit != 0 && first != "" {
			line += "<br>" + strings.NewReplacer("|", `\|`, "<", "&lt;").Replace(strings.TrimPrefix(first, "ringfence: "))
		}
		if times > 1 {
			line += fmt.Sprintf(" %d times, until %s", times, r.said[i].At.Format("Mon 15:04"))
		}
		fmt.Fprintf(&b, "| %s | %s | %d | %.1f s |\n", c.At.Format("Mon 15:04"), line, c.Exit, c.Took.Seconds())
	}
	return b.String()
}

// shown are a command's words without those that only keep this program quiet.
func shown(args []string) []string {
	var out []string
	for i := 0; i < len(args); i++ {
		switch {
		case args[i] == "-q":
		case args[i] == "-o" && i+1 < len(args) && args[i+1] == os.DevNull:
			i++
		case strings.ContainsAny(args[i], " ;"):
			out = append(out, `"`+args[i]+`"`)
		case strings.HasPrefix(args[i], "$"):
			out = append(out, `"`+args[i]+`"`)
		default:
			out = append(out, args[i])
		}
	}
	return out
}

func words(d time.Duration) string {
	return strings.TrimSuffix(strings.TrimSuffix(d.String(), "0s"), "0m")
}
