package rollout

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/apply"
	"github.com/ringfencehq/ringfence/internal/notify"
)

// A mailbox takes messages, but from those who cannot be reached.
type mailbox struct {
	deaf string
	got  []string
}

func (m *mailbox) Send(_ context.Context, to notify.Endpoint, msg notify.Message) notify.Receipt {
	m.got = append(m.got, fmt.Sprintf("%s %s %s %s", to.Name, to.Kind.Name, msg.Action, msg.Severity))
	if to.Name == m.deaf {
		return notify.Receipt{Err: errors.New("postgres://u:hunter22@h/d is down")}
	}
	return notify.Receipt{}
}

// handClock is moved by hand.
type handClock struct{ now time.Time }

func (c *handClock) Now() time.Time { return c.now }
func (c *handClock) Wait(_ context.Context, d time.Duration) error {
	c.now = c.now.Add(d)
	return nil
}

func newCaller(t *testing.T) (*Caller, *world, *mailbox, *handClock) {
	w, box, clock := newWorld(t), &mailbox{}, &handClock{noon}
	contact := func(name string) notify.Contact { return notify.Contact{Name: name, URL: "URL"} }
	return &Caller{Log: w.log, Rollout: &w.rollout, Stage: &w.rollout.Stages[1], Clock: clock, Sender: box,
		Env: func(string) (string, bool) { return "https://example.com/hook", true },
		Roster: Roster{Roles: map[string][]notify.Contact{"on_call": {{Name: "pager", Routing: "KEY"}, contact("deputy")}, "database_administrator": {contact("dora")},
			"security": {contact("sven")}, "product_owner": {contact("olga")}}, Ticket: []notify.Contact{contact("tracker")}}}, w, box, clock
}

// Silence climbs the path in its deadlines, by the kind of signal, begins anew at its end, and is recorded; an answer ends it.
func TestSilenceClimbs(t *testing.T) {
	c, w, box, clock := newCaller(t)
	ctx := t.Context()
	box.deaf = "deputy"
	if err := c.Alarm(ctx, []Signal{{Name: "rows_collapse", Severity: 1, Why: "no rows"}}, []Return{{Rung: "no-force"}}); err != nil {
		t.Fatal(err)
	}
	for range 22 {
		clock.now = clock.now.Add(time.Minute)
		if err := c.Climb(ctx); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"pager pagerduty trigger critical", "deputy webhook trigger critical", "dora webhook trigger critical", "olga webhook trigger critical", "pager pagerduty trigger critical"}
	if diff := cmp.Diff(want, box.got); diff != "" {
		t.Errorf("called in 22 minutes (-want +got):\n%s", diff)
	}
	if err := c.Answer(ctx, "rows_collapse", "dora"); err != nil {
		t.Fatal(err)
	}
	clock.now = clock.now.Add(time.Hour)
	if err := c.Climb(ctx); err != nil || c.Answer(ctx, "rows_collapse", "dora") == nil {
		t.Errorf("after the answer: %v", err)
	}
	pages := w.state(t).Stages["production"].Pages
	if len(pages) != 6 || pages[5].Answered != "dora" || !pages[0].Sent || pages[1].Sent || strings.Contains(pages[1].Trouble, "hunter22") {
		t.Errorf("the log: %+v", pages)
	}
}

func TestCallsByKind(t *testing.T) {
	c, w, box, clock := newCaller(t)
	signals := []Signal{{Name: "canary_tenants", Severity: 2, Why: "x"}, {Name: "blocks", Severity: 3, Why: "x"}}
	if err := c.Alarm(t.Context(), signals, []Return{{Rung: "insecure-disable", Opened: true}}); err != nil {
		t.Fatal(err)
	}
	c.Roster.Roles["on_call"] = nil
	clock.now = clock.now.Add(14 * time.Minute)
	_ = c.Climb(t.Context())
	want := []string{"pager pagerduty trigger error", "tracker webhook trigger warning", "pager pagerduty trigger critical", "olga webhook trigger critical"}
	if diff := cmp.Diff(want, box.got); diff != "" {
		t.Errorf("severity 2, a ticket, and an exposure that nobody answers (-want +got):\n%s", diff)
	}
	c.Roster.Roles, c.Roster.Ticket = nil, nil
	if err := c.Alarm(t.Context(), []Signal{{Name: "p95", Severity: 2}, {Name: "blocks", Severity: 3}}, nil); err != nil {
		t.Fatal(err)
	}
	pages := w.state(t).Stages["production"].Pages
	if last := pages[len(pages)-2:]; last[0].Trouble == "" || last[1].Trouble == "" {
		t.Errorf("that nobody could be called is not recorded: %+v", last)
	}
}

// The way back opens only what the signers named, and says what it leaves.
func TestChoose(t *testing.T) {
	l := &Ladder{Rungs: []LadderRung{{apply.RungNoForce, []string{"a", "b"}, []string{}}, {apply.RungInsecureDisable, []string{"a", "b", "c"}, []string{"a", "b", "c"}},
		{apply.RungPolicyForm, []string{"c", "d"}, []string{"d"}}, {apply.RungTrigger, []string{"a"}, []string{}}}}
	all := []string{"a", "b", "c", "d"}
	for _, c := range []struct {
		name    string
		signal  Signal
		allowed []string
		want    []Move
		held    []string
	}{
		{"owner", Signal{Path: PathOwner}, nil, []Move{{apply.RungNoForce, []string{"a", "b"}, false}}, []string{"c", "d"}},
		{"tenant, nothing may be opened", Signal{Path: PathTenant}, nil, []Move{{apply.RungPolicyForm, []string{"c"}, false}}, []string{"a", "b", "d"}},
		{"tenant, one may", Signal{Path: PathTenant}, []string{"a"}, []Move{{apply.RungPolicyForm, []string{"c"}, false}, {apply.RungInsecureDisable, []string{"a"}, true}}, []string{"b", "d"}},
		{"one table", Signal{Path: PathTenant, Tables: []string{"b"}}, []string{"a"}, nil, []string{"b"}},
		{"latency never disables", Signal{Path: PathLatency}, all, []Move{{apply.RungPolicyForm, []string{"c"}, false}, {apply.RungPolicyForm, []string{"d"}, true}}, []string{"a", "b"}},
		{"trigger", Signal{Path: PathTrigger, Tables: []string{"a"}}, nil, []Move{{apply.RungTrigger, []string{"a"}, false}}, []string{}},
		{"nothing helps", Signal{Path: PathNone}, all, nil, all},
	} {
		moves, held := l.Choose(c.signal, all, c.allowed)
		if diff := cmp.Diff(c.want, moves) + cmp.Diff(c.held, held); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// A rollout that was begun with other words voids the signatures, though plan and evidence are the same.
func TestOtherDefinitionVoids(t *testing.T) {
	w := newWorld(t)
	w.passAll(t, "production", noon)
	w.signAll(t, "production", noon)
	s := w.state(t)
	s.Rollout.OpenAllowed = []string{"public.orders"}
	stage, _ := s.Rollout.Stage("production")
	d, err := s.Decide(stage, w.people, noon)
	if err != nil || d.Green || !strings.Contains(why(d, "sign_offs"), "the rollout is not what was signed") {
		t.Errorf("tables that nobody agreed to open: %v, %s", err, why(d, "sign_offs"))
	}
}

// The hook notify is told of each call and ticket, beside the roster or where it names nobody; one that fails has told nobody.
func TestNotifyHook(t *testing.T) {
	c, w, box, _ := newCaller(t)
	said := t.TempDir() + "/said"
	tell := Hooks{"notify": {Argv: []string{"sh", "-c", `echo "$RINGFENCE_STAGE $RINGFENCE_ALARM $RINGFENCE_SEVERITY $RINGFENCE_TO: $RINGFENCE_WHY" >> ` + said}}}
	page := func(hooks Hooks, roster Roster, s Signal) Page {
		t.Helper()
		c.Hooks, c.Roster = hooks, roster
		if err := c.Alarm(t.Context(), []Signal{s}, nil); err != nil {
			t.Fatal(err)
		}
		pages := w.state(t).Stages["production"].Pages
		return pages[len(pages)-1]
	}
	full, fails := c.Roster, Hooks{"notify": {Argv: []string{"false"}}}
	box.deaf = "pager"
	for _, one := range []struct {
		hooks  Hooks
		roster Roster
		to     string
		sent   bool
	}{{tell, full, "pager", true}, {fails, full, "pager", false}, {nil, full, "pager", false}, {tell, Roster{}, "the hook notify", true}, {fails, Roster{}, "nobody", false}} {
		if p := page(one.hooks, one.roster, Signal{Name: "canary_tenants", Severity: 1, Why: "a tenant sees 3 foreign rows"}); p.To != one.to || p.Sent != one.sent {
			t.Errorf("%v: %+v", one, p)
		}
	}
	if p := page(tell, Roster{}, Signal{Name: "blocks", Severity: 3, Why: "more"}); !p.Sent {
		t.Errorf("the ticket: %+v", p)
	}
	text, err := os.ReadFile(said)
	want := "production canary_tenants 1 pager: canary_tenants: a tenant sees 3 foreign rows\nproduction canary_tenants 1 nobody: canary_tenants: a tenant sees 3 foreign rows\nproduction blocks 3 nobody: blocks: more\n"
	if err != nil || string(text) != want {
		t.Errorf("the hook was told, %v:\n%s", err, text)
	}
}

// A hook revert that hangs keeps nothing else from being taken back: it is left, and that is written down.
func TestRevertThatHangs(t *testing.T) {
	defer func(was time.Duration) { revertPatience = was }(revertPatience)
	revertPatience = 200 * time.Millisecond
	w := newWorld(t)
	target := &Target{Stage: &w.rollout.Stages[1], Now: time.Now, Hooks: Hooks{"revert": {Argv: []string{"sleep", "60"}}}}
	began := time.Now()
	returned, err := target.ReturnCode(t.Context(), w.log, Signal{Name: "health", Severity: 2, Why: "it does not answer"}, "axel")
	if err != nil || len(returned) != 1 || returned[0].Left != "the hook revert ended with -1" {
		t.Errorf("%+v, %v", returned, err)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("it was waited for %s", took)
	}
}
