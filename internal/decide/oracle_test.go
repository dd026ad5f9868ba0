package decide

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

var (
	oraclePolicies = flag.Int("oracle.policies", 700, "random predicates that TestOracle compares with PostgreSQL")
	oracleSeed     = flag.Uint64("oracle.seed", 1, "seed of the oracle's grammar")
)

// decidedFloor is the share of the oracle's predicates that must be decided, and sampleFloor that of TestOracle's fewer ones. They are
// only ever raised.
const decidedFloor, sampleFloor = 0.95, 0.945

// An oraclePredicate is one random predicate with what was decided of it.
type oraclePredicate struct {
	key  string
	text string
	expr expr.Expr
	out  Decision
}

// An oracle is a database of small tables, one for each type of key.
type oracle struct {
	db    *pgtest.Database
	conn  *pgx.Conn
	app   string
	model *tenancy.Model
}

func tableOf(key string) string { return fmt.Sprintf("o.k%d", slices.Index(keyTypes, key)) }

func columnType(key string) string {
	switch key {
	case "foldtext":
		return "text COLLATE o.fold NOT NULL"
	case "maybe":
		return "uuid"
	}
	return key + " NOT NULL"
}

// newOracle makes the tables and their rows: each key, with the other columns varied.
func newOracle(t testing.TB) *oracle {
	o := &oracle{db: pgtest.DB(t)}
	o.app = o.db.Role(t, "app", "LOGIN")
	setup, err := os.ReadFile("testdata/oracle.sql")
	if err != nil {
		t.Fatal(err)
	}
	o.db.Exec(t, strings.ReplaceAll(string(setup), "<app>", o.app))
	for _, key := range keyTypes {
		o.db.Exec(t, fmt.Sprintf("CREATE TABLE %s (id int PRIMARY KEY, tenant_id %s, n int, body text, b boolean); GRANT SELECT, INSERT, UPDATE, DELETE ON %[1]s TO %[3]s", tableOf(key), columnType(key), o.app))
		id := 0
		for _, k := range oracleKeys[key] {
			for _, rest := range []string{"7, 'on', true", "NULL, NULL, NULL", "8, 'x', false"} {
				id++
				o.db.Exec(t, fmt.Sprintf("INSERT INTO %s VALUES (%d, $1::text::%s, %s)", tableOf(key), id, castOf(key), rest), k)
			}
		}
		if key == "maybe" {
			o.db.Exec(t, fmt.Sprintf("INSERT INTO %s VALUES (1000, NULL, 7, '', true)", tableOf(key)))
		}
	}
	o.db.Exec(t, "INSERT INTO o.members VALUES ('u1', '"+uuidA+"'), ('u2', 'globex'), ('u2', '8'), ('', 'acme')")
	o.db.Exec(t, "INSERT INTO o.projects VALUES (7, 'acme'), (8, 'globex')")
	o.conn = o.db.Conn(t, pgtestSuperuser)
	return o
}

// pgtestSuperuser is the role that evaluates: no row security stands in its way, which is what is judged.
const pgtestSuperuser = ""

func castOf(key string) string { return (&grammar{key: key}).keyCast() }

// generate writes predicates and reads their trees back through views.
func (o *oracle) generate(t testing.TB, n int, seed uint64, used map[string]int) []*oraclePredicate {
	t.Helper()
	const perView = 100
	r := rand.New(rand.NewPCG(seed, 7))
	var out []*oraclePredicate
	for len(out) < n {
		key := keyTypes[r.IntN(len(keyTypes))]
		g := &grammar{r: r, key: key, used: used}
		var cols []string
		for range perView {
			p := &oraclePredicate{key: key, text: g.predicate(r.IntN(4))}
			out = append(out, p)
			cols = append(cols, fmt.Sprintf("(%s) AS c%d", p.text, len(cols)))
		}
		o.db.Exec(t, fmt.Sprintf("CREATE VIEW o.v%d AS SELECT %s FROM %s t", len(out)/perView-1, strings.Join(cols, ", "), tableOf(key)))
	}
	o.readTrees(t, out, perView)
	return out
}

// readTrees reads the snapshot and takes the predicates out of the views' definitions.
func (o *oracle) readTrees(t testing.TB, all []*oraclePredicate, perView int) {
	t.Helper()
	snap, err := catalog.Read(t.Context(), o.db.Super, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	o.model, err = tenancy.Infer(snap, tenancy.Options{AppRoles: []string{o.app}, TenantColumns: []string{"tenant_id"}, Context: "app.tid"})
	if err != nil {
		t.Fatal(err)
	}
	o.model.Contexts = []tenancy.Context{{Kind: "setting", Name: "app.tid"}, {Kind: "claim", Name: "app.claims", Path: []string{"tenant"}},
		{Kind: "claim", Name: "app.claims", Path: []string{"meta", "tenant"}}, {Kind: "claim", Name: "app.claims", Path: []string{"tenants"}}, {Kind: "claim", Name: "app.claims", Path: []string{"orgs"}},
		{Kind: "membership", Name: "o.members"}, {Kind: "setting", Name: "app.uid", Principal: true}}
	for v := range len(all) / perView {
		rel := snap.Relation(fmt.Sprintf("o.v%d", v))
		queries, err := o.model.Reader.Action(&rel.Rules[0].Action)
		if err != nil || len(queries) != 1 {
			t.Fatalf("reading view %d: %v", v, err)
		}
		q := queries[0]
		for i := range perView {
			p := all[v*perView+i]
			p.expr = q.Targets[i].Expr
			toRow(p.expr, q)
		}
	}
}

// toRow renames the view's table to the one row that a predicate is about.
func toRow(e expr.Expr, q *expr.Query) {
	expr.WalkDeep(e, func(x expr.Expr, depth int) bool {
		if v, ok := x.(*expr.Var); ok && v.Level == depth && v.RTE <= len(q.Range) && q.Range[v.RTE-1].Alias == "t" {
			v.RTE = 1
		}
		return true
	})
}

// prepare reads the model of the tables as they are, for predicates that are read one by one.
func (o *oracle) prepare(t testing.TB) {
	t.Helper()
	o.readTrees(t, nil, 1)
}

// readOne reads one predicate's tree back through a policy, which is dropped again.
func (o *oracle) readOne(t testing.TB, p *oraclePredicate) {
	t.Helper()
	rel := o.model.Snapshot.Relation(tableOf(p.key))
	ctx := context.Background()
	tx, err := o.conn.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(ctx)
	// the policy's row is called as its table; "t" is what the grammar calls it
	text := strings.ReplaceAll(p.text, "t.tenant_id", "k"+tableOf(p.key)[3:]+".tenant_id")
	text = strings.ReplaceAll(text, "t.n", "k"+tableOf(p.key)[3:]+".n")
	if _, err := tx.Exec(ctx, "CREATE POLICY one ON "+tableOf(p.key)+" USING ("+text+")"); err != nil {
		t.Fatalf("%v\n%s", err, p.text)
	}
	var node string
	if err := tx.QueryRow(ctx, "SELECT polqual::text FROM pg_policy WHERE polrelid = $1::regclass AND polname = 'one'", tableOf(p.key)).Scan(&node); err != nil {
		t.Fatal(err)
	}
	if p.expr, err = o.model.Reader.Expression(&catalog.Tree{Node: node}, rel); err != nil {
		t.Fatal(err)
	}
}

func (o *oracle) decide(d *Decider, p *oraclePredicate) Decision {
	rel := o.model.Snapshot.Relation(tableOf(p.key))
	return d.Decide(reach.Way{Role: o.app, As: o.app, CurrentUser: o.app, Relation: rel, Command: reach.Select, Kind: reach.Isolation, Privileged: true, Old: p.expr})
}

// TestOracle compares verdicts with what PostgreSQL does: on every row of a small table in every one of many contexts for
// what is proved, on the witness for what is refuted.
func TestOracle(t *testing.T) {
	holdOracle(t, *oraclePolicies, *oracleSeed, sampleFloor)
}

// holdOracle decides so many random predicates and holds each to what PostgreSQL does. It returns the productions of the grammar that were
// used, the kinds of node that came of them, and the number of cases that were compared.
func holdOracle(t *testing.T, policies int, seed uint64, floor float64) (used map[string]int, ops map[opcode]bool, cases int) {
	t.Helper()
	o := newOracle(t)
	used = map[string]int{}
	all := o.generate(t, policies, seed, used)
	d := New(o.model)
	ops = map[opcode]bool{}
	d.fault.program = func(c *compiler, _ *claim) { c.nodesOf(func(n *node) { ops[n.op] = true }) }
	count := map[Verdict]int{}
	secret := 0
	why := map[string]int{}
	for _, p := range all {
		p.out = o.decide(d, p)
		count[p.out.Verdict]++
		if p.out.Verdict == Undecided {
			why[p.out.Why]++
			if p.out.Why == "it depends on who knows what a column of the row and a setting both hold" {
				secret++
			}
		}
	}
	bad := 0
	for _, p := range all {
		var fault string
		switch p.out.Verdict {
		case Proved:
			n, f := o.refute(t, p)
			cases += n
			fault = f
		case Leak:
			cases++
			fault = o.reproduce(t, p)
		}
		if fault != "" {
			if bad++; bad <= 10 {
				t.Errorf("%s on %s: %s", p.out.Verdict, p.key, fault)
			}
		}
	}
	// what depends on who knows a secret is no matter of logic: a share token is meant to open a row
	decided := 1 - float64(count[Undecided]-secret)/float64(len(all)-secret)
	t.Logf("%d predicates, %d cases: %v, %d by a secret; decided %.1f %%", len(all), cases, count, secret, 100*decided)
	if decided < floor {
		t.Errorf("decided %.1f %%, the floor is %.1f %%", 100*decided, 100*floor)
	}
	if testing.Verbose() {
		for _, k := range slices.SortedFunc(maps.Keys(why), func(a, b string) int { return why[b] - why[a] })[:min(25, len(why))] {
			t.Logf("%5d %s", why[k], k)
		}
	}
	return used, ops, cases
}

// unset replaces the names of settings that a context does not set by names that nobody ever set in the session: a setting
// that was set once is never unset again.
func unset(text string, set map[string]string) string {
	for _, name := range []string{"app.tid", "app.flag", "app.uid", "app.claims"} {
		if _, ok := set[name]; !ok {
			text = strings.ReplaceAll(text, "'"+name+"'", "'never."+name[4:]+"'")
		}
	}
	return text
}

// refute runs a proved predicate everywhere; it returns the number of rows tried and the first foreign one that came through.
func (o *oracle) refute(t testing.TB, p *oraclePredicate) (int, string) {
	type ctx struct {
		I int               `json:"i"`
		S map[string]string `json:"s"`
	}
	contexts := oracleContexts(p.key)
	groups := map[string][]ctx{}
	for i, c := range contexts {
		set := map[string]string{}
		for k, v := range c {
			if v != "\x00" {
				set[k] = v
			}
		}
		text := unset(p.text, set)
		groups[text] = append(groups[text], ctx{i, set})
	}
	for text, list := range groups {
		if strings.Contains(text, "'app.") || len(list) == 1 {
			continue
		}
		groups[text] = list[:1] // no setting is read: all alike
	}
	cases := 0
	for text, list := range groups {
		js, _ := json.Marshal(list)
		rel := tableOf(p.key)
		if !looksAtRest(text) {
			rel = "(SELECT * FROM " + rel + " WHERE id % 3 = 1)" // the rows differ in columns that are not read
		}
		rows, err := o.conn.Query(context.Background(), "SELECT r.context, k.tenant_id::text FROM o.run($1, $2, $3) r JOIN "+tableOf(p.key)+" k USING (id)", rel, text, string(js))
		if err != nil {
			t.Fatal(err)
		}
		cases += len(list) * len(oracleKeys[p.key]) * 3
		for rows.Next() {
			var i int
			var key *string
			if err := rows.Scan(&i, &key); err != nil {
				t.Fatal(err)
			}
			set := map[string]string{}
			for _, c := range list {
				if c.I == i {
					set = c.S
				}
			}
			if !o.belongs(p.key, key, set) {
				rows.Close()
				return cases, fmt.Sprintf("row %s is seen in %q\n  %s", quoted(key), set, p.text)
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
	}
	return cases, ""
}

// looksAtRest reports whether a predicate reads a column beside the key.
func looksAtRest(text string) bool {
	words := strings.FieldsFunc(text, func(r rune) bool { return r != '_' && (r < '0' || r > '9' && r < 'A' || r > 'Z' && r < 'a' || r > 'z') })
	return slices.ContainsFunc(words, func(w string) bool { return w == "n" || w == "body" || w == "b" })
}

func quoted(s *string) string {
	if s == nil {
		return "NULL"
	}
	return fmt.Sprintf("%q", *s)
}

// readsAs leaves out a comma list that the predicate never takes apart: there it is one value, and no tenant's.
func (p *oraclePredicate) readsAs(set map[string]string) map[string]string {
	if tid := set["app.tid"]; !strings.Contains(tid, ",") || strings.HasPrefix(tid, "{") || strings.Contains(p.text, "string_to_array") {
		return set
	}
	out := maps.Clone(set)
	delete(out, "app.tid")
	return out
}

// belongs says, without the prover, whether a key is a tenant of a context.
func (o *oracle) belongs(typ string, key *string, set map[string]string) bool {
	if key == nil {
		return false
	}
	var names []string
	if tid, ok := set["app.tid"]; ok {
		names = append(names, tid)
		names = append(names, strings.Split(tid, ",")...)
		names = append(names, strings.Split(strings.Trim(tid, "{}"), ",")...)
	}
	var doc struct {
		Tenant  any   `json:"tenant"`
		Tenants []any `json:"tenants"`
		Meta    any   `json:"meta"`
		Orgs    []any `json:"orgs"`
	}
	if json.Unmarshal([]byte(set["app.claims"]), &doc) == nil {
		list := append(doc.Tenants, doc.Tenant)
		if m, ok := doc.Meta.(map[string]any); ok {
			list = append(list, m["tenant"])
		}
		for _, x := range doc.Orgs {
			if m, ok := x.(map[string]any); ok {
				list = append(list, m["id"])
			}
		}
		for _, x := range list {
			if x != nil {
				names = append(names, fmt.Sprint(x))
			}
		}
	}
	names = append(names, map[string][]string{"u1": {uuidA}, "u2": {"globex", "8"}}[set["app.uid"]]...)
	if uid, ok := set["app.uid"]; ok && uid == "" {
		names = append(names, "acme")
	}
	plain := func(s string) string {
		s = strings.TrimRight(s, map[bool]string{true: " ", false: ""}[typ == "char(6)"])
		if len(s) == 36 || len(s) == 38 {
			return strings.ToLower(strings.Trim(s, "{}"))
		}
		if n := strings.TrimLeft(s, "0"); n != "" && strings.Trim(s, "0123456789") == "" {
			return n
		}
		return s
	}
	return slices.ContainsFunc(names, func(n string) bool { return plain(n) == plain(*key) })
}

// reproduce evaluates a refuted predicate on its witness, with the other rows it needs; the transaction is rolled back.
func (o *oracle) reproduce(t testing.TB, p *oraclePredicate) string {
	ctx := context.Background()
	w := p.out.Witness
	if w == nil {
		return "no witness\n  " + p.text
	}
	tx, err := o.conn.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(ctx)
	set := map[string]string{}
	for name, v := range w.Context {
		if v != nil {
			set[name] = *v
			if _, err := tx.Exec(ctx, "SELECT set_config($1, $2, true)", name, *v); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := tx.Exec(ctx, "DELETE FROM o.members; DELETE FROM o.projects"); err != nil {
		t.Fatal(err)
	}
	for rel, row := range w.Others {
		rel, _, _ = strings.Cut(rel, " #")
		js, _ := json.Marshal(complete(rel, row))
		if _, err := tx.Exec(ctx, "INSERT INTO "+rel+" SELECT * FROM jsonb_populate_record(NULL::"+rel+", $1)", string(js)); err != nil {
			return fmt.Sprintf("the other row cannot stand: %v\n  %s", err, p.text)
		}
	}
	js, _ := json.Marshal(w.Row)
	var ok bool
	if err := tx.QueryRow(ctx, "SELECT o.witness($1, $2, $3)", tableOf(p.key), unset(p.text, set), string(js)).Scan(&ok); err != nil {
		t.Fatal(err)
	}
	if !ok {
		c, _ := json.Marshal(w)
		return fmt.Sprintf("%s: the witness %s does not reproduce\n  %s", p.out.Reason, c, p.text)
	}
	if key := w.Row["tenant_id"]; o.belongs(p.key, key, p.readsAs(set)) && p.out.Reason != NullKey && len(w.Others) == 0 {
		c, _ := json.Marshal(w)
		return fmt.Sprintf("%s: the witness %s is no foreign row\n  %s", p.out.Reason, c, p.text)
	}
	return ""
}

// complete fills in the columns of another table's row that do not matter.
func complete(rel string, row map[string]*string) map[string]*string {
	out := maps.Clone(row)
	fill := map[string]string{"who": "u9", "tenant_id": "nobody", "id": "99"}
	cols := map[string][]string{"o.members": {"who", "tenant_id"}, "o.projects": {"id", "tenant_id"}}[rel]
	for _, c := range cols {
		if out[c] == nil {
			v := fill[c]
			out[c] = &v
		}
	}
	return out
}
