//go:build system

package e2e

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ringfencehq/ringfence/internal/nettest"
)

// BenchmarkIdle is what a gateway's process holds of memory while ten thousand sockets are open and silent, or as many as the
// machine's limit of open files allows: the gateway needs two for each socket, and so does this process, which is client and back end.
func BenchmarkIdle(b *testing.B) {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		b.Fatal(err)
	}
	sockets := int(min(10_000, (files.Max-100)/2))
	dir := b.TempDir()
	n := &node{name: "gw-0", dir: dir, file: filepath.Join(dir, "gateway.yaml"), address: nettest.Free(b), admin: nettest.Free(b)}
	text := fmt.Sprintf("listen: %s\nadmin: {listen: %q}\nbackend: {url: %q}\nprotocol: {preset: voice}\n"+
		"auth: {issuers: [{name: login, audiences: [voice], secret: {env: KEY}}], tenant_claims: [restaurant_id]}\ntrail: {dir: %q, node: gw-0}\n",
		n.address, n.admin, echoServer(b), filepath.Join(dir, "trail"))
	if err := os.WriteFile(n.file, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	n.process = start(b, dir, func(c *exec.Cmd) { c.Env = append(c.Env, "KEY="+tokenSecret) }, "gateway", "-c", n.file)
	n.waitReady(b)
	before := n.memory(b)
	token := signedToken(b, jwt.MapClaims{"exp": time.Now().Add(time.Hour).Unix()})
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range sockets / 8 {
				c, status := n.open(token)
				if status != 0 {
					b.Errorf("the handshake is answered with %d", status)
					return
				}
				if !c.alive() {
					b.Error("a socket does not echo")
				}
				b.Cleanup(func() { c.Close() })
			}
		})
	}
	wait.Wait()
	b.Run(fmt.Sprintf("%d_idle_sockets", sockets/8*8), func(b *testing.B) {
		var after float64
		time.Sleep(5 * time.Second) // silence
		for b.Loop() {
			after = n.memory(b)
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(before, "empty-MiB")
		b.ReportMetric(after, "idle-MiB")
		b.ReportMetric((after-before)*1024/float64(sockets), "socket-KiB")
	})
}

// memory is what the process holds, in MiB.
func (n *node) memory(b *testing.B) float64 {
	b.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", n.Process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "VmRSS:"); ok {
			kb, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				b.Fatal(err)
			}
			return float64(kb) / 1024
		}
	}
	b.Fatal("the process tells nothing of its memory")
	return 0
}
