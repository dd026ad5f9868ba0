package edge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	ringfence "github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/gateway"
	"github.com/ringfencehq/ringfence/internal/bus"
	"github.com/ringfencehq/ringfence/internal/revocation"
)

// revocationsSection says where what was revoked is on record.
type revocationsSection struct {
	Database *gateway.Secret `yaml:"database"` // DSN of the follower's role; absent: the bus alone tells, and a process that begins later knows nothing
	Poll     time.Duration   `yaml:"poll"`     // how late a message that the bus lost is at most; default 1s
}

func (r *revocationsSection) check(env func(string) (string, bool)) error {
	if r.Poll < 0 || r.Poll > time.Minute {
		return errors.New("poll: it is between 0, which is a second, and a minute")
	}
	if r.Database == nil {
		return nil
	}
	if err := readDSN(r.Database, env); err != nil {
		return fmt.Errorf("database: %w", err)
	}
	return nil
}

// follower is a feed with what it holds open.
type follower struct {
	*revocation.Feed
	store *revocation.Store
}

func (f *follower) close() {
	if f != nil && f.store != nil {
		f.store.Close()
	}
}

// topic is the bus's topic of revocations.
const topic = "revoked"

// openFeed makes what follows revocations: nil where the file names no place that they could come from.
func (f *file) openFeed(b *bus.Bus, forget func(gateway.Revocation), log *slog.Logger) (*follower, error) {
	o := revocation.Options{ParseTenant: f.gateway.Tenant.Kind.Parse, Poll: f.revocations.Poll, Skew: f.auth.Skew, Forget: forget, Log: log}
	if s := f.revocations.Database; s != nil {
		o.Store = revocation.NewStore(s.Text())
	}
	if b != nil {
		o.Bus = b.Topic(f.nats.subject(topic))
	}
	if o.Store == nil && o.Bus == nil {
		return nil, nil
	}
	feed, err := revocation.NewFeed(o)
	if err != nil {
		return nil, err
	}
	return &follower{Feed: feed, store: o.Store}, nil
}

// errNotLoaded says that nobody can tell yet whether a token was revoked.
var errNotLoaded = errors.New("what was revoked is not known yet")

// informed is an Authorizer that lets nobody in before it is known what was revoked.
type informed struct {
	ringfence.Authorizer
	feed *follower
}

// Authorize implements ringfence.Authorizer.
func (i informed) Authorize(ctx context.Context, c ringfence.Credential) (ringfence.Identity, error) {
	if !i.feed.Loaded() {
		return ringfence.Identity{}, errNotLoaded
	}
	return i.Authorizer.Authorize(ctx, c)
}

// ready is the feed's part of readyz.
func (f *follower) ready(context.Context) error {
	if f != nil && !f.Loaded() {
		return errNotLoaded
	}
	return nil
}

// Revoke stores a revocation by a DSN of the revoker's role, and puts it on the bus that the file names, where a client can reach
// it, so that gateways know at once. Without a file, or where its bus listens nowhere, they know at their next poll; carried
// tells which. It returns what was stored.
func Revoke(ctx context.Context, o Options, dsn string, e revocation.Entry) (stored revocation.Entry, carried bool, err error) {
	topic, closeBus, err := o.revoked(&e)
	if err != nil {
		return e, false, err
	}
	defer closeBus()
	store := revocation.NewStore(dsn)
	defer store.Close()
	if stored, err = store.Add(ctx, e); err != nil {
		return e, false, err
	}
	if topic == nil {
		return stored, false, nil
	}
	if err := revocation.Carry(ctx, topic, stored); err != nil {
		o.Log.Warn("the bus did not take it", "error", err)
		return stored, false, nil
	}
	return stored, true, nil
}

// revoked joins the bus of the file as a client, and writes the entry's tenant as keys of this gateway are spelt. It reads no
// other section: who revokes need not have the gateway's other secrets.
func (o Options) revoked(e *revocation.Entry) (*bus.Topic, func(), error) {
	none := func() {}
	if o.File == "" {
		return nil, none, nil
	}
	text, err := readFile(o.File)
	if err != nil {
		return nil, none, &ConfigError{err}
	}
	var n natsSection
	var tenant gateway.Tenant
	if err := errors.Join(gateway.Section(text, "nats", &n), gateway.Section(text, "tenant", &tenant)); err != nil {
		return nil, none, &ConfigError{fmt.Errorf("%s: %w", o.File, err)}
	}
	if err := spell(e, cmp.Or(tenant.Kind, gateway.KindUUID)); err != nil {
		return nil, none, &ConfigError{err}
	}
	if n.URL == "" && n.Listen == "" {
		return nil, none, nil
	}
	if err := n.check(o.Env); err != nil {
		return nil, none, &ConfigError{fmt.Errorf("%s: nats: %w", o.File, err)}
	}
	n.Dir, n.Cluster, n.Tee = "", clusterSection{}, nil
	if n.URL == "" {
		n.URL, n.Listen = "nats://"+n.Listen, ""
	}
	b, err := n.open("ringfence revoke", o.Log)
	if err != nil {
		return nil, none, err
	}
	return b.Topic(n.subject(topic)), b.Close, nil
}

// spell writes an entry's tenant as its key is spelt.
func spell(e *revocation.Entry, k gateway.Kind) error {
	if e.Tenant == "" {
		return nil
	}
	t, err := k.Parse(e.Tenant)
	if err != nil {
		return fmt.Errorf("%q is no tenant of kind %s", e.Tenant, k)
	}
	e.Tenant = t.String()
	return nil
}
