package pin

import (
	"context"
	"crypto/ed25519"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/auth"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/pinsql"
)

const (
	mine   = "7b0c8f0e-2f3e-4c59-9d5e-0a1b2c3d4e5f"
	theirs = "11111111-2222-4333-8444-555555555555"
	right  = "8305"
	wrong  = "9416"
)

// cheap is the least cost that is taken: tests of counting need no more.
var cheap = Cost{Memory: leastMemory, Passes: leastPasses, Threads: 1}

// book has the members, and keeps events and revocations.
type book struct {
	mu     sync.Mutex
	roles  map[string][]string
	err    error
	events []ringfence.Event
	cut    []Revocation
}

func (b *book) Member(_ context.Context, t ringfence.Tenant, user string) ([]string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	roles, ok := b.roles[t.String()+"/"+user]
	if b.err == nil && !ok {
		return nil, auth.ErrNotMember
	}
	return roles, b.err
}

func (b *book) Record(_ context.Context, e ringfence.Event) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events = append(b.events, e)
	return nil
}

func (b *book) Revoke(_ context.Context, r Revocation) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cut = append(b.cut, r)
	return nil
}

// types are the types of the events so far, and forgets them.
func (b *book) types() []ringfence.EventType {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []ringfence.EventType
	for _, e := range b.events {
		out = append(out, e.Type)
	}
	b.events = nil
	return out
}

// rig is a login on a real database.
type rig struct {
	*Service
	*book
	db     *pgtest.Database
	super  *pgx.Conn
	pool   *pgxpool.Pool
	issuer *auth.Issuer
	verify *auth.Verifier
	device string // enrolled for mine
	tenant ringfence.Tenant
}

func newRig(t *testing.T, with func(*Options)) *rig {
	t.Helper()
	r := &rig{db: pgtest.DB(t), book: &book{roles: map[string][]string{mine + "/anna": {"manager"}, mine + "/ben": {"staff"}, theirs + "/anna": {"staff"}}}}
	r.super = r.db.Super
	role := r.db.Role(t, "login", "LOGIN")
	for _, sql := range append(pinsql.Install(), pinsql.Grant(pinsql.Login, role, true)...) {
		r.db.Exec(t, sql)
	}
	var err error
	if r.pool, err = pgxpool.New(t.Context(), r.db.DSN(role)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.pool.Close)
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.issuer, err = auth.NewIssuer(auth.IssuerOptions{Name: "login", Audience: "voice", TenantClaim: "restaurant_id", Key: key}); err != nil {
		t.Fatal(err)
	}
	if r.verify, err = auth.New(auth.Options{Issuers: []auth.TrustedIssuer{r.issuer.Trust()}, TenantClaims: []string{"restaurant_id"}}); err != nil {
		t.Fatal(err)
	}
	peppers, err := ParsePeppers(NewPepper("k1"))
	if err != nil {
		t.Fatal(err)
	}
	o := Options{DB: r.pool, Peppers: peppers, Issuer: r.issuer, Members: r.book, Recorder: r.book, Revoker: r.book, Cost: cheap}
	if with != nil {
		with(&o)
	}
	if r.Service, err = New(o); err != nil {
		t.Fatal(err)
	}
	r.tenant = tenant(t, mine)
	r.device = r.enrol(t, mine, "")
	for _, user := range []string{"anna", "ben"} {
		if err := r.Operator().Enrol(t.Context(), r.tenant, user, right); err != nil {
			t.Fatal(err)
		}
	}
	r.types()
	return r
}

func tenant(t *testing.T, s string) ringfence.Tenant {
	t.Helper()
	p, err := ringfence.ParseTenant(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// enrol makes a device of a tenant, bound to a user where one is named.
func (r *rig) enrol(t *testing.T, of, user string) string {
	t.Helper()
	code, err := r.Operator().Code(t.Context(), tenant(t, of), user, "till", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	device, _, _, err := r.Enrol(t.Context(), code, from("192.0.2.1"))
	if err != nil {
		t.Fatal(err)
	}
	return device
}

func from(address string) Origin {
	return Origin{Address: netip.MustParseAddr(address), UserAgent: "test"}
}

func (r *rig) login(t *testing.T, user, pin string) (Tokens, error) {
	t.Helper()
	return r.Login(t.Context(), Try{Device: r.device, User: user, PIN: pin, From: from("192.0.2.1")})
}

// attempts is the count of a user, and whether it is locked now.
func (r *rig) attempts(t *testing.T, user string) (n int, locked bool) {
	t.Helper()
	if err := r.super.QueryRow(t.Context(), "SELECT attempts, coalesce(locked_until > now(), false) FROM ringfence.user_pins WHERE tenant = $1 AND user_id = $2",
		mine, user).Scan(&n, &locked); err != nil {
		t.Fatal(err)
	}
	return n, locked
}

// told is all that events and an error say, as they are usually printed.
func (r *rig) told(err error) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	for _, e := range r.events {
		b.WriteString(strings.Join([]string{string(e.Type), e.User, e.Tenant, e.AttemptedTenant, e.Session, e.Address, e.UserAgent}, " "))
		for k, v := range e.Detail {
			b.WriteString(" " + k + "=" + v)
		}
		b.WriteString("\n")
	}
	if err != nil {
		b.WriteString(err.Error())
	}
	return b.String()
}
