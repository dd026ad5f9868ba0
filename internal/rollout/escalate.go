package rollout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ringfencehq/ringfence/internal/notify"
	"github.com/ringfencehq/ringfence/internal/rollout/ledger"
	"github.com/ringfencehq/ringfence/internal/secret"
)

// A Sender sends a message to one endpoint.
type Sender interface {
	Send(ctx context.Context, to notify.Endpoint, m notify.Message) notify.Receipt
}

// A Caller calls people by the roster, until somebody answers: the one on call, whom the signal concerns, and who answers for the
// business, each with their deputies. Every call and every silence is in the log. Not safe for concurrent use.
type Caller struct {
	Log     *ledger.Log
	Rollout *Rollout
	Stage   *Stage
	Roster  Roster
	Env     func(string) (string, bool)
	Sender  Sender
	Clock   Clock
	Hooks   Hooks // notify is run for each call and ticket, beside the roster
}

// notifyPatience is how long a call waits for the hook notify.
const notifyPatience = 30 * time.Second

// notify runs the hook notify, and reports whether there is one and it took the call.
func (c *Caller) notify(ctx context.Context, p Page) bool {
	ctx, cancel := context.WithTimeout(ctx, notifyPatience)
	defer cancel()
	run := c.Hooks.Run(ctx, "notify", "RINGFENCE_STAGE="+c.Stage.Name, "RINGFENCE_ALARM="+p.Alarm, fmt.Sprintf("RINGFENCE_SEVERITY=%d", p.Severity), "RINGFENCE_TO="+p.To, "RINGFENCE_WHY="+secret.Redact(p.Why))
	return run != nil && run.Exit == 0
}

// deadlines are how long a call waits for an answer, by severity: 1 returns by itself and pages, 2 halts and asks.
var deadlines = map[int]time.Duration{1: 5 * time.Minute, 2: 15 * time.Minute}

func (c *Caller) deadline(severity int) time.Duration {
	if d, err := time.ParseDuration(c.Roster.Deadline[severity]); err == nil && d > 0 {
		return d
	}
	return cmp.Or(deadlines[severity], 15*time.Minute)
}

// A call is one person of a path.
type call struct {
	role    string
	contact notify.Contact
}

// path is whom a signal climbs through.
func (c *Caller) path(concern string) []call {
	var out []call
	for _, role := range []string{"on_call", concern, "product_owner"} {
		for _, contact := range c.Roster.Roles[role] {
			out = append(out, call{role, contact})
		}
	}
	return out
}

// concerns says whose matter a signal is, beside the one on call.
func concerns(signal string) string {
	if slices.Contains([]string{"canary_tenants", "sqlstates", "alerts_firing", "trail_growth", "exposure"}, signal) {
		return "security"
	}
	return "database_administrator"
}

// Alarm calls people for signals, once each, and says what was done about them. Severity 3 posts a ticket.
func (c *Caller) Alarm(ctx context.Context, signals []Signal, returned []Return) error {
	var errs []error
	for _, s := range signals {
		why := s.Name + ": " + s.Why
		if len(returned) > 0 {
			why += "; taken back: " + Words(returned)
		}
		if s.Severity >= 3 {
			errs = append(errs, c.ticket(ctx, s, why))
			continue
		}
		errs = append(errs, c.call(ctx, Page{Alarm: s.Name, Severity: s.Severity, Why: why, Step: 1}))
	}
	if slices.ContainsFunc(returned, func(r Return) bool { return r.Opened }) {
		errs = append(errs, c.call(ctx, Page{Alarm: "exposure", Severity: 1, Step: 1, Why: "tables stand open to every tenant: " + Words(returned)}))
	}
	return errors.Join(errs...)
}

// Climb calls the next person where nobody has answered in time.
func (c *Caller) Climb(ctx context.Context) error {
	s, err := Replay(c.Log.Entries())
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range Open(s.stage(c.Stage.Name).Pages) {
		if c.Clock.Now().Sub(p.At) >= c.deadline(p.Severity) {
			errs = append(errs, c.call(ctx, Page{Alarm: p.Alarm, Severity: p.Severity, Step: p.Step + 1, Why: p.Why}))
		}
	}
	return errors.Join(errs...)
}

// Answer writes down that somebody answered, and tells those who were called.
func (c *Caller) Answer(ctx context.Context, alarm, who string) error {
	s, err := Replay(c.Log.Entries())
	if err != nil {
		return err
	}
	at := slices.IndexFunc(Open(s.stage(c.Stage.Name).Pages), func(p Page) bool { return p.Alarm == alarm })
	if at < 0 {
		return fmt.Errorf("answering %s: nobody was called for it, or it was answered", alarm)
	}
	p := Open(s.stage(c.Stage.Name).Pages)[at]
	m := c.message(p)
	m.Action = notify.Acknowledge
	for _, one := range c.path(concerns(alarm))[:min(p.Step, len(c.path(concerns(alarm))))] {
		if e, err := one.contact.Endpoint(c.Env); err == nil {
			c.Sender.Send(ctx, e, m) // that it was answered stands in the log, whether they hear of it or not
		}
	}
	p.At, p.Answered = c.Clock.Now(), who
	return c.Log.Append(ctx, c.Clock.Now(), ledger.KindPage, c.Stage.Name, p)
}

// call calls the person at the page's step. At the end of the path it begins anew; where the roster names nobody, that is written.
func (c *Caller) call(ctx context.Context, p Page) error {
	p.At = c.Clock.Now()
	path := c.path(concerns(p.Alarm))
	if len(path) == 0 {
		p.To, p.Trouble = "nobody", "the roster names nobody"
		if c.notify(ctx, p) {
			p.To, p.Sent, p.Trouble = "the hook notify", true, ""
		}
		return c.Log.Append(ctx, c.Clock.Now(), ledger.KindPage, c.Stage.Name, p)
	}
	one := path[(p.Step-1)%len(path)]
	p.To, p.Role = one.contact.Name, one.role
	e, err := one.contact.Endpoint(c.Env)
	if err == nil {
		err = c.Sender.Send(ctx, e, c.message(p)).Err
	}
	if p.Sent = err == nil; err != nil {
		p.Trouble = secret.Redact(err.Error())
	}
	p.Sent = c.notify(ctx, p) || p.Sent
	return c.Log.Append(ctx, c.Clock.Now(), ledger.KindPage, c.Stage.Name, p)
}

func (c *Caller) message(p Page) notify.Message {
	severity := map[int]notify.Severity{1: notify.Critical, 2: notify.Error, 3: notify.Warning}[p.Severity]
	return notify.Message{Key: strings.Join([]string{c.Rollout.ID, c.Stage.Name, p.Alarm}, "/"), Action: notify.Trigger, Severity: severity, Summary: secret.Redact(p.Why),
		Source: c.Stage.Database, Component: "rollout", At: c.Clock.Now(), Details: map[string]string{"rollout": c.Rollout.ID, "stage": c.Stage.Name, "step": fmt.Sprint(p.Step), "role": p.Role}}
}

// ticket posts a signal of severity 3, which nobody is called for.
func (c *Caller) ticket(ctx context.Context, s Signal, why string) error {
	p := Page{At: c.Clock.Now(), Alarm: s.Name, Severity: s.Severity, Why: why, To: "nobody", Role: "ticket", Trouble: "no contact for tickets is given"}
	for _, contact := range c.Roster.Ticket {
		e, err := contact.Endpoint(c.Env)
		if err == nil {
			err = c.Sender.Send(ctx, e, c.message(p)).Err
		}
		if p.To, p.Sent, p.Trouble = contact.Name, err == nil, ""; err != nil {
			p.Trouble = secret.Redact(err.Error())
			continue
		}
		break
	}
	p.Sent = c.notify(ctx, p) || p.Sent
	return c.Log.Append(ctx, c.Clock.Now(), ledger.KindPage, c.Stage.Name, p)
}
