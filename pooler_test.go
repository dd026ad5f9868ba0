package ringfence_test

import (
	"net"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/ringfencehq/ringfence"
)

// stub is a pooler reduced to what can be told of one from outside: it announces a process number of its own, and where it
// knows of prepared statements it gives them other names on the server. The real one is met in the tests of the tag system.
type stub struct {
	renames bool
}

func (s stub) listen(t *testing.T, a *app) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(client, a.socket())
		}
	}()
	return &wire{addr: l.Addr().String()}
}

func (s stub) serve(client net.Conn, socket string) {
	defer client.Close()
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
