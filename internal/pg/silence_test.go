package pg_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ringfencehq/ringfence/internal/nettest"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// A server that goes mute ends a statement; one that is merely slow, or that nobody can ask, does not.
func TestMuteServer(t *testing.T) {
	db := pgtest.DB(t)
	const slow = "SELECT pg_sleep(3)"
	for _, c := range []struct {
		name, sql, goesMute, more, want string
		alone                           bool
	}{
		{name: "slow", sql: slow, goesMute: "never", alone: true},
		{name: "nothing asked", sql: slow, goesMute: "never", more: " keepalives=0"},
		{name: "mute to everybody", sql: slow, goesMute: slow, want: "a second connection is not answered either"},
		{name: "the answer is lost", sql: "SELECT 1", goesMute: "SELECT 1", alone: true, want: "the session has answered, and the answer does not arrive"},
		{name: "the answer is stuck", sql: "SELECT repeat('x', 1000000) FROM generate_series(1, 100)", goesMute: "generate_series", alone: true, want: "does not arrive"},
		{name: "the session is gone", sql: "SELECT pg_terminate_backend(pg_backend_pid())", goesMute: "terminate", alone: true, want: "the session is not there any more"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dsn, _ := db.GoesMute(t, pg.Superuser, nettest.Sent(c.goesMute), c.alone)
			conn, err := pg.Connect(t.Context(), dsn+c.more, pg.Options{SimpleProtocol: true})
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(t.Context())
			_, err = conn.Exec(t.Context(), c.sql)
			if c.want == "" && err != nil {
				t.Errorf("it answers, and ended by %v", err)
			}
			if c.want != "" && (err == nil || !strings.Contains(err.Error(), "the server has not answered for") || !strings.Contains(err.Error(), c.want) || pg.Hint(err) == "") {
				t.Errorf("%v (%s), not %s", err, pg.Hint(err), c.want)
			}
			_, err = conn.Exec(t.Context(), "SELECT 2")
			if later := pg.WhyLost(conn, err); c.want == "" && later != nil || c.want != "" && (later == nil || !strings.Contains(later.Error(), c.want)) {
				t.Errorf("afterwards: %v", later)
			}
		})
	}
}

// Silence is noticed below TLS, too.
func TestMuteServerBehindTLS(t *testing.T) {
	db := pgtest.DB(t)
	plain, m := db.GoesMute(t, pg.Superuser, nettest.Sent("SELECT 1"), true)
	web := httptest.NewTLSServer(nil)
	defer web.Close()
	address := nettest.Serve(t, func(in net.Conn) {
		request := make([]byte, 8)
		if _, err := io.ReadFull(in, request); err != nil {
			return
		}
		if _, err := in.Write([]byte("S")); err != nil {
			return
		}
		out, err := net.Dial("tcp", m.Address)
		if err != nil {
			return // the test is over, and a last question came late
		}
		defer out.Close()
		client := tls.Server(in, &tls.Config{Certificates: web.TLS.Certificates})
		go func() { _, _ = io.Copy(client, out) }()
		_, _ = io.Copy(out, client)
	})
	host, port, _ := net.SplitHostPort(address)
	conn, err := pg.Connect(t.Context(), plain+" sslmode=require host="+host+" port="+port, pg.Options{SimpleProtocol: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), "SELECT pg_sleep(2)"); err != nil {
		t.Errorf("a slow server: %v", err)
	}
	if _, err := conn.Exec(t.Context(), "SELECT 1"); err == nil || !strings.Contains(err.Error(), "the answer does not arrive") {
		t.Errorf("a lost answer: %v", err)
	}
}
