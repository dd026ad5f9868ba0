package ringfence

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// A ServiceFunction is one narrow function that does what must run without a tenant: the look-up of a login, a webhook, a
// cron job. It is SECURITY DEFINER, planned by "ringfence plan", and returns no more than its caller needs.
type ServiceFunction struct {
	Schema, Name string
	// Arguments is how many arguments it takes.
	Arguments int
}

func (f ServiceFunction) validate() error {
	if f.Schema == "" || f.Name == "" || f.Arguments < 0 || f.Arguments > 100 {
		return errors.New("a function wants its schema, its name and 0 to 100 arguments")
	}
	return nil
}

// sql returns the call.
func (f ServiceFunction) sql() string {
	var b strings.Builder
	b.WriteString("select * from " + pgx.Identifier{f.Schema, f.Name}.Sanitize() + "(")
	for i := range f.Arguments {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("$" + strconv.Itoa(i+1))
	}
	return b.String() + ")"
}

// Service calls one of Config.Services without a tenant: as the application's role, with an empty context, in one round
// trip. The call is on the trail before it is made; where it cannot be recorded, it is not made. A name that is not
// configured is a Refusal. The rows are to be closed, and their Err carries the error of COMMIT.
func (p *Pool) Service(ctx context.Context, name string, args ...any) (pgx.Rows, error) {
	f, ok := p.cfg.Services[name]
	if !ok {
		err := p.refuse(ctx, event(ctx, NoContext, map[string]string{"operation": "service", "reason": "not configured"}),
			fmt.Errorf("calling service function %q: it is not in Config.Services", name))
		return failedRows(err), err
	}
	if len(args) != f.Arguments {
		err := fmt.Errorf("calling service function %q: %d arguments, and it takes %d", name, len(args), f.Arguments)
		return failedRows(err), err
	}
	if err := p.onRecord(ctx, event(ctx, ServiceCall, map[string]string{"operation": name, "function": f.Schema + "." + f.Name})); err != nil {
		return failedRows(err), err
	}
	if err := p.serving(ctx); err != nil {
		return failedRows(err), err
	}
	return p.query(ctx, "service", scope{}, f.sql(), args)
}

// ServiceRow is Service for one row.
func (p *Pool) ServiceRow(ctx context.Context, name string, args ...any) pgx.Row {
	rows, err := p.Service(ctx, name, args...)
	return &row{rows: rows, err: err}
}

// onRecord records what may only happen when it is on record.
func (p *Pool) onRecord(ctx context.Context, e Event) error {
	if p.cfg.Recorder == nil {
		return fmt.Errorf("recording %s: the pool has no Recorder, and this work is never off the record", e.Type)
	}
	if err := p.record(ctx, e); err != nil {
		return fmt.Errorf("recording %s: %w", e.Type, err)
	}
	return nil
}

// InsecureAllTenants runs fn in one transaction of the service role, which row security does not hold: the one way past the
// tenant context, named so that it is found by its name. It needs Config.ServiceDSN, a Recorder and a reason, and is on the
// trail before it begins; where it cannot be recorded, it does not run. The transaction is rolled back where fn returns an
// error or panics; it must not be used after fn has returned.
func (p *Pool) InsecureAllTenants(ctx context.Context, reason string, fn func(*Tx) error) error {
	if strings.TrimSpace(reason) == "" {
		return errors.New("working on all tenants: no reason was given")
	}
	if p.service == nil {
		return errors.New("working on all tenants: the pool has no ServiceDSN")
	}
	if err := p.onRecord(ctx, event(ctx, AllTenants, map[string]string{"reason": reason})); err != nil {
		return err
	}
	tx := &Tx{pool: p, conns: p.service, begin: "begin", allTenants: true}
	return runOnce(ctx, tx, fn)
}
