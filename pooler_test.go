package ringfence_test

import (
	"errors"
	"net"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/internal/nettest"
)

// stub is a pooler reduced to what can be told of one from outside: it announces a process number of its own, and where it
// knows of prepared statements it gives them other names on the server. The real one is met in the tests of the tag system.
type stub struct {
	renames bool
	commit  string // what stands in place of the tag COMMIT; empty: COMMIT
}

func (s stub) listen(t *testing.T, a *app) *wire {
	t.Helper()
	return &wire{addr: nettest.Serve(t, func(client net.Conn) { s.serve(client, a.socket()) })}
}

func (s stub) serve(client net.Conn, socket string) {
	server, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	defer server.Close()
	fromClient, fromServer := pgproto3.NewBackend(client, client), pgproto3.NewFrontend(server, server)
	start, err := fromClient.ReceiveStartupMessage()
	if err != nil {
		return
	}
	fromServer.Send(start)
	if fromServer.Flush() != nil {
		return
	}
	go func() {
		defer server.Close()
		for {
			msg, err := fromClient.Receive()
			if err != nil {
				return
			}
			s.rename(msg)
			fromServer.Send(msg)
			if fromServer.Flush() != nil {
				return
			}
		}
	}()
	for {
		msg, err := fromServer.Receive()
		if err != nil {
			return
		}
		if key, ok := msg.(*pgproto3.BackendKeyData); ok {
			key.ProcessID = 4242
		}
		if end, ok := msg.(*pgproto3.CommandComplete); ok && s.commit != "" && string(end.CommandTag) == "COMMIT" {
			end.CommandTag = []byte(s.commit)
		}
		fromClient.Send(msg)
		if fromClient.Flush() != nil {
			return
		}
	}
}

func (s stub) rename(msg pgproto3.FrontendMessage) {
	other := func(name string) string {
		if name == "" || !s.renames {
			return name
		}
		return "POOLER_" + name
	}
	switch m := msg.(type) {
	case *pgproto3.Parse:
		m.Name = other(m.Name)
	case *pgproto3.Bind:
		m.PreparedStatement = other(m.PreparedStatement)
	case *pgproto3.Describe:
		if m.ObjectType == 'S' {
			m.Name = other(m.Name)
		}
	case *pgproto3.Close:
		if m.ObjectType == 'S' {
			m.Name = other(m.Name)
		}
	}
}

// TestCommitThatWasNone takes no other answer to COMMIT for a commit, in any kind of call.
func TestCommitThatWasNone(t *testing.T) {
	a := newApp(t)
	dsn := a.through(stub{commit: "ROLLBACK"}.listen(t, a))
	for _, mode := range modes {
		p := a.open(t, func(c *ringfence.Config) { c.DSN, c.Mode = dsn, mode })
		ctx := as(t.Context(), tenantA)
		_, execErr := p.Exec(ctx, "UPDATE doc SET body = 'x'")
		b := &pgx.Batch{}
		b.Queue("SELECT 1")
		rows, err := p.Query(ctx, "SELECT id FROM doc")
		if err == nil {
			rows.Close()
			err = rows.Err()
		}
		for name, err := range map[string]error{"Exec": execErr, "Query": err, "QueryRow": p.QueryRow(ctx, "SELECT 1").Scan(nil), "a batch": p.SendBatch(ctx, b).Close(),
			"Tx": statements(p, ctx, 1)} {
			if !errors.Is(err, ringfence.ErrRolledBack) {
				t.Errorf("%s, %s: %v", mode, name, err)
			}
		}
	}
}

// TestPath finds the pooler, and chooses how statements are run.
func TestPath(t *testing.T) {
	a := newApp(t)
	cases := []struct {
		name, dsn string
		mode      pgx.QueryExecMode
		want      ringfence.PoolerReport
	}{
		{"direct", a.dsn, 0, ringfence.PoolerReport{Pooler: ringfence.No, Prepared: ringfence.Yes, Mode: pgx.QueryExecModeCacheStatement}},
		{"TCP", a.through(newWire(t, "unix", a.socket(), 0)), 0, ringfence.PoolerReport{Pooler: ringfence.No, Prepared: ringfence.Yes, Mode: pgx.QueryExecModeCacheStatement}},
		{"a pooler", a.through(stub{}.listen(t, a)), 0, ringfence.PoolerReport{Pooler: ringfence.Yes, Prepared: ringfence.No, Mode: pgx.QueryExecModeCacheDescribe}},
		{"one that knows prepared statements", a.through(stub{renames: true}.listen(t, a)), 0, ringfence.PoolerReport{Pooler: ringfence.Yes, Prepared: ringfence.Yes, Mode: pgx.QueryExecModeCacheStatement}},
		{"a configured mode", a.dsn, pgx.QueryExecModeExec, ringfence.PoolerReport{Pooler: ringfence.No, Prepared: ringfence.Yes, Mode: pgx.QueryExecModeExec}},
		{"the connection string's mode", a.dsn + "&default_query_exec_mode=simple_protocol", 0, ringfence.PoolerReport{Pooler: ringfence.No, Prepared: ringfence.Yes, Mode: pgx.QueryExecModeSimpleProtocol}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := a.open(t, func(cfg *ringfence.Config) { cfg.DSN, cfg.Mode = c.dsn, c.mode })
			if got := p.Path(); got != c.want {
				t.Errorf("found %+v, want %+v", got, c.want)
			}
			for range 2 {
				everyCall(t, a, p, as(t.Context(), tenantA), tenantA)
			}
		})
	}
}
