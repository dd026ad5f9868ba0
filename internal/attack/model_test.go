package attack

import (
	"context"
	"crypto/md5"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// A world is a database with a model that its script's header lines describe, so that the tests of this package judge the
// attack and not the inference:
//
//	-- tenant: COLUMN …                 tables with one of these columns are owned
//	-- root: TABLE                      one row a tenant
//	-- root: TABLE WITH BLANKS;
//	-- child: TABLE PARENT COLUMN REF   reaches its tenant through the parent
//	-- signed: NAME                     a signed setting: the tenant, a dot, md5 of the tenant and "salt"
//	-- attack: TABLE …                  attack these only
//	-- context: KIND NAME PATH…         as tenancy.Context
type world struct {
	db    *pgtest.Database
	model *tenancy.Model
	app   string
	owner string
}

// load runs a script on a database of its own. {app} and {owner} stand for roles with names of their own.
func load(t *testing.T, script string) *world {
	t.Helper()
	db := pgtest.DB(t)
	w := &world{db: db, app: db.Role(t, "app", "LOGIN"), owner: db.Role(t, "own", "NOLOGIN")}
	names := []string{"{app}", w.app, "{owner}", w.owner}
	for _, extra := range []string{"{extra1}", "{extra2}"} {
		if strings.Contains(script, extra) {
			names = append(names, extra, db.Role(t, "extra", "LOGIN"))
		}
	}
	script = strings.NewReplacer(names...).Replace(script)
	pgtest.LoadSQL(t, db, script)
	w.read(t, script)
	return w
}

// read takes the snapshot and builds the model.
func (w *world) read(t *testing.T, script string) {
	t.Helper()
	snap, err := catalog.Read(t.Context(), w.db.Super, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w.model = &tenancy.Model{Snapshot: snap, Reader: expr.NewReader(snap), Roles: []tenancy.Role{{Name: w.app, Kind: tenancy.Application}}}
	header := headers(script)
	byName := map[string]*tenancy.Table{}
	for i := range snap.Relations {
		r := &snap.Relations[i]
		if r.System || (r.Kind != catalog.Table && r.Kind != catalog.Partitioned) {
			continue
		}
		tb := &tenancy.Table{Relation: r, Class: tenancy.Global}
		for _, c := range r.Columns {
			for _, h := range header["tenant"] {
				if slices.Contains(h, c.Name) {
					tb.Class, tb.Key = tenancy.Owned, append(tb.Key, c.Name)
				}
			}
		}
		byName[r.Identity()] = tb
		w.model.Tables = append(w.model.Tables, tb)
	}
	for _, h := range header["root"] {
		byName[h[0]].Class = tenancy.Root
	}
	for _, h := range header["child"] {
		byName[h[0]].Class = tenancy.Child
		byName[h[0]].Parent = &tenancy.Link{Table: byName[h[1]], Columns: []string{h[2]}, Refs: []string{h[3]}, Source: "foreign_key"}
	}
	for _, h := range header["signed"] {
		w.model.Contexts = append(w.model.Contexts, tenancy.Context{Kind: "setting", Name: h[0], Signed: true})
	}
	for _, h := range header["context"] {
		c := tenancy.Context{Kind: h[0]}
		if len(h) > 1 {
			c.Name, c.Path = h[1], h[2:]
		}
		w.model.Contexts = append(w.model.Contexts, c)
	}
}

// headers returns the header lines of a script by their word.
func headers(script string) map[string][][]string {
	out := map[string][][]string{}
	for line := range strings.Lines(script) {
		if rest, ok := strings.CutPrefix(line, "-- "); ok {
			if word, value, ok := strings.Cut(rest, ": "); ok {
				fields := strings.Fields(value)
				if name, whole := strings.CutSuffix(strings.TrimSuffix(value, "\n"), ";"); whole {
					fields = []string{name} // a name with blanks in it
				}
				out[word] = append(out[word], fields)
			}
		}
	}
	return out
}

// attack runs an attack with writes allowed, on a connection of its own.
func (w *world) attack(t *testing.T, opts Options) *Result {
	t.Helper()
	opts.Conn, opts.Model, opts.AllowWrites = w.db.Conn(t, "postgres"), w.model, true
	opts.Sign = func(_, tenant string) (string, error) {
		return fmt.Sprintf("%s.%x", tenant, md5.Sum([]byte(tenant+"salt"))), nil
	}
	opts.Dial = func(ctx context.Context, role string) (*pgx.Conn, error) {
		return pg.Connect(ctx, w.db.DSN(role), pg.Options{})
	}
	before := w.rows(t)
	r, err := Run(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if after := w.rows(t); !slices.EqualFunc(before, after, slices.Equal) {
		t.Errorf("the attack left rows: before %v, after %v", before, after)
	}
	return r
}

// rows counts the rows of every table, so that what an attack leaves is seen.
func (w *world) rows(t *testing.T) [][]string {
	t.Helper()
	var out [][]string
	for _, tb := range w.model.Tables {
		n := w.db.Query(t, "SELECT count(*), coalesce(md5(string_agg(x::text, ',' ORDER BY x::text)), '') FROM "+tableName(tb.Relation)+" x")
		out = append(out, append([]string{tb.Relation.Identity()}, n[0]...))
	}
	return out
}
