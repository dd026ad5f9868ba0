package catalog_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// reportCPU adds the processor time of this process and of the backend to a benchmark's result: on a busy machine these say
// more than the clock. The backend's is left out where the system does not tell it.
func reportCPU(b *testing.B, conn *pgx.Conn) (done func()) {
	b.Helper()
	pid := pgtest.Value[int](b, conn, "SELECT pg_backend_pid()")
	client, server := clientNanos(b), backendNanos(pid)
	return func() {
		b.ReportMetric((clientNanos(b)-client)/1e6/float64(b.N), "client-cpu-ms/op")
		if now := backendNanos(pid); now > server {
			b.ReportMetric((now-server)/1e6/float64(b.N), "server-cpu-ms/op")
		}
	}
}

func clientNanos(b *testing.B) float64 {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		b.Fatal(err)
	}
	return float64(use.Utime.Nano() + use.Stime.Nano())
}

// backendNanos is the first number of schedstat: time spent on a processor, in nanoseconds; 0 where there is none.
func backendNanos(pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid))
	if err != nil {
		return 0
	}
	var nanos float64
	fmt.Fscan(strings.NewReader(string(text)), &nanos)
	return nanos
}
