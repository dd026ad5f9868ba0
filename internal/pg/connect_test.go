package pg_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// hostilePasswords each hold a marker that no message may show any part of.
func hostilePasswords() []string {
	return []string{
		"S3CRET", "S3CRET word", "S3CRET/slash", "S3CRET@at", "S3CRET#hash", "S3CRET?mark", "S3CRET:colon",
		"S3CRET%zz", "S3CRET%", "S3CRET'quote", `S3CRET\back`, "S3CRET`: tick", "S3CRET=eq", "S3CRET&amp",
		"S3CRET\nline", "S3CRET\x00nul", "S3CRETü", `S3CRET"double`, "[S3CRET", "S3CRET]", "12345#S3CRET",
		"a/S3CRET", "a@S3CRET", "a?S3CRET", "a#S3CRET", "a:S3CRET", "a b=S3CRET", "//S3CRET", "S3CRET://x",
	}
}

// writings are ways people write a password, right and wrong.
func writings(password string) []string {
	raw := []string{
		"postgres://u:%s@127.0.0.1:1/db", "postgresql://u:%s@127.0.0.1:1/db?sslmode=require",
		"postgres://u:%s@127.0.0.1:x/db", "postgres://127.0.0.1:1/db?user=u&password=%s", "postgres://u:%s@/db?host=/nonexistent",
		"postgres://u:%s@127.0.0.1:1/db?sslmode=wrong", "host=127.0.0.1 port=1 user=u password=%s", "password=%s host=127.0.0.1 port=1 sslmode=wrong",
		"host=127.0.0.1 port=1 password='%s'", "host=127.0.0.1 port=one password=%s", "user=u password=%s service=nosuch",
		"host=127.0.0.1 port=1 user=u password=x statement_cache_capacity=%s",
		"postgres//u:%s@127.0.0.1", "mysql://u:%s@127.0.0.1/db", "u:%s@127.0.0.1", "%s",
	}
	var all []string
	for _, w := range raw {
		all = append(all, fmt.Sprintf(w, password), fmt.Sprintf(w, url.QueryEscape(password)))
	}
	return all
}

func TestNoPasswordInErrors(t *testing.T) {
	// Whatever is taken for a name must fail to resolve at once.
	t.Setenv("PGHOST", "127.0.0.1")
	t.Setenv("PGPORT", "1")
	for _, password := range hostilePasswords() {
		for _, dsn := range writings(password) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			conn, err := pg.Connect(ctx, dsn, pg.Options{})
			cancel()
			if err == nil {
				conn.Close(t.Context())
				t.Fatalf("%q connected: this tests nothing", dsn)
			}
			var explained *pg.Error
			if !errors.As(err, &explained) || explained.Hint == "" {
				t.Errorf("%q: %v has no hint", dsn, err)
			}
			if strings.Contains(err.Error()+pg.Hint(err), "S3CRET") {
				t.Errorf("%q: the error shows the password: %v", dsn, err)
			}
		}
	}
}

func TestServerThatRepeatsThePasswordIsNotQuoted(t *testing.T) {
	db := pgtest.DB(t)
	dsn := "host=" + db.Server.SocketDir() + " user=S3CRET password=S3CRET dbname=" + db.Name
	_, err := pg.Connect(t.Context(), dsn, pg.Options{})
	if pg.SQLState(err) != "28000" {
		t.Fatalf("%v, want 28000", err)
	}
	var explained *pg.Error
	errors.As(err, &explained)
	if strings.Contains(explained.Err.Error(), "S3CRET") {
		t.Errorf("the server's message is passed on with the password: %v", explained.Err)
	}
}

func TestConnectHints(t *testing.T) {
	db := pgtest.DB(t)
	cases := []struct{ name, dsn, hint string }{
		{"database", db.Server.DSN("no such", pg.Superuser), "database's name"},
		{"role", db.DSN("no such"), "pg_hba.conf"},
		{"port", "host=127.0.0.1 port=1 user=u dbname=d sslmode=disable", "Nothing listens there"},
		{"socket", "host=/nonexistent user=u dbname=d", "no such socket"},
		{"setting", db.DSN("") + "&no_such_setting=1", "does not know a setting"},
		{"crl", "host=h user=u sslcrl=/x", "Revocation lists"},
		{"gss", "host=h user=u gssencmode=require", "verify-full"},
		{"service", "service=nosuch", "PGSERVICEFILE"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			conn, err := pg.Connect(t.Context(), c.dsn, pg.Options{})
			if err == nil {
				conn.Close(t.Context())
				t.Fatal("connected")
			}
			if !strings.Contains(pg.Hint(err), c.hint) {
				t.Errorf("%v\nhint %q, want %q in it", err, pg.Hint(err), c.hint)
			}
		})
	}
}

func TestParamsOfLibpqAlone(t *testing.T) {
	db := pgtest.DB(t)
	dsn := db.DSN("") + "&keepalives=1&keepalives_idle=30&gssencmode=prefer&fallback_application_name=x" +
		"&client_encoding=auto&channel_binding=prefer&application_name=theirs&connect_timeout=5"
	conn, err := pg.Connect(t.Context(), dsn, pg.Options{ApplicationName: "ringfence/run/1"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	got := pgtest.Query(t, conn, "SELECT current_setting('application_name'), current_setting('client_encoding')")
	if diff := cmp.Diff([][]string{{"ringfence/run/1", "UTF8"}}, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}

// TestServiceAndPasswordFiles logs in over TCP, where the server asks for a
// password that stands in no connection string.
func TestServiceAndPasswordFiles(t *testing.T) {
	server := pgtest.ServerWith(t, pg.EmbeddedOptions{NoFsync: true, InMemory: true, TCP: true})
	db := server.DB(t)
	const password = `pa:ss\wo rd'"ü`
	role := db.Role(t, "login", "LOGIN PASSWORD "+pg.Literal(password))
	port := strconv.Itoa(server.Port())
	dir := t.TempDir()
	serviceFile, passFile := filepath.Join(dir, "service.conf"), filepath.Join(dir, "pass")
	write := func(file, content string) {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(serviceFile, fmt.Sprintf("[here]\nhost=127.0.0.1\nport=%s\ndbname=%s\nuser=%s\n", port, db.Name, role))
	quoted := strings.NewReplacer(`\`, `\\`, `:`, `\:`).Replace(password)
	write(passFile, fmt.Sprintf("127.0.0.1:%s:%s:%s:%s\n", port, db.Name, role, quoted))
	t.Setenv("PGSERVICEFILE", serviceFile)
	who := func(dsn string) string {
		t.Helper()
		conn, err := pg.Connect(t.Context(), dsn, pg.Options{})
		if err != nil {
			return "refused " + pg.SQLState(err)
		}
		defer conn.Close(t.Context())
		return pgtest.Value[string](t, conn, "SELECT current_user::text")
	}
	got := map[string]string{"service without password": who("service=here")}
	t.Setenv("PGPASSFILE", passFile)
	got["service and password file"] = who("service=here")
	got["url with service"] = who("postgres:///?service=here")
	got["url and password file"] = who("postgres://" + role + "@" + net.JoinHostPort("127.0.0.1", port) + "/" + db.Name)
	t.Setenv("PGSERVICE", "here")
	got["environment alone"] = who("")
	t.Setenv("PGPASSFILE", filepath.Join(dir, "none"))
	got["environment, no password file"] = who("")
	t.Setenv("PGPASSWORD", password)
	got["environment, password"] = who("")
	const refused = "refused 28P01"
	want := map[string]string{
		"service without password": refused, "service and password file": role, "url with service": role,
		"url and password file": role, "environment alone": role, "environment, no password file": refused,
		"environment, password": role,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("who logged in (-want +got):\n%s", diff)
	}
}

func TestResolve(t *testing.T) {
	type result struct {
		DSN    string
		From   pg.Source
		Failed bool
	}
	all := map[string]string{"RINGFENCE_DSN": "r", "DATABASE_URL": "d", "PGHOST": "h"}
	cases := []struct {
		name, argument string
		env            map[string]string
		want           result
	}{
		{"argument first", "a", all, result{"a", pg.FromArgument, false}},
		{"then our own", "", all, result{"r", pg.FromRingfenceDSN, false}},
		{"then the common one", "", map[string]string{"RINGFENCE_DSN": "", "DATABASE_URL": "d", "PGHOST": "h"}, result{"d", pg.FromDatabaseURL, false}},
		{"then libpq's", "", map[string]string{"PGSERVICE": "s"}, result{"", pg.FromPGVariables, false}},
		{"a password alone names nothing", "", map[string]string{"PGPASSWORD": "x", "PGSSLMODE": "require"}, result{Failed: true}},
		{"nothing", "", nil, result{Failed: true}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dsn, from, err := pg.Resolve(c.argument, func(name string) (string, bool) { v, ok := c.env[name]; return v, ok })
			if diff := cmp.Diff(c.want, result{dsn, from, err != nil}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if err != nil && pg.Hint(err) == "" {
				t.Errorf("%v has no hint", err)
			}
		})
	}
}

// TestCancelledStatementsEnd is the trap of cutting the socket: the statement
// would go on unseen.
func TestCancelledStatementsEnd(t *testing.T) {
	db := pgtest.DB(t)
	conn := db.Conn(t, pg.Superuser)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := conn.Exec(ctx, "SELECT pg_sleep(60)", pgx.QueryExecModeSimpleProtocol)
	if pg.SQLState(err) != "57014" {
		t.Fatalf("%v, want the server's own answer, 57014", err)
	}
	if got := pgtest.Value[int32](t, conn, "SELECT 1"); got != 1 {
		t.Errorf("the connection gives %d after the cancel", got)
	}
}

func TestQuotingRoundTrips(t *testing.T) {
	db := pgtest.DB(t)
	long := strings.Repeat("ü", 31) + "x" // 63 bytes
	for _, s := range []string{"a", `"`, `""`, "'", `\`, `\'`, "a\nb", "%s", "ü€😀", "select", "A b", "; DROP TABLE x --", "$1", long} {
		db.Exec(t, "CREATE TABLE public."+pg.Ident(s)+" (id int)")
		db.Exec(t, "COMMENT ON TABLE "+pg.Ident("public", s)+" IS "+pg.Literal(s))
		for _, standard := range []string{"on", "off"} {
			// Apart: a script is read before its first statement runs.
			db.Exec(t, "SET standard_conforming_strings = "+standard)
			sql := "SELECT relname, obj_description(oid), " + pg.Literal(s) + " FROM pg_class WHERE relname = " + pg.Literal(s)
			results, err := db.Super.PgConn().Exec(t.Context(), sql).ReadAll()
			if err != nil || len(results) != 1 {
				t.Fatalf("%q with standard_conforming_strings %s: %v", s, standard, err)
			}
			text := []byte(s)
			if diff := cmp.Diff([][][]byte{{text, text, text}}, results[0].Rows); diff != "" {
				t.Errorf("%q with standard_conforming_strings %s (-want +got):\n%s", s, standard, diff)
			}
		}
		db.Exec(t, "SET standard_conforming_strings = on")
	}
}
