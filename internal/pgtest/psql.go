package pgtest

import (
	"bytes"
	"os/exec"
	"strconv"
	"testing"

	"github.com/ringfencehq/ringfence/internal/pg"
)

// PSQL runs a psql script file as the superuser and gives its output, standard
// and error together. It stops at the script's own ON_ERROR_STOP only; the test
// fails where psql exits with an error. The socket asks for no password, so
// that the script's "\c - role" works.
func PSQL(t testing.TB, db *Database, file string, args ...string) string {
	t.Helper()
	out, err := RunPSQL(t, db, file, args...)
	if err != nil {
		t.Fatalf("running psql -f %s: %v\n%s", file, err, out)
	}
	return out
}

// RunPSQL is PSQL for scripts that are meant to fail: psql's own error is given
// back.
func RunPSQL(t testing.TB, db *Database, file string, args ...string) (string, error) {
	t.Helper()
	psql, err := exec.LookPath("psql")
	if err != nil {
		t.Fatalf("psql is not on the machine: install postgresql-client")
	}
	cmd := exec.CommandContext(t.Context(), psql, append([]string{"-X", "-f", file}, args...)...)
	cmd.Env = append(cmd.Environ(),
		"PGHOST="+db.Server.SocketDir(), "PGPORT="+strconv.Itoa(db.Server.Port()),
		"PGUSER="+pg.Superuser, "PGDATABASE="+db.Name, "PGSSLMODE=disable", "LC_ALL=C")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	return out.String(), err
}
