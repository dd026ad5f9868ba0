package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/trailsql"
	"github.com/ringfencehq/ringfence/trail"
)

// trailRig is a node whose trail runs in this process, and its database.
type trailRig struct {
	t       *testing.T
	db      *pgtest.Database
	dsn     string // the service role's: reader, keeper, and writer for triage
	journal string
	public  string      // verifier key of its checkpoints
	away    atomic.Bool // the database takes nothing
	log     bytes.Buffer
	trail   *trail.Trail
	points  *trail.Checkpointer
}

func newTrailRig(t *testing.T) *trailRig {
	r := &trailRig{t: t, db: pgtest.DB(t), journal: t.TempDir()}
	service, writer := r.db.Role(t, "service", "LOGIN"), r.db.Role(t, "writer", "LOGIN")
	r.dsn = r.db.DSN(service)
	statements := trailsql.Install()
	for _, use := range trailsql.Uses {
		statements = append(statements, trailsql.Grant(use, service, trailsql.WithSchema)...)
	}
	statements = append(statements, trailsql.Grant(trailsql.Writer, writer, trailsql.WithSchema)...)
	pgtest.LoadSQL(t, r.db, "SET search_path = pg_catalog;\n"+strings.Join(statements, ";\n"))
	t.Chdir(t.TempDir())
	r.public = strings.TrimSpace(r.run(exitClean, "trail", "key", "--name", "shop-1", "--output", "trail.key"))
	key, err := os.ReadFile("trail.key")
	if err != nil {
		t.Fatal(err)
	}
	store := trail.NewPostgres(func(ctx context.Context) (*pgx.Conn, error) {
		if r.away.Load() {
			return nil, fmt.Errorf("the database is away")
		}
		return pg.Connect(ctx, r.db.DSN(writer), pg.Options{})
	})
	t.Cleanup(func() { store.Close(context.Background()) })
	r.points, err = trail.NewCheckpointer(store, trail.CheckpointOptions{Signer: strings.TrimSpace(string(key)), Publish: trail.WriteCheckpoint(&r.log)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *trailRig) open() {
	r.t.Helper()
	var err error
	if r.trail, err = trail.Open(trail.Options{Dir: r.journal, Node: "shop-1", Store: r.points, SelfTestEvery: time.Hour}); err != nil {
		r.t.Fatal(err)
	}
}

func (r *trailRig) close() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 20*time.Second)
	defer cancel()
	if err := r.trail.Close(ctx); err != nil {
		r.t.Fatal(err)
	}
}

// run runs a command line and wants an exit code of it.
func (r *trailRig) run(code int, args ...string) string {
	r.t.Helper()
	var stdout, stderr bytes.Buffer
	if got := Do(args, World{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Env: func(string) (string, bool) { return "", false }, Width: 100}); got != code {
		r.t.Errorf("ringfence %s: exit %d, want %d\n%s%s", strings.Join(args, " "), got, code, stdout.String(), stderr.String())
	}
	return stdout.String() + stderr.String()
}

func (r *trailRig) wants(text string, parts ...string) {
	r.t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			r.t.Errorf("%q is not in:\n%s", p, text)
		}
	}
}

func (r *trailRig) record(users ...string) (last trail.Event) {
	r.t.Helper()
	for _, user := range users {
		var err error
		if last, err = r.trail.Accept(r.t.Context(), ringfence.Event{Type: ringfence.CrossTenant, User: user, Tenant: "a", AttemptedTenant: "b", Address: "192.0.2.1"}); err != nil {
			r.t.Fatal(err)
		}
	}
	return last
}

// The verbs on a node that runs: what its journal holds is read without asking it, and the account is even before and after the
// database is back.
func TestTrailOfARunningNode(t *testing.T) {
	r := newTrailRig(t)
	r.away.Store(true)
	r.open()
	defer r.close()
	r.record("anna", "ben")
	r.wants(r.run(exitClean, "trail", "tail", r.journal), "user=anna", "user=ben", "node_started")
	r.wants(r.run(exitClean, "trail", "reconcile", r.dsn, "--journal", r.journal), "accepted = 0 rows + 0 retired + ")
	r.wants(r.run(exitUnknown, "trail", "reconcile", r.dsn), "unknown: what waits in journals")
	r.away.Store(false)
	if _, err := r.trail.SelfTest(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.wants(r.run(exitClean, "trail", "reconcile", r.dsn, "--journal", r.journal, "--format", "json"), `"journals": 1`, `"lost": 0`, `"doubled": 0`)
	r.wants(r.run(exitClean, "trail", "query", r.dsn, "--type", "cross_tenant"), "user=anna", "user=ben", "attempted=b")
}

// What somebody touched is found by its name, in the table, in an export and in a journal, and each answer has its exit code.
func TestTrailIsVerified(t *testing.T) {
	r := newTrailRig(t)
	r.open()
	judged := r.record("anna", "ben", "carl")
	r.close()
	if err := r.points.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	key := strings.Fields(r.run(exitClean, "trail", "key", "--name", "other", "--output", "other.key"))[0]
	if err := os.WriteFile("node.log", append([]byte("12:00 a line of the log\n"), r.log.Bytes()...), 0o600); err != nil {
		t.Fatal(err)
	}
	r.wants(r.run(exitClean, "trail", "verify", r.db.DSN(""), "--key", r.public, "--checkpoints", "node.log"), "ok       table: 5 records in 1 chains")
	r.wants(r.run(exitUnknown, "trail", "verify", r.db.DSN("")), "unknown")
	r.wants(r.run(exitBadSignature, "trail", "verify", r.db.DSN(""), "--key", key), "signature")

	r.wants(r.run(exitClean, "trail", "triage", judged.ID.String(), "false", r.dsn, "--by", "dora", "--reason", "a load test"), "the judgement is on the trail")
	r.wants(r.run(exitClean, "trail", "query", r.dsn, "--rate"), "judged    1: 0 true, 1 false", "false rate 100.0 %")
	r.run(exitUsage, "trail", "triage", judged.ID.String(), "maybe", r.dsn, "--by", "dora", "--reason", "x")
	r.run(exitUsage, "trail", "triage", judged.ID.String(), "true", r.dsn, "--by", "dora")

	r.run(exitClean, "trail", "export", r.dsn, "-o", "trail.jsonl")
	r.run(exitClean, "trail", "verify", "--no-table", "--export", "trail.jsonl", "--key", r.public)
	export, err := os.ReadFile("trail.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for name, fault := range map[string]func([]byte) []byte{
		"changed":   func(b []byte) []byte { return bytes.Replace(b, []byte("carl"), []byte("cara"), 1) },
		"missing":   func(b []byte) []byte { return dropLine(b, "ben") },
		"damaged":   func(b []byte) []byte { return bytes.Replace(b, []byte(`{"id"`), []byte(`{"`), 1) },
		"truncated": func(b []byte) []byte { return dropLine(dropLine(b, `"checkpoint"`), "node_started") },
	} {
		if err := os.WriteFile("bad.jsonl", fault(export), 0o600); err != nil {
			t.Fatal(err)
		}
		r.wants(r.run(exitFound, "trail", "verify", "--no-table", "--export", "bad.jsonl", "--checkpoints", "node.log", "--key", r.public), name)
	}
	if _, err := r.db.Super.Exec(t.Context(), "ALTER TABLE ringfence.trail_event DISABLE TRIGGER USER; UPDATE ringfence.trail_event SET user_id = 'nobody' WHERE user_id = 'ben'", pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
	r.wants(r.run(exitFound, "trail", "verify", r.db.DSN(""), "--key", r.public), "fault    row security", "changed", judged.Node)
	r.wants(r.run(exitFound, "trail", "verify", r.db.DSN(""), "--key", r.public, "--format", "json"), `"schema": "ringfence/trail-verify/v1"`, `"kind": "changed"`)
}

func dropLine(b []byte, with string) []byte {
	var out []byte
	for line := range bytes.Lines(b) {
		if !bytes.Contains(line, []byte(with)) {
			out = append(out, line...)
		}
	}
	return out
}

// Events go to a syslog over TCP, each a message of its own.
func TestTrailToSyslog(t *testing.T) {
	r := newTrailRig(t)
	r.open()
	r.record("anna\n<34>1 forged", "ben")
	r.close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := make(chan string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			got <- err.Error()
			return
		}
		defer conn.Close()
		var b bytes.Buffer
		_, _ = b.ReadFrom(conn)
		got <- b.String()
	}()
	r.run(exitClean, "trail", "export", r.dsn, "--format", "cef", "--to", "tcp://"+l.Addr().String(), "--framing", "lines", "--type", "cross_tenant")
	text := <-got
	if n := strings.Count(text, "\n"); n != 2 || strings.Count(text, "CEF:0|Ringfence") != 2 || strings.Contains(text, "\n<34>1 forged") {
		t.Errorf("%d lines:\n%s", n, text)
	}
}

// Old months go by the keeper's word, and the trail verifies without them.
func TestTrailRetire(t *testing.T) {
	r := newTrailRig(t)
	old := time.Now().UTC().AddDate(0, -6, 0)
	o := trail.Options{Dir: filepath.Join(r.journal, "old"), Node: "shop-1", Store: r.points, SelfTestEvery: time.Hour, Now: func() time.Time { return old }}
	node, err := trail.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	r.trail = node
	r.record("anna")
	r.close()
	r.run(exitUsage, "trail", "retire", r.dsn, "--before", "2160h")
	r.run(exitUsage, "trail", "retire", r.dsn, "--by", "drop")
	text := r.run(exitClean, "trail", "retire", r.dsn, "--before", "2160h", "--reason", "kept for a quarter", "--format", "json", "--ahead", "4")
	var doc struct{ Made, Retired []string }
	if err := json.Unmarshal([]byte(text), &doc); err != nil || len(doc.Made) != 2 || len(doc.Retired) != 1 {
		t.Errorf("%v: %s", err, text)
	}
	if text := r.run(exitClean, "trail", "query", r.dsn); strings.Contains(text, "anna") {
		t.Errorf("it is still there:\n%s", text)
	}
	if err := r.points.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.run(exitClean, "trail", "verify", r.db.DSN(""), "--key", r.public)
	r.wants(r.run(exitClean, "trail", "reconcile", r.dsn, "--journal", o.Dir), "0 rows + 3 retired + 0 backlog")
}

// Where there is no trail, or it is not open to the role, a verb says what to do.
func TestTrailThatIsNotThere(t *testing.T) {
	r := newTrailRig(t)
	r.wants(r.run(exitCouldNotRun, "trail", "query", pgtest.DB(t).DSN("")), "hint: ringfence plan and apply make the trail")
	stranger := r.db.Role(t, "stranger", "LOGIN")
	for _, verb := range [][]string{{"query"}, {"export"}, {"reconcile"}, {"retire"}} {
		r.wants(r.run(exitCouldNotRun, append(append([]string{"trail"}, verb...), r.db.DSN(stranger))...), "hint: connect as the role")
	}
	r.run(exitUsage, "trail", "tail", "nowhere")
	r.run(exitUsage, "trail", "query", r.dsn, "--severity", "grave")
}
