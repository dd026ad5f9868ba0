package trail

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/trailsql"
)

// A table is a database with the trail installed, and its three roles.
type table struct {
	*pgtest.Database
	writer, reader, keeper string
}

func newTable(t testing.TB) *table { return tableIn(t, pgtest.DB(t)) }

func tableIn(t testing.TB, db *pgtest.Database) *table {
	t.Helper()
	tb := &table{Database: db, writer: db.Role(t, "writer", "LOGIN"), reader: db.Role(t, "reader", "LOGIN"), keeper: db.Role(t, "keeper", "LOGIN")}
	install(t, db.Super, trailsql.Install())
	for use, role := range map[string]string{trailsql.Writer: tb.writer, trailsql.Reader: tb.reader, trailsql.Keeper: tb.keeper} {
		install(t, db.Super, trailsql.Grant(use, role, trailsql.WithSchema))
	}
	return tb
}

// install runs statements as apply does: in one transaction, with its search_path and without row security.
func install(t testing.TB, conn *pgx.Conn, statements []string) {
	t.Helper()
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.WithoutCancel(t.Context()))
	for _, sql := range append([]string{"SET LOCAL search_path = pg_catalog", "SET LOCAL row_security = off"}, statements...) {
		if _, err := tx.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%v\nin: %s", err, sql)
		}
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (tb *table) store(t testing.TB) *Postgres {
	p := NewPostgres(func(ctx context.Context) (*pgx.Conn, error) { return pg.Connect(ctx, tb.DSN(tb.writer), pg.Options{}) })
	t.Cleanup(func() { p.Close(context.WithoutCancel(t.Context())) })
	return p
}

// chain makes events of one epoch, sealed one after the other, from now on or from a given time.
func chain(node string, epoch int64, at time.Time, sources ...ringfence.Event) []Event {
	clock := &idClock{now: func() time.Time { at = at.Add(10 * time.Microsecond); return at }}
	out := make([]Event, 0, len(sources))
	var previous Hash
	for i, source := range sources {
		id, created, _ := clock.tick()
		e := Event{Event: Clean(source), ID: id, Row: id, Node: node, Epoch: epoch, Sequence: int64(i + 1), Created: created, Count: 1, First: created, Last: created, Previous: previous}
		e.Hash = e.Digest()
		previous = e.Hash
		out = append(out, e)
	}
	return out
}

// everyKind is an event of every type, once with its own severity, and every severity.
func everyKind() []ringfence.Event {
	out := []ringfence.Event{{Type: ringfence.NodeStarted}}
	for _, t := range ringfence.EventTypes {
		out = append(out, ringfence.Event{Type: t, User: "u-" + string(t), Tenant: "a", AttemptedTenant: "no such tenant", Session: "s", Address: "192.0.2.1", UserAgent: "curl/8 \"x\" \\ ü",
			Detail: map[string]string{"route": "/orders/{id}", "quote": `"\ ' {}`, "empty": ""}})
	}
	for _, s := range ringfence.Severities {
		out = append(out, ringfence.Event{Type: ringfence.SelfTest, Severity: s})
	}
	return out
}

func read(t testing.TB, q Querier) []Event {
	t.Helper()
	var out []Event
	for e, err := range readChains(t.Context(), q) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

// Every type and every severity can be stored, and comes back as it was, hash and all.
func TestPostgresStoresEveryTypeAndSeverity(t *testing.T) {
	tb := newTable(t)
	want := chain("n1", 1, time.Now(), everyKind()...)
	stored, err := tb.store(t).Append(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range stored {
		if s != (Stored{Row: want[i].Row, Hash: want[i].Hash}) {
			t.Errorf("event %d: %v is not what was asked for", i, s)
		}
	}
	got := read(t, tb.Conn(t, tb.reader))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what was read is not what was stored (-want +got):\n%s", diff)
	}
	for _, e := range got {
		if e.Digest() != e.Hash {
			t.Errorf("%s: the hash of what was read differs", e.Type)
		}
	}
}

// What the enumeration does not hold is refused, and nothing of its batch is stored.
func TestPostgresRefusesForeignWords(t *testing.T) {
	tb := newTable(t)
	for name, bend := range map[string]func(*Event){
		"type":     func(e *Event) { e.Type = "made_up" },
		"severity": func(e *Event) { e.Severity = "FATAL" },
		"node":     func(e *Event) { e.Node = "" },
		"huge":     func(e *Event) { e.User = strings.Repeat("x", 300) },
		"detail":   func(e *Event) { e.Detail = map[string]string{"x": strings.Repeat("y", 40000)} },
	} {
		t.Run(name, func(t *testing.T) {
			batch := chain("n-"+name, 1, time.Now(), ringfence.Event{Type: ringfence.NodeStarted}, ringfence.Event{Type: ringfence.SelfTest})
			bend(&batch[1])
			_, err := tb.store(t).Append(t.Context(), batch)
			if pg.SQLState(err) != "23514" {
				t.Errorf("got %v, want a CHECK to refuse it", err)
			}
		})
	}
	if rows := read(t, tb.Conn(t, tb.reader)); len(rows) != 0 {
		t.Errorf("%d events were stored", len(rows))
	}
}

// The same batch again stores nothing twice; under a key that another event holds the other's hash is told, and NextRow serves.
func TestPostgresConflicts(t *testing.T) {
	tb := newTable(t)
	store := tb.store(t)
	first := chain("n1", 1, time.Now(), ringfence.Event{Type: ringfence.NodeStarted}, ringfence.Event{Type: ringfence.CrossTenant, User: "u"})
	for range 3 {
		stored, err := store.Append(t.Context(), first)
		if err != nil || stored[1].Hash != first[1].Hash {
			t.Fatalf("repeating a batch: %v, %v", stored, err)
		}
	}
	other := chain("n2", 1, time.Now(), ringfence.Event{Type: ringfence.NodeStarted}, ringfence.Event{Type: ringfence.CrossTenant, User: "w"})
	other[1].Row = first[1].ID
	stored, err := store.Append(t.Context(), other)
	if err != nil || stored[0].Hash != other[0].Hash || stored[1].Hash != first[1].Hash {
		t.Fatalf("a clash: %v, %v", stored, err)
	}
	other[1].Row = other[1].NextRow()
	if stored, err = store.Append(t.Context(), other); err != nil || stored[1].Hash != other[1].Hash {
		t.Fatalf("the next row: %v, %v", stored, err)
	}
	if diff := cmp.Diff(slices.Concat(first, other), read(t, tb.Conn(t, tb.reader))); diff != "" {
		t.Errorf("the table (-want +got):\n%s", diff)
	}
}

// Two sessions append the same batch at once: both are told the same, and it is there once.
func TestPostgresConcurrentRepeats(t *testing.T) {
	tb := newTable(t)
	batch := chain("n1", 1, time.Now(), slices.Repeat([]ringfence.Event{{Type: ringfence.CrossTenant}}, 500)...)
	errs := make(chan error, 4)
	for range cap(errs) {
		store := tb.store(t)
		go func() {
			stored, err := store.Append(context.Background(), batch)
			for i := range stored {
				if stored[i].Hash != batch[i].Hash {
					err = fmt.Errorf("event %d has another hash", i)
				}
			}
			errs <- err
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if n := len(read(t, tb.Conn(t, tb.reader))); n != len(batch) {
		t.Errorf("%d events are stored, want %d", n, len(batch))
	}
}

// A connection that is cut, or a transaction that the server ends, is an error; the next call connects again.
func TestPostgresConnectsAgain(t *testing.T) {
	tb := newTable(t)
	store := tb.store(t)
	batch := chain("n1", 1, time.Now(), ringfence.Event{Type: ringfence.NodeStarted})
	if _, err := store.Append(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	tb.Exec(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '"+tb.writer+"'")
	if _, err := store.Append(t.Context(), batch); err == nil {
		t.Error("a cut connection went unnoticed")
	}
	if stored, err := store.Append(t.Context(), batch); err != nil || stored[0].Hash != batch[0].Hash {
		t.Errorf("after connecting again: %v, %v", stored, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := store.Append(ended, batch); err == nil {
		t.Error("a context that ended went unnoticed")
	}
}
