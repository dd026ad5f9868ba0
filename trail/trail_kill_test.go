package trail

import (
	"bufio"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/rpc"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringfencehq/ringfence"
)

// The child of the kill test is this test binary: it records, and tells on stdout what was acknowledged.
const childEnv = "RINGFENCE_TRAIL_CHILD"

func TestMain(m *testing.M) {
	if dir, ok := os.LookupEnv(childEnv); ok {
		if err := childMain(dir, os.Getenv(childEnv+"_STORE"), os.Getenv(childEnv+"_NAME")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func childMain(dir, address, name string) error {
	o := Options{
		Dir: dir, Node: "node-1", SegmentSize: 32 << 10, Batch: 50, SelfTestEvery: time.Hour,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Store: &remoteStore{address: address},
	}
	if dsn, ok := os.LookupEnv(childEnv + "_DSN"); ok {
		o.Store = childStore(dsn)
	}
	tr, err := Open(o)
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				e := attempt(0)
				e.User = fmt.Sprintf("%s-%d-%d", name, w, i)
				if err := tr.Record(context.Background(), e); err != nil {
					fmt.Fprintln(os.Stderr, err)
					return
				}
				fmt.Println(e.User) // one write, after the event was acknowledged
			}
		})
	}
	wg.Wait()
	return errors.New("the child ended by itself")
}

// remoteStore is the parent's memoryStore, seen from a child.
type remoteStore struct {
	address string
	client  *rpc.Client
}

func (s *remoteStore) Append(_ context.Context, batch []Event) (out []Stored, err error) {
	if s.client == nil {
		if s.client, err = rpc.Dial("unix", s.address); err != nil {
			return nil, err
		}
	}
	if err = s.client.Call("Store.Append", &batch, &out); err != nil {
		s.client.Close()
		s.client = nil
	}
	return out, err
}

// storeService is what a child calls, in the form that net/rpc asks for.
type storeService struct{ inner *memoryStore }

func (s *storeService) Append(batch *[]Event, out *[]Stored) (err error) {
	*out, err = s.inner.Append(context.Background(), *batch)
	return err
}

// killer starts children on one journal and kills them at random instants.
type killer struct {
	dir, address string
	env          []string
	acked        map[string]bool
}

// round lets a child work for some time from its first acknowledgement on, and kills it.
func (k *killer) round(t *testing.T, n int, life time.Duration) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+k.dir, childEnv+"_STORE="+k.address, fmt.Sprintf("%s_NAME=start%d", childEnv, n))
	cmd.Env = append(cmd.Env, k.env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		once.Do(func() { time.AfterFunc(life, func() { cmd.Process.Kill() }) })
		k.acked[lines.Text()] = true
	}
	cmd.Process.Kill()
	cmd.Wait()
	if cmd.ProcessState.Exited() || stderr.Len() > 0 {
		t.Fatalf("the child was not killed: %s\n%s", cmd.ProcessState, stderr.String())
	}
}

// serve offers a store to children.
func serve(t *testing.T, store *memoryStore) string {
	t.Helper()
	gob.Register(map[string]string{})
	server := rpc.NewServer()
	if err := server.RegisterName("Store", &storeService{store}); err != nil {
		t.Fatal(err)
	}
	address := filepath.Join(t.TempDir(), "store")
	l, err := net.Listen("unix", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go server.ServeConn(conn)
		}
	}()
	return address
}

// Killed at any instant, with a store that fails now and then, a process loses nothing that it acknowledged, and nothing
// reaches the store twice.
func TestKill(t *testing.T) { testKills(t, 8) }

func testKills(t *testing.T, kills int) {
	store := newMemoryStore()
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(4, 2))
	store.setFault(func(int, bool) error {
		mu.Lock()
		defer mu.Unlock()
		if r.IntN(4) == 0 {
			return errDown
		}
		return nil
	})
	k := &killer{dir: t.TempDir(), address: serve(t, store), acked: map[string]bool{}}
	for n := range kills {
		k.round(t, n, rand.N(120*time.Millisecond))
	}
	store.setFault(nil)
	o := testOptions(t, store)
	o.Dir = k.dir
	tr := openTrail(t, o)
	if _, err := tr.SelfTest(t.Context()); err != nil {
		t.Fatal(err)
	}
	closeTrail(t, tr)
	k.check(t, store.all(), kills)
	if s := tr.Stats(); s.Backlog != 0 {
		t.Errorf("%+v", s)
	}
	for _, e := range store.all() {
		// A write that a kill cuts short leaves torn bytes at a file's end, which nobody was told of as written.
		alarm := e.Type == ringfence.TrailGap || e.Type == ringfence.TrailTamper
		if alarm && !strings.HasPrefix(e.Detail["what"], "torn bytes") {
			t.Errorf("a kill raised %s: %v", e.Type, e.Detail)
		}
	}
}

// check compares what was acknowledged with what is stored.
func (k *killer) check(t *testing.T, events []Event, kills int) {
	t.Helper()
	got := users(events)
	lost, more := 0, 0
	for user := range k.acked {
		if got[user] == 0 {
			lost++
		}
	}
	for user, n := range got {
		if n != 1 {
			t.Errorf("%s is stored %d times", user, n)
		}
		if !k.acked[user] {
			more++
		}
	}
	t.Logf("%d kills: %d acknowledged, %d stored, %d of them not acknowledged any more", kills, len(k.acked), len(got), more)
	if lost > 0 {
		t.Errorf("%d acknowledged events are lost", lost)
	}
	if more > kills*4 {
		t.Errorf("%d events are stored that nobody acknowledged: at most one of each writer and kill can be", more)
	}
	if len(k.acked) < kills*10 {
		t.Errorf("only %d events in %d kills", len(k.acked), kills)
	}
	verifyChains(t, events)
}
