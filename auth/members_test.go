package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

func tenants(t testing.TB) (a, b ringfence.Tenant) {
	t.Helper()
	a, errA := ringfence.ParseTenant(tenantA)
	b, errB := ringfence.ParseTenant(tenantB)
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	return a, b
}

// book is a source of memberships that counts who asks.
type book struct {
	mu    sync.Mutex
	roles map[string][]string
	err   error
	asked atomic.Int64
	enter chan struct{} // told at each question, where set
	leave chan struct{} // waited for, where set
}

func (b *book) Member(ctx context.Context, t ringfence.Tenant, user string) ([]string, error) {
	b.asked.Add(1)
	b.mu.Lock()
	roles, ok := b.roles[t.String()+"/"+user]
	err := b.err
	b.mu.Unlock()
	if b.enter != nil {
		b.enter <- struct{}{}
		<-b.leave
	}
	if err == nil && !ok {
		err = ErrNotMember
	}
	return roles, err
}

func (b *book) set(key string, roles []string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
	if delete(b.roles, key); roles != nil {
		b.roles[key] = roles
	}
}

func TestCachedMembers(t *testing.T) {
	a, b := tenants(t)
	from := &book{roles: map[string][]string{tenantA + "/u": {"agent"}, tenantB + "/u": {}}}
	now := start
	c := CacheMembers(from, CacheOptions{Now: func() time.Time { return now }})
	expect := func(what string, tenant ringfence.Tenant, user string, roles []string, err error, asked int64) {
		t.Helper()
		got, gotErr := c.Member(context.Background(), tenant, user)
		if !cmp.Equal(got, roles) || !errors.Is(gotErr, err) || from.asked.Load() != asked {
			t.Errorf("%s: %v, %v, asked %d times", what, got, gotErr, from.asked.Load())
		}
	}
	expect("first", a, "u", []string{"agent"}, nil, 1)
	got, _ := c.Member(context.Background(), a, "u")
	got[0] = "owner" // the caller's own copy
	expect("kept", a, "u", []string{"agent"}, nil, 1)
	expect("another tenant", b, "u", []string{}, nil, 2)
	expect("a stranger", a, "v", nil, ErrNotMember, 3)
	expect("a stranger, kept", a, "v", nil, ErrNotMember, 3)
	now = now.Add(5 * time.Second)
	expect("a stranger, later", a, "v", nil, ErrNotMember, 4)

	from.set(tenantA+"/u", nil, nil)
	expect("removed, not yet seen", a, "u", []string{"agent"}, nil, 4)
	c.Invalidate(a, "u")
	expect("removed", a, "u", nil, ErrNotMember, 5)
	expect("the other tenant stays", b, "u", []string{}, nil, 5)
	c.InvalidateTenant(b)
	expect("the other tenant, anew", b, "u", []string{}, nil, 6)

	from.set(tenantA+"/u", nil, errors.New("down"))
	now = now.Add(29 * time.Second)
	expect("kept while the source is down", b, "u", []string{}, nil, 6)
	now = now.Add(time.Second)
	expect("never beyond its time", b, "u", nil, from.err, 7)
	expect("a failure is not kept", b, "u", nil, from.err, 8)
	from.set(tenantB+"/u", []string{"x"}, nil)
	expect("back", b, "u", []string{"x"}, nil, 9)
	c.InvalidateAll()
	expect("all anew", b, "u", []string{"x"}, nil, 10)
}

// An answer that was on its way when the membership was invalidated is not kept, and nobody who asks later gets it.
func TestInvalidateDuringLookup(t *testing.T) {
	a, _ := tenants(t)
	for name, invalidate := range map[string]func(*CachedMembers){
		"member": func(c *CachedMembers) { c.Invalidate(a, "u") },
		"tenant": func(c *CachedMembers) { c.InvalidateTenant(a) },
		"all":    func(c *CachedMembers) { c.InvalidateAll() },
	} {
		from := &book{roles: map[string][]string{tenantA + "/u": {"agent"}}, enter: make(chan struct{}, 1), leave: make(chan struct{})}
		c := CacheMembers(from, CacheOptions{})
		early := make(chan error)
		go func() {
			_, err := c.Member(context.Background(), a, "u")
			early <- err
		}()
		<-from.enter // the old answer has been read
		from.set(tenantA+"/u", nil, nil)
		invalidate(c)
		late := make(chan error)
		go func() {
			_, err := c.Member(context.Background(), a, "u")
			late <- err
		}()
		<-from.enter // a question of its own
		close(from.leave)
		if err := <-early; err != nil {
			t.Errorf("%s: who asked before: %v", name, err)
		}
		if err := <-late; !errors.Is(err, ErrNotMember) {
			t.Errorf("%s: who asked after got the old answer: %v", name, err)
		}
		from.enter = nil
		if _, err := c.Member(context.Background(), a, "u"); !errors.Is(err, ErrNotMember) {
			t.Errorf("%s: the old answer was kept: %v", name, err)
		}
	}
}

func TestCachedMembersTogether(t *testing.T) {
	a, _ := tenants(t)
	from := &book{roles: map[string][]string{tenantA + "/u": {"agent"}}, enter: make(chan struct{}, 1), leave: make(chan struct{})}
	c := CacheMembers(from, CacheOptions{Max: 8})
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.Member(gone, a, "u"); !errors.Is(err, context.Canceled) {
		t.Errorf("who hung up waits: %v", err)
	}
	<-from.enter
	var group sync.WaitGroup
	for range 20 { // they join the look-up of who hung up
		group.Go(func() {
			if _, err := c.Member(context.Background(), a, "u"); err != nil {
				t.Error(err)
			}
		})
	}
	close(from.leave)
	group.Wait()
	if n := from.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	from.enter = nil
	for i := range 100 {
		_, _ = c.Member(context.Background(), a, fmt.Sprint("stranger ", i))
	}
	if len(c.kept) > 8 || len(c.tenants[a]) > 8 {
		t.Errorf("%d kept, %d of the tenant", len(c.kept), len(c.tenants[a]))
	}
}

// The function that MembershipFunction writes answers for one pair, as the application's role, which can read nothing itself.
func TestPostgresMembers(t *testing.T) {
	a, b := tenants(t)
	db := pgtest.DB(t)
	app := db.Role(t, "app", "LOGIN")
	db.Exec(t, `CREATE SCHEMA "Or""g"`)
	db.Exec(t, `CREATE TABLE "Or""g"."org members" (organization_id uuid, "User" text, role text, UNIQUE (organization_id, "User"))`)
	db.Exec(t, `INSERT INTO "Or""g"."org members" VALUES ($1, 'u', 'agent'), ($1, 'plain', NULL), ($2, 'u', 'owner')`, tenantA, tenantB)
	db.Exec(t, `GRANT USAGE ON SCHEMA "Or""g" TO `+app)
	db.Exec(t, MembershipFunction(MembershipTable{Schema: `Or"g`, Table: "org members", Tenant: "organization_id", TenantType: "uuid",
		User: "User", UserType: "text", Roles: "CASE WHEN m.role IS NOT NULL THEN ARRAY[m.role] END"}, `Or"g`, `member"ship`, app))
	conn := db.Conn(t, app)
	m, err := NewPostgresMembers(conn, `Or"g`, `member"ship`)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		tenant ringfence.Tenant
		user   string
		roles  []string
		err    error
	}{
		{a, "u", []string{"agent"}, nil}, {b, "u", []string{"owner"}, nil}, {a, "plain", []string{}, nil},
		{b, "plain", nil, ErrNotMember}, {a, "", nil, ErrNotMember}, {ringfence.Tenant{}, "u", nil, ErrNotMember},
		{a, "u' OR true --", nil, ErrNotMember},
	} {
		roles, err := m.Member(context.Background(), c.tenant, c.user)
		if !cmp.Equal(roles, c.roles) || !errors.Is(err, c.err) {
			t.Errorf("%s, %q: %v, %v", c.tenant, c.user, roles, err)
		}
	}
	text, _ := ringfence.ParseTenantText("no uuid at all")
	if _, err := m.Member(context.Background(), text, "u"); !errors.Is(err, ErrNotMember) {
		t.Errorf("a tenant of another type: %v", err)
	}
	if _, err := conn.Exec(context.Background(), `SELECT FROM "Or""g"."org members"`); err == nil {
		t.Error("the application reads the table itself")
	}
	broken, _ := NewPostgresMembers(conn, `Or"g`, "absent")
	if _, err := broken.Member(context.Background(), a, "u"); err == nil || errors.Is(err, ErrNotMember) {
		t.Errorf("an answer that cannot be had: %v", err)
	}
	if _, err := NewPostgresMembers(nil, "a", "b"); err == nil || !strings.Contains(err.Error(), "database") {
		t.Errorf("%v", err)
	}
}
