package edge

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	ringfence "github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/auth"
	"github.com/ringfencehq/ringfence/auth/pin"
	"github.com/ringfencehq/ringfence/gateway"
	"github.com/ringfencehq/ringfence/internal/bounded"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/revocation"
)

// pinSection has the gateway log people in by PIN, and take the tokens that it gives them. auth.members is needed with it.
type pinSection struct {
	Database     gateway.Secret `yaml:"database"`     // DSN of the login's role
	PeppersFile  string         `yaml:"peppers_file"` // as ringfence pin key writes it; not in the database, nor in its back-ups
	KeyFile      string         `yaml:"key_file"`     // what signs tokens: an Ed25519 key, PKCS #8 in PEM
	Issuer       string         `yaml:"issuer"`       // default "ringfence"
	Audience     string         `yaml:"audience"`     // default "ringfence"
	Path         string         `yaml:"path"`         // default /login
	Lifetime     time.Duration  `yaml:"lifetime"`     // of an access token; default 10m
	Session      time.Duration  `yaml:"session"`      // how long a login can be refreshed; default 12h
	ManagerRoles []string       `yaml:"manager_roles"`
	Memory       gateway.Size   `yaml:"memory"` // of one hash; default 19MiB
	Hashes       int            `yaml:"hashes"` // computed at once; default: as many as there are processors
	Limits       pinLimits      `yaml:"limits"`
}

// pinLimits are pin.Limits; each default is the reference's.
type pinLimits struct {
	Tries    int           `yaml:"tries"`
	Lock     time.Duration `yaml:"lock"`
	Failures int           `yaml:"failures"`
	Window   time.Duration `yaml:"window"`
	Network  int           `yaml:"network"`
	Device   int           `yaml:"device"`
	User     int           `yaml:"user"`
	Tenant   int           `yaml:"tenant"`
}

func (p *pinSection) check(env func(string) (string, bool), a *authSection) error {
	switch {
	case p.PeppersFile == "" || p.KeyFile == "":
		return errors.New("peppers_file and key_file are needed: ringfence pin key makes them")
	case a.Members == nil:
		return errors.New("auth.members is needed: who may log in is the database's to say")
	case len(a.TenantClaims) == 0:
		return errors.New("auth.tenant_claims is needed: its first is where the tenant will stand")
	}
	if err := readDSN(&p.Database, env); err != nil {
		return fmt.Errorf("database: %w", err)
	}
	return nil
}

// issuer reads the key and makes the issuer of logins.
func (p *pinSection) issuer(tenantClaim string) (*auth.Issuer, error) {
	key, err := readKey(p.KeyFile)
	if err != nil {
		return nil, err
	}
	return p.issuerBy(key, tenantClaim)
}

func (p *pinSection) issuerBy(key ed25519.PrivateKey, tenantClaim string) (*auth.Issuer, error) {
	return auth.NewIssuer(auth.IssuerOptions{Name: cmp.Or(p.Issuer, "ringfence"), Audience: cmp.Or(p.Audience, "ringfence"), TenantClaim: tenantClaim, Key: key, Lifetime: p.Lifetime})
}

// peppers reads the peppers.
func (p *pinSection) peppers() (*pin.Peppers, error) {
	text, err := bounded.ReadFile(p.PeppersFile, maxFile)
	if err != nil {
		return nil, fmt.Errorf("reading peppers: %w", err)
	}
	peppers, err := pin.ParsePeppers(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.PeppersFile, err)
	}
	return peppers, nil
}

// readKey reads an Ed25519 key. What stands in the file is in no error.
func readKey(path string) (ed25519.PrivateKey, error) {
	text, err := bounded.ReadFile(path, maxFile)
	if err != nil {
		return nil, fmt.Errorf("reading the key of logins: %w", err)
	}
	if block, _ := pem.Decode(text); block != nil {
		if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if ed, ok := key.(ed25519.PrivateKey); ok {
				return ed, nil
			}
		}
	}
	return nil, fmt.Errorf("reading the key of logins: %s holds no Ed25519 key, PKCS #8 in PEM", path)
}

// login is PIN login with what it holds open.
type login struct {
	*pin.Service
	pool *pgxpool.Pool
	cut  cutter
	path string
	http http.Handler
	stop context.CancelFunc

	// What tokens are signed with, and where they name the tenant.
	key         ed25519.PrivateKey
	tenantClaim string
}

// keeps says what of a file the login that runs would not go by; nil: nothing.
func (l *login) keeps(f *file) error {
	if l == nil {
		return nil
	}
	key, err := readKey(f.pin.KeyFile)
	switch {
	case err != nil:
		return fmt.Errorf("pin: %w", err)
	case !key.Equal(l.key):
		return errors.New("pin.key_file: its key changes only with a new process")
	case f.auth.TenantClaims[0] != l.tenantClaim:
		return errors.New("auth.tenant_claims: the first one, which logins write, changes only with a new process")
	}
	return nil
}

func (l *login) close() {
	if l != nil {
		l.stop()
		l.pool.Close()
		if l.cut.store != nil {
			l.cut.store.Close()
		}
	}
}

// handlers are what the gateway answers itself.
func (l *login) handlers() map[string]http.Handler {
	if l == nil {
		return nil
	}
	return map[string]http.Handler{l.path: l.http, l.path + "/": l.http}
}

// present is who verifies and who knows members at present: a reload puts others in their place.
type present struct{ e *running }

// Authorize implements ringfence.Authorizer.
func (p present) Authorize(ctx context.Context, c ringfence.Credential) (ringfence.Identity, error) {
	return p.e.authorizer(p.e.who.Load()).Authorize(ctx, c)
}

// Member implements auth.Members.
func (p present) Member(ctx context.Context, tenant ringfence.Tenant, user string) ([]string, error) {
	return p.e.who.Load().members.Member(ctx, tenant, user)
}

// cutter is a pin.Revoker: the session is on record first, then its sockets are cut and its tokens refused here and, by the bus,
// elsewhere.
type cutter struct {
	e     *running
	store *revocation.Store // nil: nothing is on record, and other gateways learn by the bus alone
}

// outlives is how long a revocation is held: no access token of the session lives longer.
const outlives = 2 * time.Hour

// Revoke implements pin.Revoker.
func (c cutter) Revoke(ctx context.Context, r pin.Revocation) error {
	entry := revocation.Entry{Kind: gateway.RevokeSession.String(), Tenant: r.Tenant.String(), Subject: r.Session, At: time.Now(), Ends: time.Now().Add(outlives),
		Reason: "login", By: "login"}
	if c.store != nil {
		var err error
		if entry, err = c.store.Add(ctx, entry); err != nil {
			return err
		}
	}
	if c.e.feed != nil {
		c.e.feed.Tell(entry)
	} else {
		c.e.gateway.Revoke(gateway.Revocation{Kind: gateway.RevokeSession, Tenant: r.Tenant, ID: r.Session, At: entry.At})
	}
	if c.e.bus == nil {
		return nil
	}
	return revocation.Carry(ctx, c.e.bus.Topic(c.e.file.nats.subject(topic)), entry)
}

// openLogin makes PIN login: nil where the file has none.
func (f *file) openLogin(ctx context.Context, e *running, log *slog.Logger) (*login, error) {
	p := f.pin
	if p == nil {
		return nil, nil
	}
	peppers, err := p.peppers()
	if err != nil {
		return nil, &ConfigError{fmt.Errorf("pin: %w", err)}
	}
	key, err := readKey(p.KeyFile)
	if err != nil {
		return nil, &ConfigError{fmt.Errorf("pin: %w", err)}
	}
	tenantClaim := f.auth.TenantClaims[0]
	issuer, err := p.issuerBy(key, tenantClaim)
	if err != nil {
		return nil, &ConfigError{fmt.Errorf("pin: %w", err)}
	}
	cut := cutter{e: e}
	if f.revocations.Database != nil {
		cut.store = revocation.NewStore(p.Database.Text())
	}
	pool, err := pg.Pool(ctx, p.Database.Text(), pg.Options{ApplicationName: "ringfence login", CancelWait: time.Second})
	if err != nil {
		return nil, fmt.Errorf("pin.database: %w", err)
	}
	s, err := pin.New(pin.Options{
		DB: pool, Peppers: peppers, Issuer: issuer, Members: present{e}, Recorder: e.trail, ParseTenant: f.gateway.Tenant.Kind.Parse, Revoker: cut,
		Cost: pin.MeasureCost(int(p.Memory)>>10, 50*time.Millisecond), Hashes: p.Hashes, Limits: pin.Limits(p.Limits), SessionLife: p.Session, Log: log, Stats: e.metrics.pin,
	})
	if err != nil {
		pool.Close()
		return nil, &ConfigError{fmt.Errorf("pin: %w", err)}
	}
	l := &login{Service: s, pool: pool, cut: cut, path: cmp.Or(p.Path, "/login"), key: key, tenantClaim: tenantClaim}
	l.http = s.Handler(pin.HandlerOptions{Prefix: l.path, Address: gateway.ClientAddress, Authorizer: present{e}, ManagerRoles: p.ManagerRoles, Origins: f.gateway.Origins})
	serve, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = stop
	go s.Serve(serve)
	return l, nil
}
