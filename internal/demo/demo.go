// Package demo tells the whole story on a server of its own: reference system B as it stands, what an audit finds, what a tenant
// can read of another, the plan, its application under load, the attack that follows, and the way back. Every figure it tells
// was measured in that run and carries the query it came from.
//
// To tell one more thing: measure it with a method of stage in a file of its own, and add its Figure where it belongs.
package demo

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/examples/callcenter"
	"github.com/ringfencehq/ringfence/internal/bench"
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// SchemaVersion names the JSON form of a Story.
const SchemaVersion = "ringfence/demo/v1"

// Options say how large the system is and who is told how it goes.
type Options struct {
	Organizations int // tenants; 1,000
	Events        int // rows of the large table; 1,000,000
	Version       int // major version of the server; 0: what is there
	// Say is told each part of the story as it happens; nil for silence.
	Say func(format string, args ...any)
	// Step is told how far the plan's application is; nil for silence.
	Step func(done, total int, what string)
	// Serve shows the system to a person when it is hardened, until it returns; nil: nobody looks, and nothing is timed for them.
	Serve func(context.Context, View) error
}

// A Figure is one measured number, with where it came from: a query, or what was timed.
type Figure struct {
	Name  string  `json:"name"`
	Label string  `json:"label"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	Query string  `json:"query"`
}

// A Story is the document of ringfence demo.
type Story struct {
	Schema  string              `json:"schema"`
	Server  map[string]any      `json:"server"`
	Figures []Figure            `json:"figures"`
	Split   map[string][]string `json:"split"` // the 39 tables by how they are isolated
	Checks  []Check             `json:"checks"`
	Summary map[string]int      `json:"summary"` // checks by outcome
}

// A Check is one thing that has to be so at the end.
type Check struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	Why  string `json:"why"`
}

// Run tells the story on an embedded server that is gone when it returns. The error says what could not be run; what turned out
// otherwise than it should is a Check that failed.
func Run(ctx context.Context, o Options) (*Story, error) {
	o.Organizations, o.Events = cmp.Or(o.Organizations, 1000), cmp.Or(o.Events, 1_000_000)
	if o.Say == nil {
		o.Say = func(string, ...any) {}
	}
	if o.Step == nil {
		o.Step = func(int, int, string) {}
	}
	if o.Organizations < 2 || o.Events < 0 {
		return nil, fmt.Errorf("preparing the demo: it needs two organisations or more")
	}
	s, err := open(ctx, o)
	if err != nil {
		return nil, err
	}
	defer s.close()
	for _, part := range []func(context.Context) error{s.load, s.before, s.timed, s.plan, s.apply, s.after, s.timed, s.serve, s.back} {
		if err := part(ctx); err != nil {
			return s.story, err
		}
	}
	s.story.Summary = map[string]int{"ok": 0, "failed": 0}
	for _, c := range s.story.Checks {
		s.story.Summary[map[bool]string{true: "ok", false: "failed"}[c.OK]]++
	}
	return s.story, nil
}

// A stage is the server and what is known of it at each point of the story.
type stage struct {
	Options
	server *pg.Embedded
	super  *pgx.Conn
	config *tenancy.Config
	story  *Story
	first  *catalog.Snapshot // before anything was changed
	steps  *plan.Plan
	times  []*bench.Document // before and after, where somebody will look at them
}

// The roles of the system: who the application is before and after.
const (
	database  = "callcenter"
	oldRole   = "callcenter_owner"
	newRole   = "callcenter_app"
	setting   = "app.current_org_id"
	bigTable  = "callcenter.telnyx_call_events"
	superuser = ""
)

func open(ctx context.Context, o Options) (*stage, error) {
	s := &stage{Options: o, story: &Story{Schema: SchemaVersion, Figures: []Figure{}, Split: map[string][]string{}, Checks: []Check{}}}
	began := time.Now()
	server, err := pg.StartEmbedded(ctx, pg.EmbeddedOptions{Version: o.Version, InMemory: true, NoFsync: true, Note: func(t string) { o.Say("  %s", t) },
		Config: map[string]string{"max_wal_size": "4GB", "shared_buffers": "512MB", "jit": "off"}})
	if err != nil {
		return nil, err
	}
	s.server = server
	s.figure("server_start", "an embedded server started", time.Since(began).Seconds(), "s", "wall clock of starting it")
	if s.config, err = tenancy.ParseConfig("ringfence.yaml", callcenter.Config); err != nil {
		s.close()
		return nil, err
	}
	admin, err := s.connect(ctx, "postgres", superuser)
	if err != nil {
		s.close()
		return nil, err
	}
	defer admin.Close(ctx)
	if _, err := admin.Exec(ctx, "CREATE DATABASE "+pg.Ident(database)); err != nil {
		s.close()
		return nil, fmt.Errorf("making the demo's database: %w", err)
	}
	if s.super, err = s.connect(ctx, database, superuser); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// connect opens a session as role; superuser for the server's own.
func (s *stage) connect(ctx context.Context, db, role string) (*pgx.Conn, error) {
	if role == superuser {
		role = pg.Superuser
	}
	return pg.Connect(ctx, s.server.DSN(db, role), pg.Options{ApplicationName: "ringfence demo"})
}

func (s *stage) close() {
	if s.super != nil {
		_ = s.super.Close(context.Background()) // the server goes next
	}
	if err := s.server.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stopping the demo's server:", err)
	}
}

// figure keeps a measured number.
func (s *stage) figure(name, label string, value float64, unit, query string) {
	s.story.Figures = append(s.story.Figures, Figure{Name: name, Label: label, Value: value, Unit: unit, Query: query})
}

// check keeps whether something is so.
func (s *stage) check(name string, ok bool, why string, args ...any) {
	s.story.Checks = append(s.story.Checks, Check{Name: name, OK: ok, Why: fmt.Sprintf(why, args...)})
}

// number runs a query that gives one number and keeps it as a figure.
func (s *stage) number(ctx context.Context, conn *pgx.Conn, name, label, unit, query string) (float64, error) {
	var v float64
	if err := conn.QueryRow(ctx, query).Scan(&v); err != nil {
		return 0, fmt.Errorf("measuring %s: %w", name, err)
	}
	s.figure(name, label, v, unit, query)
	return v, nil
}
