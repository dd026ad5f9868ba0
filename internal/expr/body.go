package expr

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"

	pgquery "github.com/pganalyze/pg_query_go/v6"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pgparse"
)

// A Body is what is known of what a function does.
type Body struct {
	Function *catalog.Function
	// Statements are the statements that may run, in the order they are written; expressions of PL/pgSQL stand among them
	// as selects without FROM. In string bodies names were resolved by this package, in SQL-standard ones by the server.
	Statements []*Query
	// Value is what the function returns, over its parameters (Param extern); nil where it cannot be said as an expression.
	Value Expr
	// Rows is the query whose rows a set-returning function returns; nil where it is not one query.
	Rows *Query
	// Guards are the conditions of a PL/pgSQL body under which it raises an error or leaves, and what the variables in them were given:
	// where one looks at the session, the body asks who calls before it goes on.
	Guards []Expr
	// Unfollowed are those of Guards that are not in Under.
	Unfollowed []Expr
	// Under says under which condition a statement of a PL/pgSQL body runs, over the session, the parameters and a trigger's rows; none:
	// it may always run.
	Under map[*Query]Expr
	// Beside is true of a statement before which a guard stands that is not in its Under, though it may be in another's.
	Beside map[*Query]bool
	// Unsifted are, of a loop's query, the conditions on its rows under which alone the loop's body does anything, where it was not
	// followed which rows these let on.
	Unsifted map[*Query][]Expr
	// Dynamic holds the texts of EXECUTE: what they run is not known.
	Dynamic []string
	// Injected are those of Dynamic into which text gets unquoted that is not the function's own.
	Injected []string
	// Named are those of Dynamic that read or change a relation whose name is the caller's, where the body compares nothing with it.
	Named []string
	// Sides says of statements how what they read comes out beside what the function returns.
	Sides map[*Query]Side
	// Opaque says what could not be read or resolved, and why; empty: everything was.
	Opaque []string
	// SearchPathMutable is true where a string body is read under the caller's search_path. Its names were resolved under the
	// database's default: they hold only while nobody who calls it can make objects in a schema.
	SearchPathMutable bool
	// TempShadowed are the relations that the body names without a schema while pg_temp comes first: a temporary table of the
	// caller's is read in their place.
	TempShadowed []string
	// Absent are the relations that the body names and no schema has, pg_temp's among them: what is found is a temporary table that
	// some session made.
	Absent []string
	// Names are the names that a string body leaves to the search_path: see Captured.
	Names []Name

	path []string // the schemas that a string body's names were looked up in
}

// Body reads what a function does. Bodies of LANGUAGE sql and plpgsql are read; of other languages nothing is known, and
// Opaque says so. It is safe for concurrent use and reads each function once.
func (r *Reader) Body(f *catalog.Function) (*Body, error) {
	once, _ := r.bodies.LoadOrStore(f, sync.OnceValues(func() (*Body, error) { return r.readBody(f) }))
	return once.(func() (*Body, error))()
}

func (r *Reader) readBody(f *catalog.Function) (body *Body, err error) {
	b := &Body{Function: f}
	defer func() { // a stranger's text must not end the program; what was not read is said
		if p := recover(); p != nil {
			body, err = &Body{Function: f, Opaque: []string{fmt.Sprintf("reading the body: %v", p)}}, nil
		}
	}()
	switch {
	case f.Body != nil:
		return b, r.storedBody(b)
	case f.Language == "sql":
		r.sqlBody(b)
	case f.Language == "plpgsql":
		r.plpgsqlBody(b)
	case f.System:
		b.Opaque = []string{"built-in function " + f.Identity()}
	default:
		b.Opaque = []string{"language " + f.Language}
	}
	return b, nil
}

// storedBody reads a SQL-standard body, whose names the server resolved when it was made.
func (r *Reader) storedBody(b *Body) error {
	queries, err := r.Action(b.Function.Body)
	if err != nil {
		return fmt.Errorf("reading the body of %s: %w", b.Function.Identity(), err)
	}
	b.Statements = queries
	r.noteRunners(b, nil, noVariables)
	sidesOf(b)
	r.sqlResult(b)
	for _, q := range queries {
		Queries(q, func(q *Query) { b.Opaque = append(b.Opaque, q.Unknown...) })
	}
	return nil
}

// parseSQL parses statements.
func parseSQL(text string) ([]*pgquery.RawStmt, error) {
	tree, err := pgparse.Parse(text)
	if err != nil {
		return nil, err
	}
	return tree.Stmts, nil
}

// sqlBody reads a string body of LANGUAGE sql.
func (r *Reader) sqlBody(b *Body) {
	a := r.analyzerFor(b)
	stmts, err := parseSQL(b.Function.Source)
	if err != nil {
		b.Opaque = append(b.Opaque, "parsing the body: "+err.Error())
		return
	}
	for _, s := range stmts {
		if q := a.statement(s.Stmt); q != nil {
			b.Statements = append(b.Statements, q)
		}
	}
	r.noteRunners(b, a, noVariables)
	sidesOf(b)
	b.take(a)
	r.sqlResult(b)
}

// noVariables is what a body of SQL gives its variables: it has none.
func noVariables(string) []Expr { return nil }

// sidesOf notes the statements of a body of SQL that keep what they read in a setting.
func sidesOf(b *Body) {
	for _, s := range b.Statements {
		if name := keeps(s); name != "" {
			if b.Sides == nil {
				b.Sides = map[*Query]Side{}
			}
			b.Sides[s] = Side{Setting: name}
		}
	}
}

// analyzerFor makes the analyzer of a function's string body.
func (r *Reader) analyzerFor(b *Body) *analyzer {
	f := b.Function
	a := &analyzer{r: r, d: r.dir(), t: r.names, path: r.pathOf(f), fn: f, notes: &notes{}}
	for i := range f.ArgumentOIDs {
		a.vars = append(a.vars, variable{name: argumentName(f, i+1), value: a.param(i + 1)})
	}
	b.SearchPathMutable, b.path = a.path.mutable, a.path.schemas
	return a
}

// take moves what the analyzer noted into the body.
func (b *Body) take(a *analyzer) {
	for _, o := range a.notes.opaque {
		if !slices.Contains(b.Opaque, o) {
			b.Opaque = append(b.Opaque, o)
		}
	}
	b.TempShadowed = append(b.TempShadowed, a.notes.temp...)
	b.Names = append(b.Names, a.notes.names...)
	b.Absent = append(b.Absent, a.notes.absent...)
	sort.Strings(b.TempShadowed)
	b.TempShadowed = slices.Compact(b.TempShadowed)
}

// sqlResult says what a SQL function returns: its last statement's first row, or its rows.
func (r *Reader) sqlResult(b *Body) {
	f := b.Function
	if len(b.Statements) != 1 || f.Kind != "function" || f.ResultOID == voidOID {
		return
	}
	q := b.Statements[0]
	if q.Command != "select" || len(q.Targets) == 0 {
		return
	}
	if f.ReturnsSet {
		b.Rows = q
		return
	}
	b.Value = r.queryValue(q, f.ResultOID)
}

// queryValue is the value of a query's first row and only column, as a function's result; nil for several columns.
func (r *Reader) queryValue(q *Query, typ uint32) Expr {
	visible := 0
	for _, t := range q.Targets {
		if !t.Junk {
			visible++
		}
	}
	if visible != 1 {
		return nil
	}
	if v := plainValue(q); v != nil {
		return r.asType(shift(v, -1), typ)
	}
	first := *q
	first.Some = first.Some || !first.Limit
	first.Limit = true
	return r.asType(&SubLink{Kind: "scalar", Query: &first, TypeOID: q.Targets[0].Expr.Type()}, typ)
}

// asType coerces a value as an assignment does, outside any function.
func (r *Reader) asType(e Expr, typ uint32) Expr {
	if typ == 0 || e.Type() == typ {
		return e
	}
	a := &analyzer{r: r, d: r.dir(), t: r.names, notes: &notes{}}
	return a.coerce(e, typ, assignmentCast)
}

// Reads returns the identities of the relations that a body's statements name, in order.
func (b *Body) Reads() []string {
	set := map[string]bool{}
	for _, s := range b.Statements {
		Queries(s, func(q *Query) {
			for i := range q.Range {
				if rel := q.Range[i].Relation; rel != nil && q.Range[i].Kind == "relation" {
					set[rel.Identity()] = true
				}
			}
		})
	}
	return sorted(set)
}

// Calls returns the identities of the functions that a body's statements call, operators' ones left out.
func (b *Body) Calls() []string {
	set := map[string]bool{}
	for _, s := range b.Statements {
		WalkQuery(s, func(e Expr, _ int) bool {
			if c, ok := e.(*Call); ok && c.Func != nil {
				set[c.Func.Identity()] = true
			}
			return true
		})
	}
	return sorted(set)
}

func sorted(set map[string]bool) []string {
	out := make([]string, 0, len(set))
	for k := range set {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// setsOther reports whether a function runs under settings of its own other than search_path.
func setsOther(f *catalog.Function) bool {
	return slices.ContainsFunc(f.Config, func(c string) bool {
		name, _, _ := strings.Cut(c, "=")
		return !strings.EqualFold(name, "search_path")
	})
}
