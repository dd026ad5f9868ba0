package pgtest

import (
	"fmt"
	"net"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/nettest"
)

// GoesMute gives a DSN of the database by a way that goes mute after text, as nettest.GoesMute has it. Those who use it lose
// patience after a second.
func (db *Database) GoesMute(t testing.TB, role, text string, alone bool) (dsn string, m *nettest.Mute) {
	t.Helper()
	own, err := pgx.ParseConfig(db.DSN(role))
	if err != nil {
		t.Fatal(err)
	}
	m = nettest.GoesMute(t, "unix", filepath.Join(own.Host, fmt.Sprintf(".s.PGSQL.%d", own.Port)), text, alone)
	host, port, _ := net.SplitHostPort(m.Address)
	return fmt.Sprintf("host=%s port=%s user=%s dbname=%s password='%s' sslmode=disable keepalives_idle=1 connect_timeout=1", host, port, own.User, own.Database, own.Password), m
}
