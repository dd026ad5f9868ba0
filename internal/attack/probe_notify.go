package attack

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/reach"
)

// hearing is how long is waited for a notification that was sent: the server passes it on at once.
const hearing = 3 * time.Second

var notify = Probe{
	Name: "notify",
	Doc: `hear another tenant's row in what a trigger sends by NOTIFY

LISTEN needs no privilege and knows no policy. A notification goes out with the COMMIT of the one who writes: rows are made,
taken away again and that is committed, on a copy of the database only.`,
	Command: "SELECT", Kind: "inference", Clone: true, Commits: true,
	Applies: func(t *Target) bool { return t.s.dial != nil },
	Ways: func(t *Target) []*Target {
		var out []*Target
		rel := t.Table.Relation
		for i := range rel.Triggers {
			g := &rel.Triggers[i]
			if len(t.channels(t.s.snap.Function(g.Function))) > 0 && g.Enabled != "disabled" {
				u := *t
				u.call, u.Path = t.s.snap.Function(g.Function), Path{{"trigger", g.Identity(rel)}}
				out = append(out, &u)
			}
		}
		return out
	},
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		ear, err := t.s.dial(ctx, t.roleOf(t.Actor))
		if err != nil {
			return false, preparing(fmt.Errorf("opening a session that listens: %w", err))
		}
		defer ear.Close(context.WithoutCancel(ctx))
		for _, c := range t.channels(t.call) {
			sql := "LISTEN " + pg.Ident(c)
			t.s.statements = append(t.s.statements, sql)
			if _, err := ear.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
				return false, fmt.Errorf("listening: %w", err)
			}
		}
		if err := t.commit(ctx, tx); err != nil {
			return false, preparing(err)
		}
		return t.hears(ctx, ear)
	},
}

// hears reports whether a notification comes that tells the target's row; for the control it is enough that one comes.
func (t *Target) hears(ctx context.Context, ear *pgx.Conn) (bool, error) {
	until, cancel := context.WithTimeout(ctx, hearing)
	defer cancel()
	for {
		n, err := ear.WaitForNotification(until)
		switch {
		case err != nil && errors.Is(until.Err(), context.DeadlineExceeded) && ctx.Err() == nil:
			return false, nil
		case err != nil:
			return false, fmt.Errorf("listening: %w", err)
		case t.control() || t.tells(n.Payload):
			return true, nil
		}
	}
}

// channels are the channels on which a trigger's function sends what the table's rows hold.
func (t *Target) channels(f *catalog.Function) []string {
	if f == nil || f.System {
		return nil
	}
	b, err := t.s.reader.Body(f)
	if err != nil {
		return nil // what it sends is not known, which the audit says
	}
	n := reach.Notifies(b, t.Table.Relation, t.Table.Key)
	if n == nil {
		return nil
	}
	return n.Channels
}
