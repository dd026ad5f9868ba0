package pgtest

import (
	"fmt"
	"net"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/nettest"
)

// GoesMute gives a DSN of the database by a way that goes mute, as nettest.GoesMute has it. Who uses it loses patience after a
// second.
func (db *Database) GoesMute(t testing.TB, role string, when func(sent []byte) bool, alone bool) (dsn string, m *nettest.Mute) {
	t.Helper()
	own, err := pgx.ParseConfig(db.DSN(role))
	if err != nil {
		t.Fatal(err)
	}
	m = nettest.GoesMute(t, "unix", filepath.Join(own.Host, fmt.Sprintf(".s.PGSQL.%d", own.Port)), when, alone)
	host, port, _ := net.SplitHostPort(m.Address)
	return fmt.Sprintf("host=%s port=%s user=%s dbname=%s password='%s' sslmode=disable keepalives_idle=1 connect_timeout=1", host, port, own.User, own.Database, own.Password), m
}
