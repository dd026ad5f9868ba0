package pg_test

import (
	"encoding/binary"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/ringfencehq/ringfence/internal/nettest"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// fakePooler passes everything through, but for what poolers change. The real
// one is met by the tests of the build tag system.
type fakePooler struct {
	// pid is announced in place of the server's; 0 leaves the server's.
	pid uint32
	// options says what becomes of start-up options: "" passes them on.
	options string
}

// listen serves until the test ends, and gives a connection string.
func (f fakePooler) listen(t *testing.T, db *pgtest.Database) string {
	t.Helper()
	socket := filepath.Join(db.Server.SocketDir(), ".s.PGSQL."+strconv.Itoa(db.Server.Port()))
	_, port, _ := net.SplitHostPort(nettest.Serve(t, func(client net.Conn) { f.serve(client, socket) }))
	return "host=127.0.0.1 port=" + port + " user=" + pg.Superuser + " dbname=" + db.Name + " sslmode=disable"
}

func (f fakePooler) serve(client net.Conn, socket string) {
	backend := pgproto3.NewBackend(client, client)
	first, err := backend.ReceiveStartupMessage()
	startup, ok := first.(*pgproto3.StartupMessage)
	if err != nil || !ok {
		return
	}
	if _, has := startup.Parameters["options"]; has && f.options == "refused" {
		backend.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: "08P01", Message: "unsupported startup parameter: options"})
		backend.Flush()
		return
	}
	if f.options == "swallowed" {
		delete(startup.Parameters, "options")
	}
	server, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	defer server.Close()
	packet, err := startup.Encode(nil)
	if err != nil {
		return
	}
	if _, err := server.Write(packet); err != nil {
		return
	}
	go func() {
		io.Copy(server, client)
		server.Close()
	}()
	f.back(client, server)
}

// back passes the server's messages on, message by message.
func (f fakePooler) back(client io.Writer, server io.Reader) error {
	for {
		var head [5]byte
		if _, err := io.ReadFull(server, head[:]); err != nil {
			return err
		}
		body := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
		if _, err := io.ReadFull(server, body); err != nil {
			return err
		}
		if head[0] == 'K' && f.pid != 0 {
			binary.BigEndian.PutUint32(body, f.pid)
		}
		if _, err := client.Write(append(head[:], body...)); err != nil {
			return err
		}
	}
}

func TestDetectPath(t *testing.T) {
	db := pgtest.DB(t)
	limited := db.Role(t, "limited", "LOGIN CONNECTION LIMIT 1")
	cases := []struct {
		name, dsn string
		want      pg.Path
		why       string
	}{
		{"the socket", db.DSN(""), pg.PathDirect, "options arrive"},
		{"through TCP that changes nothing", fakePooler{}.listen(t, db), pg.PathDirect, "options arrive"},
		{"options of its own", db.DSN("") + "&options=-c%20work_mem%3D7MB", pg.PathDirect, "options arrive"},
		{"another process number", fakePooler{pid: 4242}.listen(t, db), pg.PathPooler, "process 4242"},
		{"options refused", fakePooler{options: "refused"}.listen(t, db), pg.PathPooler, "08P01"},
		{"options swallowed", fakePooler{options: "swallowed"}.listen(t, db), pg.PathPooler, "did not arrive"},
		{"no second connection", db.DSN(limited), pg.PathUnknown, "could not be tried"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			conn, err := pg.Connect(t.Context(), c.dsn, pg.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(t.Context())
			got := pg.DetectPath(t.Context(), conn)
			if got.Path != c.want || !strings.Contains(got.Why, c.why) || (got.Hint == "") != (c.want == pg.PathDirect) {
				t.Errorf("got %s, because %q, hint %q; want %s because %q", got.Path, got.Why, got.Hint, c.want, c.why)
			}
		})
	}
}

func TestDetectPathOfAClosedConnectionIsUnknown(t *testing.T) {
	db := pgtest.DB(t)
	conn := db.Conn(t, pg.Superuser)
	conn.Close(t.Context())
	if got := pg.DetectPath(t.Context(), conn); got.Path != pg.PathUnknown {
		t.Errorf("got %s, because %q; want unknown", got.Path, got.Why)
	}
}
