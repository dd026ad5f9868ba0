package revocation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	ringfence "github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/gateway"
	"github.com/ringfencehq/ringfence/internal/nettest"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

const (
	tenantA = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
	tenantB = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
)

// world is a database with revocations installed, and a role for each use.
type world struct {
	*pgtest.Database
	follower, revoker string
}

func install(t *testing.T) world {
	t.Helper()
	db := pgtest.Server(t, 0).DB(t)
	w := world{Database: db, follower: db.Role(t, "follower", "LOGIN"), revoker: db.Role(t, "revoker", "LOGIN")}
	run(t, db, Install()...)
	run(t, db, Grant(Follower, w.follower, true)...)
	run(t, db, Grant(Revoker, w.revoker, true)...)
	return w
}

// run executes statements in one transaction, as a plan's step is.
func run(t *testing.T, db *pgtest.Database, statements ...string) {
	t.Helper()
	conn := db.Conn(t, pg.Superuser)
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		if _, err := tx.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (w world) store(t *testing.T, role string) *Store {
	t.Helper()
	s := NewStore(w.DSN(role))
	t.Cleanup(s.Close)
	return s
}

// A follower reads through its function and a revoker writes through its own; neither can do the other's, nor touch the table.
func TestUses(t *testing.T) {
	w := install(t)
	for _, use := range []struct{ name, role string }{{Follower, w.follower}, {Revoker, w.revoker}} {
		if !pgtest.Value[bool](t, w.Conn(t, pg.Superuser), GrantDone(use.name, use.role)) {
			t.Errorf("%s is not granted", use.name)
		}
		conn := w.Conn(t, use.role)
		for _, sql := range []string{
			"SELECT FROM ringfence.revocation", "INSERT INTO ringfence.revocation (kind, tenant, user_id, subject, reason, revoked_by) VALUES ('token', '', '', 'x', '', '')",
			"DELETE FROM ringfence.revocation", "TRUNCATE ringfence.revocation", "UPDATE ringfence.revocation SET ends_at = now()",
		} {
			if _, err := conn.Exec(t.Context(), sql); pg.SQLState(err) != "42501" {
				t.Errorf("%s: %s gives %v, want 42501", use.name, sql, err)
			}
		}
	}
	e, err := w.store(t, w.revoker).Add(t.Context(), Entry{Kind: "member", Tenant: tenantA, User: "anna", Reason: "left", By: "ops"})
	if err != nil || e.ID == 0 || e.At.IsZero() {
		t.Fatalf("%+v, %v", e, err)
	}
	got, _, err := w.store(t, w.follower).Since(t.Context(), FromStart)
	e.Reason, e.By = "", ""
	if diff := cmp.Diff([]Entry{e}, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	if _, err := w.store(t, w.follower).Add(t.Context(), Entry{Kind: "token", Subject: "t"}); pg.SQLState(errors.Unwrap(err)) != "42501" {
		t.Errorf("a follower revokes: %v", err)
	}
	if _, _, err := w.store(t, w.revoker).Since(t.Context(), FromStart); pg.SQLState(errors.Unwrap(err)) != "42501" {
		t.Errorf("a revoker reads: %v", err)
	}
}

// A revocation that names what its kind has not, or lacks what it has, is refused by the table itself.
func TestNamesOfKinds(t *testing.T) {
	w := install(t)
	s := w.store(t, w.revoker)
	for _, e := range []Entry{
		{Kind: "token"}, {Kind: "token", Subject: "x", User: "u"}, {Kind: "session"}, {Kind: "member", Tenant: tenantA}, {Kind: "member", User: "u"},
		{Kind: "tenant"}, {Kind: "tenant", Tenant: tenantA, User: "u"}, {Kind: "planet", Tenant: tenantA}, {Kind: "token", Subject: strings.Repeat("x", 257)},
	} {
		if _, err := s.Add(t.Context(), e); err == nil {
			t.Errorf("%+v is stored", e)
		}
	}
	for _, kind := range gateway.RevocationKinds {
		e := map[string]Entry{"token": {Subject: "x"}, "session": {Subject: "x"}, "member": {Tenant: tenantA, User: "u"}, "tenant": {Tenant: tenantA}}[kind]
		e.Kind = kind
		if _, err := s.Add(t.Context(), e); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// What a transaction wrote that was under way while others committed is not left out: ids are no order of commits.
func TestSinceLeavesNothingOut(t *testing.T) {
	w := install(t)
	slow := w.Conn(t, w.revoker)
	tx, err := slow.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "SELECT ringfence.revocation_add('token', '', '', 'slow', '', '', NULL)"); err != nil {
		t.Fatal(err)
	}
	quick := w.store(t, w.revoker)
	if _, err := quick.Add(t.Context(), Entry{Kind: "token", Subject: "quick"}); err != nil {
		t.Fatal(err)
	}
	s := w.store(t, w.follower)
	seen := map[string]bool{}
	take := func(cursor string) string {
		all, next, err := s.Since(t.Context(), cursor)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range all {
			seen[e.Subject] = true
		}
		return next
	}
	cursor := take(FromStart)
	if want := map[string]bool{"quick": true}; !cmp.Equal(seen, want) {
		t.Fatalf("%v is seen, want %v", seen, want)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	cursor = take(cursor)
	if !seen["slow"] {
		t.Error("what was under way is left out")
	}
	clear(seen)
	if take(cursor); len(seen) != 0 {
		t.Errorf("%v is given again for ever", seen)
	}
}

// What has ended is not given, and goes some time later.
func TestEnded(t *testing.T) {
	w := install(t)
	s := w.store(t, w.revoker)
	for subject, ends := range map[string]time.Duration{"long ago": -31 * 24 * time.Hour, "just now": -time.Second, "later": time.Hour} {
		if _, err := s.Add(t.Context(), Entry{Kind: "token", Subject: subject, Ends: time.Now().Add(ends)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Add(t.Context(), Entry{Kind: "token", Subject: "never"}); err != nil {
		t.Fatal(err)
	}
	all, _, err := w.store(t, w.follower).Since(t.Context(), FromStart)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range all {
		got = append(got, e.Subject)
	}
	if len(got) != 2 || !strings.Contains(fmt.Sprint(got), "later") || !strings.Contains(fmt.Sprint(got), "never") {
		t.Errorf("given are %v", got)
	}
	if n := pgtest.Value[int](t, w.Conn(t, pg.Superuser), "SELECT count(*)::int FROM ringfence.revocation WHERE subject = 'long ago'"); n != 0 {
		t.Error("what ended long ago is kept")
	}
}

// Installing again changes nothing, Done tells of each part that is not as installed, and Uninstall leaves nothing.
func TestInstall(t *testing.T) {
	w := install(t)
	done := func() bool { return pgtest.Value[bool](t, w.Conn(t, pg.Superuser), Done()) }
	if !done() {
		t.Fatal("it is not done")
	}
	for _, damage := range []string{
		"ALTER TABLE ringfence.revocation DISABLE ROW LEVEL SECURITY", "ALTER TABLE ringfence.revocation NO FORCE ROW LEVEL SECURITY",
		"CREATE POLICY more ON ringfence.revocation FOR SELECT USING (true)", "GRANT EXECUTE ON FUNCTION ringfence.revocation_since(text) TO PUBLIC",
		"ALTER FUNCTION ringfence.revocation_add(text, text, text, text, text, text, timestamptz) SECURITY INVOKER",
		"ALTER FUNCTION ringfence.revocation_since(text) RESET search_path",
	} {
		w.Exec(t, damage)
		if done() {
			t.Errorf("%s: it is done all the same", damage)
		}
		w.Exec(t, "DROP POLICY IF EXISTS more ON ringfence.revocation")
		run(t, w.Database, Install()...)
		if !done() {
			t.Errorf("%s: installing again does not mend it", damage)
		}
	}
	run(t, w.Database, Revoke(Follower, w.follower, true)...)
	run(t, w.Database, Revoke(Revoker, w.revoker, true)...)
	run(t, w.Database, Uninstall()...)
	if done() {
		t.Error("it is done after Uninstall")
	}
	if n := pgtest.Value[int](t, w.Conn(t, pg.Superuser), "SELECT count(*)::int FROM pg_roles WHERE rolname = 'ringfence_revocation'"); n != 0 {
		t.Error("the owner is left")
	}
}

// fakeBus carries what is published to who subscribed, unless it is cut.
type fakeBus struct {
	mu      sync.Mutex
	cut     bool
	deliver []func([]byte)
	missed  []func()
}

func (b *fakeBus) Publish(_ context.Context, m []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cut {
		return errors.New("cut")
	}
	for _, d := range b.deliver {
		d(m)
	}
	return nil
}

func (b *fakeBus) Subscribe(deliver func([]byte), missed func()) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.deliver, b.missed = append(b.deliver, deliver), append(b.missed, missed)
	return nil
}

// applied collects what a feed has acted on.
type applied struct {
	mu  sync.Mutex
	all []string
	got chan string
}

func (a *applied) apply(r gateway.Revocation) {
	a.mu.Lock()
	defer a.mu.Unlock()
	what := fmt.Sprint(r.Kind, " ", r.Tenant, r.User, r.ID)
	a.all = append(a.all, what)
	a.got <- what
}

func (a *applied) next(t *testing.T) string {
	t.Helper()
	select {
	case s := <-a.got:
		return s
	case <-time.After(10 * time.Second):
		t.Fatal("nothing was applied")
		return ""
	}
}

func feed(t *testing.T, o Options) (*Feed, *applied) {
	t.Helper()
	o.ParseTenant = ringfence.ParseTenant
	f, err := NewFeed(o)
	if err != nil {
		t.Fatal(err)
	}
	a := &applied{got: make(chan string, 100)}
	if err := f.Subscribe(t.Context(), a.apply); err != nil {
		t.Fatal(err)
	}
	return f, a
}

func identity(t *testing.T, issued time.Time) ringfence.Identity {
	t.Helper()
	tenant, err := ringfence.ParseTenant(tenantA)
	if err != nil {
		t.Fatal(err)
	}
	return ringfence.Identity{Tenant: tenant, User: "anna", Session: "s", Token: "t", Issued: issued, Expires: issued.Add(time.Hour)}
}

// Each kind is held against whom it names and nobody else, from the bus at once and from the table alone when the bus is cut.
func TestFeed(t *testing.T) {
	w := install(t)
	now := time.Now()
	other, _ := ringfence.ParseTenant(tenantB)
	for name, cut := range map[string]bool{"bus": false, "table alone": true} {
		t.Run(name, func(t *testing.T) {
			b := &fakeBus{cut: cut}
			f, a := feed(t, Options{Store: w.store(t, w.follower), Bus: b, Poll: 20 * time.Millisecond, Skew: time.Second})
			id := identity(t, now.Add(-time.Minute))
			stranger := id
			stranger.Tenant, stranger.Token, stranger.Session = other, "t2", "s2"
			for _, c := range []struct {
				e    Entry
				want string
			}{
				{Entry{Kind: "token", Subject: "t" + name}, "token t" + name},
				{Entry{Kind: "session", Subject: "s" + name}, "session s" + name},
				{Entry{Kind: "member", Tenant: tenantA, User: "anna" + name}, "member " + tenantA + "anna" + name},
			} {
				who := id
				who.Token, who.Session, who.User = "t"+name, "s"+name, "anna"+name
				before := f.Revoked(who)
				e, err := w.store(t, w.revoker).Add(t.Context(), c.e)
				if err != nil {
					t.Fatal(err)
				}
				if err := Carry(t.Context(), b, e); (err != nil) != cut {
					t.Fatal(err)
				}
				if got := a.next(t); got != c.want {
					t.Errorf("applied is %q, want %q", got, c.want)
				}
				if c.e.Kind == "token" && before || !f.Revoked(who) || f.Revoked(stranger) || f.Revoked(id) {
					t.Errorf("%s: %t before, %t after, the stranger %t, a like one %t", c.want, before, f.Revoked(who), f.Revoked(stranger), f.Revoked(id))
				}
			}
			if !f.Loaded() {
				t.Error("the table was read and it is not loaded")
			}
		})
	}
}

// Members and tenants come back with tokens that were issued after the revocation, by more than clocks may be apart.
func TestTokensIssuedAfterwards(t *testing.T) {
	b := &fakeBus{}
	f, a := feed(t, Options{Bus: b, Skew: 10 * time.Second})
	now := time.Now()
	if err := Carry(t.Context(), b, Entry{Kind: "tenant", Tenant: tenantA, At: now}); err != nil {
		t.Fatal(err)
	}
	a.next(t)
	for after, want := range map[time.Duration]bool{-time.Hour: true, 0: true, 5 * time.Second: true, 15 * time.Second: false} {
		if got := f.Revoked(identity(t, now.Add(after))); got != want {
			t.Errorf("issued %v after: revoked %t", after, got)
		}
	}
	if !f.Revoked(identity(t, time.Time{})) {
		t.Error("a token that does not say when it was issued counts")
	}
}

// What this process has revoked itself holds here at once, and is acted on once: neither the bus nor the next poll is waited for.
func TestTell(t *testing.T) {
	w := install(t)
	f, a := feed(t, Options{Store: w.store(t, w.follower), Poll: time.Hour})
	e, err := w.store(t, w.revoker).Add(t.Context(), Entry{Kind: "session", Subject: "s"})
	if err != nil {
		t.Fatal(err)
	}
	if f.Revoked(identity(t, time.Now())) {
		t.Error("it is held before it was told")
	}
	f.Tell(e)
	if !f.Revoked(identity(t, time.Now())) {
		t.Error("it is not held once it was told")
	}
	f.poll(t.Context(), FromStart)
	f.held.settle(time.Now(), time.Now())
	if len(a.all) != 1 || !f.Revoked(identity(t, time.Now())) {
		t.Errorf("behind a poll %v was acted on, held %d", a.all, f.held.len())
	}
}

// A table that is read again from its begin, behind a fault, acts on nothing twice: who came back since is not cut.
func TestReadAgain(t *testing.T) {
	w := install(t)
	f, a := feed(t, Options{Store: w.store(t, w.follower), Poll: time.Hour})
	if _, err := w.store(t, w.revoker).Add(t.Context(), Entry{Kind: "token", Subject: "once"}); err != nil {
		t.Fatal(err)
	}
	cursor := f.poll(t.Context(), FromStart)
	a.next(t)
	w.Exec(t, "ALTER FUNCTION ringfence.revocation_since(text) RENAME TO away")
	if cursor = f.poll(t.Context(), cursor); cursor != FromStart || f.Health().Err == nil {
		t.Errorf("a fault goes on from %s, health %+v", cursor, f.Health())
	}
	w.Exec(t, "ALTER FUNCTION ringfence.away(text) RENAME TO revocation_since")
	f.poll(t.Context(), cursor)
	if len(a.all) != 1 || f.Health().Err != nil {
		t.Errorf("applied are %v, health %+v", a.all, f.Health())
	}
}

// Before the table was read once nobody can say who was revoked, and the feed says so.
func TestNotLoaded(t *testing.T) {
	w := install(t)
	if _, err := w.store(t, w.revoker).Add(t.Context(), Entry{Kind: "token", Subject: "t"}); err != nil {
		t.Fatal(err)
	}
	w.Exec(t, "ALTER FUNCTION ringfence.revocation_since(text) RENAME TO away")
	f, a := feed(t, Options{Store: w.store(t, w.follower), Poll: time.Hour})
	if f.Loaded() {
		t.Error("loaded from a table that cannot be read")
	}
	w.Exec(t, "ALTER FUNCTION ringfence.away(text) RENAME TO revocation_since")
	f.poll(t.Context(), FromStart)
	if !f.Loaded() || !f.Revoked(identity(t, time.Now())) {
		t.Error("what was revoked before is not held")
	}
	if len(a.all) != 0 {
		t.Errorf("%v was acted on, and nobody was let in by then", a.all)
	}
}

// What the bus tells and the table never confirms is no revocation for long.
func TestUnconfirmed(t *testing.T) {
	w := install(t)
	b := &fakeBus{}
	f, a := feed(t, Options{Store: w.store(t, w.follower), Bus: b, Poll: time.Hour})
	m, _ := json.Marshal(Entry{Kind: "token", Subject: "t", At: time.Now()})
	_ = b.Publish(t.Context(), m)
	a.next(t)
	if !f.Revoked(identity(t, time.Now())) {
		t.Error("what the bus tells is not held")
	}
	f.held.settle(time.Now(), time.Now())
	if f.Revoked(identity(t, time.Now())) {
		t.Error("what the table does not confirm is held for ever")
	}
	if _, err := w.store(t, w.revoker).Add(t.Context(), Entry{Kind: "token", Subject: "t"}); err != nil {
		t.Fatal(err)
	}
	f.poll(t.Context(), FromStart)
	f.held.settle(time.Now(), time.Now())
	if !f.Revoked(identity(t, time.Now())) {
		t.Error("what the table tells is not held")
	}
}

// What has ended is forgotten where the bus alone tells, too.
func TestEndedWithoutATable(t *testing.T) {
	b := &fakeBus{}
	f, a := feed(t, Options{Bus: b, Poll: 10 * time.Millisecond})
	for _, e := range []Entry{{Kind: "token", Subject: "ends", At: time.Now(), Ends: time.Now().Add(100 * time.Millisecond)}, {Kind: "token", Subject: "t", At: time.Now()}} {
		if err := Carry(t.Context(), b, e); err != nil {
			t.Fatal(err)
		}
		a.next(t)
	}
	nettest.Until(t, "the one that has ended is forgotten", func() bool { return f.Health().Held == 1 })
	if !f.Revoked(identity(t, time.Now())) {
		t.Error("the one that never ends was forgotten")
	}
}

// A token and a session are revoked by their id, whatever stands beside it.
func TestTenantOfAnotherKind(t *testing.T) {
	b := &fakeBus{}
	f, a := feed(t, Options{Bus: b})
	for _, e := range []Entry{{Kind: "session", Tenant: "no uuid", Subject: "s", At: time.Now()}, {Kind: "token", Tenant: "no uuid", Subject: "t2", At: time.Now()}} {
		if err := Carry(t.Context(), b, e); err != nil {
			t.Fatal(err)
		}
		a.next(t)
	}
	if !f.Revoked(identity(t, time.Now())) || f.Health().Held != 2 {
		t.Errorf("held are %d", f.Health().Held)
	}
}

// A standby that took over may give again the transactions' numbers that its primary gave, and no connection need fail for it behind a
// pooler: what was written under one that the cursor is past comes late, and comes.
func TestNumbersGivenTwice(t *testing.T) {
	w := install(t)
	_, a := feed(t, Options{Store: w.store(t, w.follower), Poll: 10 * time.Millisecond, Whole: 50 * time.Millisecond})
	w.Exec(t, "INSERT INTO ringfence.revocation (kind, tenant, user_id, subject, reason, revoked_by, made_by) VALUES ('token', '', '', 'late', '', '', '3')")
	if got := a.next(t); got != "token late" {
		t.Errorf("applied is %q", got)
	}
}

// Messages that are none change nothing.
func TestForeignMessages(t *testing.T) {
	f, a := feed(t, Options{Bus: &fakeBus{}})
	for _, m := range []string{"", "{", "null", `{"kind":"planet"}`, `{"kind":"tenant","tenant":"no uuid"}`, `{"kind":"token","subject":"` + strings.Repeat("x", maxMessage) + `"}`} {
		f.hear([]byte(m))
	}
	if len(a.all) != 0 || f.Health().Held != 0 {
		t.Errorf("applied are %v, held %d", a.all, f.Health().Held)
	}
}
