package pin

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence"
)

// counter counts hashes, and statements on their way to the database.
type counter struct {
	DB
	hashes, statements atomic.Int64
}

func (c *counter) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	c.statements.Add(1)
	return c.DB.QueryRow(ctx, sql, args...)
}

func (c *counter) Tried(Outcome)                  {}
func (c *counter) Hashed(time.Duration)           { c.hashes.Add(1) }
func (c *counter) Unrecorded(ringfence.EventType) {}

// refusals are tries that are refused, each for another reason.
func (r *rig) refusals(t *testing.T) map[string]Try {
	t.Helper()
	foreign := r.enrol(t, theirs, "")
	return map[string]Try{
		"wrong PIN":      {Device: r.device, User: "ben", PIN: wrong},
		"locked":         {Device: r.device, User: "anna", PIN: right},
		"unknown user":   {Device: r.device, User: "zoe", PIN: right},
		"unknown device": {Device: "rfd_none", User: "anna", PIN: right},
		"foreign device": {Device: foreign, User: "ben", PIN: right},
		"foreign tenant": {Device: r.device, Tenant: theirs, User: "ben", PIN: right},
		"unknown tenant": {Device: r.device, Tenant: "00000000-0000-4000-8000-000000000000", User: "ben", PIN: right},
		"no form at all": {Device: r.device, User: "ben\x00", PIN: "a long text that is no PIN"},
	}
}

// Whatever is wrong, a refusal takes one hash of the same cost and the same number of statements.
func TestRefusalsDoTheSameWork(t *testing.T) {
	var c *counter
	r := newRig(t, func(o *Options) {
		c = &counter{DB: o.DB}
		o.DB, o.Stats = c, c
		o.Limits.Tries = 10
	})
	tries := r.refusals(t)
	if err := r.Operator().Lock(t.Context(), r.tenant, "anna"); err != nil {
		t.Fatal(err)
	}
	for name, try := range tries {
		c.hashes.Store(0)
		c.statements.Store(0)
		try.From = from("192.0.2.1")
		if _, err := r.Login(t.Context(), try); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
		if h, s := c.hashes.Load(), c.statements.Load(); h != 1 || s != 2 {
			t.Errorf("%s took %d hashes and %d statements, want 1 and 2", name, h, s)
		}
	}
}
