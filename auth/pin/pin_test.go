package pin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/pinsql"
)

// A right PIN on the tenant's device gives tokens of that tenant; each thing that is wrong gives the same error, and the trail
// alone learns which it was.
func TestLogin(t *testing.T) {
	r := newRig(t, nil)
	foreign, bound := r.enrol(t, theirs, ""), r.enrol(t, mine, "anna")
	r.types()
	tokens, err := r.login(t, "anna", right)
	if err != nil {
		t.Fatal(err)
	}
	id, err := r.verify.Authorize(t.Context(), ringfence.Credential{Token: tokens.Access})
	if err != nil {
		t.Fatal(err)
	}
	if id.Tenant != r.tenant || id.User != "anna" || id.Session != tokens.Session || !slices.Equal(id.Roles, []string{"manager"}) || id.Device == "" {
		t.Errorf("the token says %+v", id)
	}
	if got := r.types(); !slices.Equal(got, []ringfence.EventType{ringfence.PINSucceeded}) {
		t.Errorf("events %v", got)
	}
	for _, c := range []struct {
		name string
		try  Try
		want ringfence.EventType
	}{
		{"wrong PIN", Try{Device: r.device, User: "anna", PIN: wrong}, ringfence.PINFailed},
		{"no PIN", Try{Device: r.device, User: "anna"}, ringfence.PINFailed},
		{"unknown user", Try{Device: r.device, User: "zoe", PIN: right}, ringfence.PINFailed},
		{"no user", Try{Device: r.device, PIN: right}, ringfence.PINFailed},
		{"unknown device", Try{Device: "rfd_x", User: "anna", PIN: right}, ringfence.DeviceUnknown},
		{"another tenant's device", Try{Device: foreign, User: "anna", PIN: right}, ringfence.PINFailed},
		{"another tenant named", Try{Device: r.device, Tenant: theirs, User: "anna", PIN: right}, ringfence.CrossTenant},
		{"no tenant at all named", Try{Device: r.device, Tenant: "x", User: "anna", PIN: right}, ringfence.CrossTenant},
		{"another user on a bound device", Try{Device: bound, User: "ben", PIN: right}, ringfence.PINFailed},
	} {
		c.try.From = from("192.0.2.1")
		if _, err := r.Login(t.Context(), c.try); !errors.Is(err, ErrRefused) || err.Error() != "not accepted" {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := r.types(); !slices.Equal(got, []ringfence.EventType{c.want}) {
			t.Errorf("%s: events %v, want %s", c.name, got, c.want)
		}
	}
	if _, err := r.Login(t.Context(), Try{Device: bound, PIN: right, From: from("192.0.2.1")}); err != nil {
		t.Errorf("a bound device names its user: %v", err)
	}
	if _, err := r.Login(t.Context(), Try{Device: r.device, Tenant: strings.ToUpper(mine), User: "ben", PIN: right, From: from("192.0.2.1")}); err != nil {
		t.Errorf("the own tenant in capitals: %v", err)
	}
}

// Five wrong PINs lock one user for fifteen minutes, and nobody beside; a right one in between forgets them.
func TestLockout(t *testing.T) {
	r := newRig(t, nil)
	for range 4 {
		r.login(t, "anna", wrong)
	}
	if _, err := r.login(t, "anna", right); err != nil {
		t.Fatalf("a right PIN after four wrong ones: %v", err)
	}
	r.types()
	for range 5 {
		r.login(t, "anna", wrong)
	}
	want := append(slices.Repeat([]ringfence.EventType{ringfence.PINFailed}, 4), ringfence.PINLocked)
	if got := r.types(); !slices.Equal(got, want) {
		t.Errorf("events %v", got)
	}
	if _, err := r.login(t, "anna", right); !errors.Is(err, ErrRefused) {
		t.Errorf("the right PIN of who is locked: %v", err)
	}
	if _, err := r.login(t, "ben", right); err != nil {
		t.Errorf("another user: %v", err)
	}
	var left time.Duration
	if err := r.super.QueryRow(t.Context(), "SELECT locked_until - now() FROM ringfence.user_pins WHERE user_id = 'anna'").Scan(&left); err != nil || left < 14*time.Minute || left > 15*time.Minute {
		t.Errorf("locked for %s, %v", left, err)
	}
	r.db.Exec(t, "UPDATE ringfence.user_pins SET locked_until = now() - interval '1 second'")
	if _, err := r.login(t, "anna", wrong); !errors.Is(err, ErrRefused) {
		t.Error(err)
	}
	if n, locked := r.attempts(t, "anna"); n != 1 || locked {
		t.Errorf("after the lock has ended %d tries count, locked %t", n, locked)
	}
	r.db.Exec(t, "UPDATE ringfence.user_pins SET failures = 99, attempts = 0")
	r.login(t, "anna", wrong)
	if s := status(t, r, "anna"); s.State != "locked by tries" || s.LockedUntil != nil {
		t.Errorf("after the hundredth failure %+v", s)
	}
	if err := r.Operator().Unlock(t.Context(), r.tenant, "anna"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.login(t, "anna", right); err != nil {
		t.Errorf("after the operator's unlocking: %v", err)
	}
}

func status(t *testing.T, r *rig, user string) Status {
	t.Helper()
	all, err := r.Operator().Status(t.Context(), r.tenant)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if s.User == user {
			return s
		}
	}
	t.Fatalf("%s has no PIN", user)
	return Status{}
}

// However many try at once, no more than five PINs are compared before the lock, and every one is counted.
func TestParallelTriesAreCounted(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Limits.User, o.Limits.Device, o.Hashes, o.Wait = 1000, 1000, 8, time.Minute })
	var all sync.WaitGroup
	for range 40 {
		all.Go(func() { r.login(t, "anna", wrong) })
	}
	all.Wait()
	failed, locked := 0, 0
	r.mu.Lock()
	for _, e := range r.events {
		switch {
		case e.Type == ringfence.PINFailed:
			failed++
		case e.Type == ringfence.PINLocked && e.Detail["reason"] == "try":
			locked++
		}
	}
	total := len(r.events)
	r.mu.Unlock()
	if failed != 4 || locked != 1 || total != 40 {
		t.Errorf("%d failures, %d that locked, %d events, want 4, 1, 40", failed, locked, total)
	}
	if n, isLocked := r.attempts(t, "anna"); n != 5 || !isLocked {
		t.Errorf("%d tries are counted, locked %t", n, isLocked)
	}
	if n := pgtest.Value[int64](t, r.super, "SELECT max(count) FROM ringfence.pin_throttle WHERE kind = 'device'"); n != 40 {
		t.Errorf("the device has %d tries", n)
	}
}

// Each budget holds under a key that the server derives, and one that is used up shuts out nobody who has another.
func TestThrottles(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Limits.Network, o.Limits.Device, o.Limits.User, o.Limits.Tenant = 6, 4, 2, 8 })
	other := r.enrol(t, mine, "")
	foreign := r.enrol(t, theirs, "")
	r.db.Exec(t, "TRUNCATE ringfence.pin_throttle")
	r.types()
	try := func(device, user, address string) string {
		_, err := r.Login(t.Context(), Try{Device: device, User: user, PIN: wrong, From: from(address)})
		var throttled *ThrottledError
		if !errors.As(err, &throttled) {
			return "refused"
		}
		if throttled.After <= 0 || throttled.After > 15*time.Minute {
			t.Errorf("wait for %s", throttled.After)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.events[len(r.events)-1].Detail["reason"]
	}
	var got []string
	for _, c := range [][3]string{
		{r.device, "anna", "198.51.100.1"}, {r.device, "anna", "198.51.100.2"}, {r.device, "anna", "198.51.100.3"}, // the user's two are used up
		{r.device, "nobody", "203.0.113.1"}, // the device's fourth
		{r.device, "ben", "203.0.113.1"},    // and a fifth
		{other, "ben", "203.0.113.2"}, {other, "ben", "203.0.113.3"},
		{other, "zoe", "203.0.113.4"},
		{other, "zoe", "203.0.113.5"},      // the network's sixth
		{"rfd_none", "zoe", "203.0.113.6"}, // and a seventh
		{foreign, "anna", "2001:db8::1"},
	} {
		got = append(got, try(c[0], c[1], c[2]))
	}
	want := []string{"refused", "refused", "user", "refused", "device", "refused", "refused", "refused", "refused", "network", "refused"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	// The tenant has had seven; the eighth is its last.
	third := r.enrol(t, mine, "")
	if got := []string{try(third, "u1", "192.0.2.200"), try(third, "u2", "192.0.2.201")}; !slices.Equal(got, []string{"refused", "tenant"}) {
		t.Errorf("the tenant's last tries: %v", got)
	}
	// IPv6 hosts of one /64 are one network, those of the next another.
	if a, b, c := from("2001:db8::1").network(), from("2001:db8::ffff:1").network(), from("2001:db8:0:1::1").network(); a != b || a == c {
		t.Errorf("networks %s %s %s", a, b, c)
	}
}

// Right PINs use nothing up: a whole shift logs in behind one address.
func TestRightPINsAreFree(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Limits.Network, o.Limits.Device, o.Limits.User, o.Limits.Tenant = 2, 2, 2, 2 })
	for range 6 {
		if _, err := r.login(t, "anna", right); err != nil {
			t.Fatal(err)
		}
	}
	r.db.Exec(t, "UPDATE ringfence.pin_throttle SET ends_at = now() - interval '1 second', count = 100")
	if _, err := r.login(t, "anna", right); err != nil {
		t.Errorf("in a new window: %v", err)
	}
}

// A try that cannot be counted is not compared.
func TestUncountedIsRefused(t *testing.T) {
	r := newRig(t, nil)
	r.db.Exec(t, "ALTER FUNCTION ringfence.pin_begin RENAME TO pin_gone")
	_, err := r.login(t, "anna", right)
	if err == nil || errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "counting a try") {
		t.Errorf("got %v", err)
	}
	if n, _ := r.attempts(t, "anna"); n != 0 {
		t.Errorf("%d tries are counted", n)
	}
}

// A refresh token is good once. One that comes again ends the session, whoever brings it, and the sockets of it.
func TestRefresh(t *testing.T) {
	r := newRig(t, nil)
	first, err := r.login(t, "anna", right)
	if err != nil {
		t.Fatal(err)
	}
	at := from("192.0.2.1")
	second, err := r.Refresh(t.Context(), r.device, first.Refresh, at)
	if err != nil || second.Session != first.Session || second.Refresh == first.Refresh {
		t.Fatalf("%v %v", second.Session, err)
	}
	other := r.enrol(t, mine, "")
	for name, c := range map[string][2]string{"another device": {other, second.Refresh}, "a changed token": {r.device, second.Refresh[:len(second.Refresh)-2] + "AA"}, "none": {r.device, ""}} {
		if _, err := r.Refresh(t.Context(), c[0], c[1], at); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := r.Refresh(t.Context(), r.device, second.Refresh, at); err != nil {
		t.Fatalf("after tries of others: %v", err)
	}
	if _, err := r.Refresh(t.Context(), r.device, first.Refresh, at); !errors.Is(err, ErrRefused) {
		t.Errorf("a used token: %v", err)
	}
	if want := []Revocation{{Tenant: r.tenant, User: "anna", Session: first.Session}}; !slices.Equal(r.cut, want) {
		t.Errorf("revoked %v", r.cut)
	}
	if _, err := r.Refresh(t.Context(), r.device, second.Refresh, at); !errors.Is(err, ErrRefused) {
		t.Errorf("after the session's end: %v", err)
	}
	third, err := r.login(t, "ben", right)
	if err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	delete(r.roles, mine+"/ben")
	r.mu.Unlock()
	if _, err := r.Refresh(t.Context(), r.device, third.Refresh, at); !errors.Is(err, ErrRefused) {
		t.Errorf("no member any more: %v", err)
	}
	if _, err := r.login(t, "ben", right); !errors.Is(err, ErrRefused) {
		t.Errorf("login of no member: %v", err)
	}
}

// What an operator does, and a user's own rotation, ends sessions; none of it opens what it should not.
func TestOperatorAndRotation(t *testing.T) {
	r := newRig(t, nil)
	op := r.Operator()
	session := func() string {
		t.Helper()
		tokens, err := r.login(t, "anna", right)
		if err != nil {
			t.Fatal(err)
		}
		return tokens.Session
	}
	gone := func(what, session string) {
		t.Helper()
		if len(r.cut) != 1 || r.cut[0].Session != session {
			t.Errorf("%s: revoked %v", what, r.cut)
		}
		r.cut = nil
	}
	s := session()
	if err := op.Lock(t.Context(), r.tenant, "anna"); err != nil {
		t.Fatal(err)
	}
	gone("lock", s)
	if _, err := r.login(t, "anna", right); !errors.Is(err, ErrRefused) {
		t.Errorf("locked: %v", err)
	}
	if err := op.Unlock(t.Context(), r.tenant, "anna"); err != nil {
		t.Fatal(err)
	}
	s = session()
	try := Try{Device: r.device, User: "anna", PIN: wrong, From: from("192.0.2.1")}
	if err := r.Rotate(t.Context(), try, "90412"); !errors.Is(err, ErrRefused) {
		t.Errorf("rotation with a wrong PIN: %v", err)
	}
	try.PIN = right
	for next, want := range map[string]error{"1234": ErrTrivial, "12": ErrForm, right: ErrSame} {
		if err := r.Rotate(t.Context(), try, next); !errors.Is(err, want) {
			t.Errorf("rotation to %s: %v, want %v", next, err, want)
		}
	}
	if err := r.Rotate(t.Context(), try, "90412"); err != nil {
		t.Fatal(err)
	}
	gone("rotate", s)
	if _, err := r.login(t, "anna", right); !errors.Is(err, ErrRefused) {
		t.Errorf("the old PIN: %v", err)
	}
	if _, err := r.login(t, "anna", "90412"); err != nil {
		t.Errorf("the new PIN: %v", err)
	}
	r.cut = nil
	devices, err := op.Devices(t.Context(), r.tenant)
	if err != nil || len(devices) != 1 {
		t.Fatal(devices, err)
	}
	if err := op.EndDevice(t.Context(), tenant(t, theirs), devices[0].ID); err == nil {
		t.Error("another tenant's operator ended a device")
	}
	if err := op.EndDevice(t.Context(), r.tenant, devices[0].ID); err != nil || len(r.cut) == 0 {
		t.Errorf("ending the device: %v, revoked %v", err, r.cut)
	}
	if _, err := r.login(t, "anna", "90412"); !errors.Is(err, ErrRefused) {
		t.Errorf("on a device that was ended: %v", err)
	}
	r.device = r.enrol(t, mine, "")
	if err := op.Remove(t.Context(), r.tenant, "anna"); err != nil {
		t.Fatal(err)
	}
	if err := op.Lock(t.Context(), r.tenant, "anna"); !errors.Is(err, ErrNoPIN) {
		t.Errorf("locking what is gone: %v", err)
	}
}

// A user has one PIN in each tenant, and neither opens the other.
func TestOnePINATenant(t *testing.T) {
	r := newRig(t, nil)
	if err := r.Operator().Enrol(t.Context(), tenant(t, theirs), "anna", "739164"); err != nil {
		t.Fatal(err)
	}
	there := r.enrol(t, theirs, "")
	for _, c := range []struct {
		device, pin string
		want        error
	}{{r.device, right, nil}, {there, "739164", nil}, {r.device, "739164", ErrRefused}, {there, right, ErrRefused}} {
		if _, err := r.Login(t.Context(), Try{Device: c.device, User: "anna", PIN: c.pin, From: from("192.0.2.1")}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.pin, err, c.want)
		}
	}
	// A hash that is moved to another row opens nothing there: the pepper is the tenant's, and the user is in it.
	r.db.Exec(t, "UPDATE ringfence.user_pins p SET salt = o.salt, hash = o.hash FROM ringfence.user_pins o WHERE o.tenant = $1 AND o.user_id = 'anna' AND p.user_id <> o.user_id", theirs)
	if _, err := r.login(t, "ben", "739164"); !errors.Is(err, ErrRefused) {
		t.Errorf("with another's hash: %v", err)
	}
}

// A code is good once, and not for long; a device's secret is not in the database.
func TestCodes(t *testing.T) {
	r := newRig(t, nil)
	code, err := r.Operator().Code(t.Context(), r.tenant, "", "", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := r.Enrol(t.Context(), code, from("192.0.2.1")); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := r.Enrol(t.Context(), code, from("192.0.2.1")); !errors.Is(err, ErrRefused) {
		t.Errorf("a used code: %v", err)
	}
	old, err := r.Operator().Code(t.Context(), r.tenant, "", "", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	r.db.Exec(t, "UPDATE ringfence.pin_code SET expires_at = now()")
	if _, _, _, err := r.Enrol(t.Context(), old, from("192.0.2.1")); !errors.Is(err, ErrRefused) {
		t.Errorf("an old code: %v", err)
	}
}

// Overload is refused before anything is counted; slots are given back whatever happens.
func TestBusy(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Hashes, o.Wait = 1, time.Millisecond })
	if err := r.gate.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.login(t, "anna", wrong); !errors.Is(err, ErrBusy) {
		t.Errorf("while one is hashed: %v", err)
	}
	r.gate.leave()
	if n, _ := r.attempts(t, "anna"); n != 0 {
		t.Errorf("%d tries are counted", n)
	}
	if _, err := r.login(t, "anna", right); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	g := newGate(1, 1, time.Hour)
	_ = g.enter(t.Context())
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := g.enter(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("who hangs up: %v", err)
	}
	if len(g.room) != 1 || len(g.slots) != 1 {
		t.Errorf("%d in the room, %d slots taken", len(g.room), len(g.slots))
	}
}

// The tables are read by nobody: not by a tenant's role, not by the login's own.
func TestTablesAreReadByNobody(t *testing.T) {
	r := newRig(t, nil)
	app := r.db.Role(t, "app", "LOGIN")
	operator := r.db.Role(t, "operator", "LOGIN")
	for _, sql := range pinsql.Grant(pinsql.Operator, operator, true) {
		r.db.Exec(t, sql)
	}
	r.db.Exec(t, "GRANT USAGE ON SCHEMA ringfence TO "+pg.Ident(app))
	appConn, opConn := r.db.Conn(t, app), r.db.Conn(t, operator)
	for _, table := range pinsql.Tables {
		for who, read := range map[string]func(string) error{
			"app":      func(sql string) error { _, err := appConn.Exec(t.Context(), sql); return err },
			"operator": func(sql string) error { _, err := opConn.Exec(t.Context(), sql); return err },
			"login":    func(sql string) error { _, err := r.pool.Exec(t.Context(), sql); return err },
		} {
			for _, sql := range []string{"SELECT FROM ", "DELETE FROM ", "TRUNCATE "} {
				if err := read(sql + "ringfence." + table.Name); pg.SQLState(err) != "42501" {
					t.Errorf("%s: %s%s: %v", who, sql, table.Name, err)
				}
			}
		}
	}
	for _, f := range pinsql.Functions() {
		nulls := strings.TrimSuffix(strings.Repeat("NULL, ", strings.Count(f.Arguments, ",")+min(1, len(f.Arguments))), ", ")
		if _, err := appConn.Exec(t.Context(), "SELECT ringfence."+f.Name+"("+nulls+")"); pg.SQLState(err) != "42501" {
			t.Errorf("the application calls %s: %v", f.Name, err)
		}
		if _, err := opConn.Exec(t.Context(), "SELECT ringfence."+f.Name+"("+nulls+")"); (pg.SQLState(err) == "42501") != (f.For != pinsql.Operator) {
			t.Errorf("the operator calls %s: %v", f.Name, err)
		}
	}
	if done := pgtest.Value[bool](t, r.super, pinsql.Done()); !done {
		t.Error("what was installed is not known as such")
	}
}

// No PIN, device token, refresh token, code or pepper is told: in events, errors, prints, or the database.
func TestSecretsAreNotTold(t *testing.T) {
	pepper := NewPepper("k1")
	r := newRig(t, func(o *Options) { o.Peppers, _ = ParsePeppers(pepper) })
	code, err := r.Operator().Code(t.Context(), r.tenant, "", "", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	device, _, _, err := r.Enrol(t.Context(), code, from("192.0.2.1"))
	if err != nil {
		t.Fatal(err)
	}
	good := Try{Device: device, User: "anna", PIN: right, From: from("192.0.2.1")}
	tokens, err := r.Login(t.Context(), good)
	if err != nil {
		t.Fatal(err)
	}
	bad := good
	bad.PIN = wrong
	_, refused := r.Login(t.Context(), bad)
	_, _ = r.Refresh(t.Context(), device, tokens.Refresh, from("192.0.2.1"))
	_, reused := r.Refresh(t.Context(), device, tokens.Refresh, from("192.0.2.1"))
	canceled, stop := context.WithCancel(t.Context())
	stop()
	_, broken := r.Login(canceled, good)
	all := r.told(errors.Join(refused, reused, broken)) + fmt.Sprintf("%v %+v %#v %s %v %+v %#v", good, good, good, bad, tokens, tokens, r.o.Peppers)
	for _, table := range pinsql.Tables {
		for _, row := range pgtest.Query(t, r.super, "SELECT t::text FROM ringfence."+table.Name+" t") {
			all += strings.Join(row, " ") + "\n"
		}
	}
	_, key, _ := strings.Cut(strings.TrimSpace(pepper), ":")
	for what, secret := range map[string]string{"device": device, "refresh": tokens.Refresh, "access": tokens.Access, "code": code, "pepper": key, "PIN": " " + right, "wrong PIN": " " + wrong} {
		if strings.Contains(all, secret) {
			t.Errorf("the %s is told", what)
		}
	}
	if !strings.Contains(all, "anna") || !strings.Contains(all, string(ringfence.PINFailed)) {
		t.Error("the grep looked at nothing")
	}
}

// Where nobody can say who is a member nobody is let in, and nobody is locked for a PIN that was right.
func TestMembersAway(t *testing.T) {
	r := newRig(t, nil)
	r.err = errors.New("away")
	for range 7 {
		if _, err := r.login(t, "anna", right); err == nil || errors.Is(err, ErrRefused) {
			t.Fatalf("got %v", err)
		}
	}
	if got := r.types(); !slices.Equal(got, slices.Repeat([]ringfence.EventType{ringfence.MembershipFailing}, 7)) {
		t.Errorf("events %v", got)
	}
	r.err = nil
	if _, err := r.login(t, "anna", right); err != nil {
		t.Errorf("when they are back: %v", err)
	}
}

// A database that is away is a fault, not a refusal, and nobody is let in.
func TestDatabaseAway(t *testing.T) {
	r := newRig(t, nil)
	pool, err := pgxpool.New(t.Context(), r.db.DSN("nobody_of_this_name"))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	r.store.db = pool
	if _, err := r.login(t, "anna", right); err == nil || errors.Is(err, ErrRefused) {
		t.Errorf("got %v", err)
	}
}

// Behind a restart of the database every connection in the pool has ended: the next login goes through all the same.
func TestEndedConnections(t *testing.T) {
	r := newRig(t, nil)
	var hold []*pgxpool.Conn
	for range 3 {
		c, err := r.pool.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		hold = append(hold, c)
	}
	for _, c := range hold {
		c.Release()
	}
	r.db.Exec(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	if _, err := r.login(t, "anna", right); err != nil {
		t.Error(err)
	}
}
