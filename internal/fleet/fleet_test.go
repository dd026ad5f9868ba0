package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/drift"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// Lines are sorted worst first, what breaks is unknown and takes nothing from the others, and no more are asked at once than said.
func TestAsk(t *testing.T) {
	answers := map[string]Line{"a": {Verdict: Clean, Why: "0"}, "b": {Verdict: Found, Weight: 1}, "c": {Verdict: Found, Weight: 5}, "f": {Verdict: "made up"}}
	var mu sync.Mutex
	running, most := 0, 0
	two := make(chan struct{})
	v := Verb{Name: "test", Ask: func(ctx context.Context, t *Target) (Line, error) {
		mu.Lock()
		running++
		if most = max(most, running); running == 2 {
			select {
			case <-two:
			default:
				close(two)
			}
		}
		mu.Unlock()
		<-two // two of them are under way at once
		defer func() { mu.Lock(); running--; mu.Unlock() }()
		switch t.Database.Name {
		case "d":
			return Line{Verdict: Clean}, errors.New("down\nand out")
		case "e":
			panic("s3cret")
		case "g":
			<-ctx.Done()
			return Line{}, ctx.Err()
		}
		return answers[t.Database.Name], nil
	}}
	var targets []*Target
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		targets = append(targets, &Target{Database: Database{Name: name}})
	}
	told := 0
	d, err := Ask(t.Context(), v, targets, Options{Parallel: 2, Limit: 50 * time.Millisecond, Progress: func(done, total int, _ string) {
		if told++; done != told || total != 7 {
			t.Errorf("progress: %d of %d", done, total)
		}
	}})
	if err != nil || most != 2 || told != 7 {
		t.Fatalf("%v, %d at once, told %d times", err, most, told)
	}
	var got []string
	for _, l := range d.Databases {
		got = append(got, l.Name+" "+string(l.Verdict)+" "+l.Why)
	}
	want := []string{"c found ", "b found ", "d unknown down and out", "e unknown the question broke off: string", "f unknown ", "g unknown context deadline exceeded", "a clean 0"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[Verdict]int{Found: 2, Unknown: 4, Clean: 1}, d.Summary); d != "" {
		t.Error(d)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if d, err := Ask(ended, Verb{Ask: func(ctx context.Context, _ *Target) (Line, error) { return Line{}, ctx.Err() }}, targets, Options{}); d != nil || err == nil {
		t.Errorf("an interrupted fleet gave %v, %v", d, err)
	}
}

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"databases: [{name: a, dsn_env: A, groups: [x]}, {name: b, dsn_env: B}]": "<nil>",
		"databases: []":                       "reading the fleet: it lists no databases",
		"":                                    "reading the fleet: it lists no databases",
		"databases: [{dsn_env: A}]":           "reading the fleet: databases[0] has no name",
		"databases: [{name: .., dsn_env: A}]": "reading the fleet: the name of databases[0] is no name: up to 100 letters that can be printed, without a slash",
		`databases: [{name: "a\e[2J", dsn_env: A}]`:                  "reading the fleet: the name of databases[0] is no name: up to 100 letters that can be printed, without a slash",
		`databases: [{name: "a\u202eb", dsn_env: A}]`:                "reading the fleet: the name of databases[0] is no name: up to 100 letters that can be printed, without a slash",
		"databases: [{name: a/b, dsn_env: A}]":                       "reading the fleet: the name of databases[0] is no name: up to 100 letters that can be printed, without a slash",
		"databases: [{name: a, dsn_env: A}, {name: a, dsn_env: B}]":  `reading the fleet: the name "a" is there twice`,
		"databases: [{name: a, dsn_env: 'postgres://u:s3cret@h/d'}]": `reading the fleet: dsn_env of "a" has to name a variable, not hold a DSN`,
		"databases: [{name: a, dsn: 'postgres://u:s3cret@h/d'}]":     `reading the fleet: line 1: unknown field "dsn"`,
	} {
		_, err := Parse([]byte(text))
		if fmt.Sprint(err) != want {
			t.Errorf("%s\n  gives %v\n  want  %s", text, err, want)
		}
	}
	f, _ := Parse([]byte("databases: [{name: a, dsn_env: A, groups: [x]}, {name: b, dsn_env: B, groups: [y]}, {name: c, dsn_env: C}]"))
	in, err := f.In([]string{"x", "y"})
	if err != nil || len(in) != 2 {
		t.Errorf("%v, %v", in, err)
	}
	if _, err := f.In([]string{"z"}); err == nil {
		t.Error("a group that nobody is in was taken")
	}
}

const isolated = `
CREATE TABLE note (id int PRIMARY KEY, tenant_id text NOT NULL);
CREATE INDEX ON note (tenant_id);
ALTER TABLE note ENABLE ROW LEVEL SECURITY;
ALTER TABLE note FORCE ROW LEVEL SECURITY;
CREATE POLICY p ON note USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')) WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), ''));
`

// target reads a test's database.
func target(name, dsn, app string, accepted *catalog.Snapshot) *Target {
	infer := func(s *catalog.Snapshot) (*tenancy.Model, error) {
		return tenancy.Infer(s, tenancy.Options{AppRoles: []string{app}, Context: "app.tenant_id"})
	}
	return &Target{
		Database: Database{Name: name}, Now: time.Now, Infer: infer,
		Connect:  func(ctx context.Context) (*pgx.Conn, error) { return pg.Connect(ctx, dsn, pg.Options{}) },
		Accepted: func() (*catalog.Snapshot, error) { return accepted, nil },
		Grave:    func(s string) bool { return s == "critical" || s == "high" },
		Compare: func(was, is *catalog.Snapshot) (drift.Result, error) {
			a, err := infer(was)
			if err != nil {
				return drift.Result{}, err
			}
			b, err := infer(is)
			return drift.Compare(a, b), err
		},
	}
}

// Each verb tells a database that leaks from one that does not, and both from one that is not there.
func TestVerbs(t *testing.T) {
	good, leaky := pgtest.Alone(t), pgtest.Alone(t)
	app := good.Role(t, "app", "LOGIN")
	for _, db := range []*pgtest.Database{good, leaky} {
		pgtest.LoadSQL(t, db, isolated+"GRANT SELECT, INSERT, UPDATE, DELETE ON note TO "+pg.Ident(app))
	}
	accepted, err := catalog.Read(t.Context(), leaky.Super, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	sound, err := catalog.Read(t.Context(), good.Super, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	leaky.Exec(t, "CREATE POLICY wide ON note FOR SELECT USING (true)")
	targets := []*Target{target("good", good.DSN(pg.Superuser), app, sound), target("gone", "host=/nowhere dbname=x user=u", app, sound), target("leaky", leaky.DSN(pg.Superuser), app, accepted)}
	for _, v := range []Verb{auditVerb, proveVerb, driftVerb} {
		d, err := Ask(t.Context(), v, targets, Options{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, l := range d.Databases {
			got = append(got, l.Name+" "+string(l.Verdict))
		}
		if want := []string{"leaky found", "gone unknown", "good clean"}; !slices.Equal(got, want) {
			t.Errorf("%s: %s", v.Name, strings.Join(got, ", "))
			for _, l := range d.Databases {
				t.Logf("%+v", l)
			}
		}
	}
}

// A database whose application nobody knows is unknown, and its line says that it is for this.
func TestUnjudgedSaysWhy(t *testing.T) {
	db := pgtest.Alone(t)
	pgtest.LoadSQL(t, db, isolated)
	nobody := target("nobody", db.DSN(pg.Superuser), "", nil)
	nobody.Infer = func(s *catalog.Snapshot) (*tenancy.Model, error) { return tenancy.Infer(s, tenancy.Options{}) }
	for _, v := range []Verb{auditVerb, proveVerb} {
		d, err := Ask(t.Context(), v, []*Target{nobody}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if l := d.Databases[0]; l.Verdict != Unknown || !strings.Contains(l.Why, "no application role is known") {
			t.Errorf("%s: %s, %s", v.Name, l.Verdict, l.Why)
		}
	}
}

// BenchmarkHundred asks a hundred databases of one embedded server.
func BenchmarkHundred(b *testing.B) {
	server := pgtest.Server(b, 0)
	admin, err := pg.Connect(b.Context(), server.DSN("postgres", pg.Superuser), pg.Options{SimpleProtocol: true})
	if err != nil {
		b.Fatal(err)
	}
	defer admin.Close(context.WithoutCancel(b.Context()))
	if _, err := admin.Exec(b.Context(), "CREATE ROLE app LOGIN"); err != nil {
		b.Fatal(err)
	}
	if _, err := admin.Exec(b.Context(), isolated+"GRANT SELECT, INSERT, UPDATE, DELETE ON note TO app"); err != nil {
		b.Fatal(err)
	}
	var targets []*Target
	for i := range 100 {
		name := fmt.Sprintf("db%03d", i)
		if _, err := admin.Exec(b.Context(), "CREATE DATABASE "+name+" TEMPLATE template0"); err != nil {
			b.Fatal(err)
		}
		conn, err := pg.Connect(b.Context(), server.DSN(name, pg.Superuser), pg.Options{SimpleProtocol: true})
		if err != nil {
			b.Fatal(err)
		}
		_, err = conn.Exec(b.Context(), isolated+"GRANT SELECT, INSERT, UPDATE, DELETE ON note TO app")
		_ = conn.Close(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		targets = append(targets, target(name, server.DSN(name, pg.Superuser), "app", nil))
	}
	for _, v := range []Verb{auditVerb, proveVerb} {
		b.Run(v.Name, func(b *testing.B) {
			for b.Loop() {
				d, err := Ask(b.Context(), v, targets, Options{})
				if err != nil || d.Summary[Clean] != 100 {
					b.Fatalf("%v %v %+v", err, d.Summary, d.Databases[0])
				}
			}
		})
	}
}
