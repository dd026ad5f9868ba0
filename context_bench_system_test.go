//go:build system

package ringfence_test

import (
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// BenchmarkContextPooled compares what a tenant context costs through PgBouncer in transaction mode.
func BenchmarkContextPooled(b *testing.B) {
	server := pgtest.Server(b, 0)
	a := benchApp(b, server.DB(b))
	bouncer := pgtest.PgBouncer(b, server, pgtest.BouncerOptions{PoolSize: 4})
	b.Run("pgbouncer", func(b *testing.B) { compare(b, ways(b, a, bouncer.DSN(a.Name, a.role))) })
	delayed := newWire(b, "tcp", net.JoinHostPort(bouncer.Host, strconv.Itoa(bouncer.Port)), time.Millisecond)
	b.Run("pgbouncer+1ms", func(b *testing.B) { compare(b, ways(b, a, a.through(delayed))) })
}
