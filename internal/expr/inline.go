package expr

import (
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// maxInline bounds how deep helpers that call helpers are followed, maxInlined how many calls are replaced in one expression.
const (
	maxInline  = 16
	maxInlined = 200
)

// Inline replaces calls of user functions by what they return, where that can be said as an expression: SQL functions of
// one SELECT (with tables: as a scalar sub-query), and PL/pgSQL that only decides and returns. A strict function gives NULL
// when an argument is. What ran as the function's owner is marked so (SubLink.RunAs, Query.RunAs), and current_user in it
// is the owner's name. Functions that set something for their duration, recursion, and what is too deep stay calls.
// Set-returning functions in FROM and alone in a select list become sub-queries in the same way.
func (r *Reader) Inline(e Expr) Expr {
	in := &inliner{r: r}
	return in.expr(e)
}

// InlineQuery is Inline for a whole query.
func (r *Reader) InlineQuery(q *Query) *Query {
	in := &inliner{r: r}
	return in.query(q)
}

// Inlined is Inline, with the functions whose bodies it put into e, through all levels, each once. What holds of the result
// holds only as long as these are what they are: see Body.SearchPathMutable and Body.TempShadowed.
func (r *Reader) Inlined(e Expr) (Expr, []*catalog.Function) {
	in := &inliner{r: r}
	e = in.expr(e)
	return e, in.used
}

type inliner struct {
	r     *Reader
	stack []*catalog.Function
	used  []*catalog.Function
	count int
	// changing remembers which functions may change something.
	changing map[*catalog.Function]bool
}

func (in *inliner) expr(e Expr) Expr {
	if e == nil {
		return nil
	}
	e = mapChildren(e, in.expr, in.query)
	c, ok := e.(*Call)
	if o, is := e.(*Operation); is {
		c = in.r.operatorCall(o)
		ok = c != nil
	}
	if ok && !c.Set {
		if v := in.call(c); v != nil {
			return v
		}
	}
	return e
}

// operatorCall is the call that an operator of the schema's own stands for; nil for PostgreSQL's and extensions' operators, and for the
// forms that are more than a call.
func (r *Reader) operatorCall(o *Operation) *Call {
	if !OwnOperator(o) {
		return nil
	}
	f := r.snap.Function(o.Op.Function)
	if f == nil {
		return nil
	}
	return &Call{OID: f.OID, Func: f, Args: o.Args, TypeOID: o.TypeOID, Collation: o.Collation}
}

// OwnOperator reports whether an operation is by an operator that is neither PostgreSQL's nor an extension's: what it does is what its
// function does.
func OwnOperator(o *Operation) bool {
	return o.Kind == "plain" && o.Op != nil && !o.Op.System && o.Op.Extension == "" && o.Op.BTreeStrategy == 0
}

func (in *inliner) query(q *Query) *Query {
	if q == nil {
		return nil
	}
	q = mapQuery(q, in.expr, in.query)
	in.setInList(q)
	for i := range q.Range {
		in.setInFrom(&q.Range[i])
	}
	return q
}

// enter reports whether a function may be inlined here, and notes it. leave must follow.
func (in *inliner) enter(f *catalog.Function) bool {
	if f == nil || f.System || f.Kind != "function" || setsOther(f) || len(in.stack) >= maxInline || in.count >= maxInlined {
		return false
	}
	for _, s := range in.stack {
		if s == f {
			return false
		}
	}
	in.count++
	in.stack = append(in.stack, f)
	return true
}

func (in *inliner) leave() { in.stack = in.stack[:len(in.stack)-1] }

func (in *inliner) note(f *catalog.Function) {
	for _, u := range in.used {
		if u == f {
			return
		}
	}
	in.used = append(in.used, f)
}

// call returns what a call stands for, or nil.
func (in *inliner) call(c *Call) Expr {
	if !in.enter(c.Func) {
		return nil
	}
	defer in.leave()
	b, err := in.r.Body(c.Func)
	if err != nil || b.Value == nil || in.acts(b, 0) {
		return nil
	}
	value := in.expr(b.Value)
	if tooLarge(value, c.Args) {
		return nil
	}
	in.note(c.Func)
	if c.Func.SecurityDefiner {
		value = asOwner(value, c.Func.Owner)
	}
	return strict(c, substitute(value, c.Args, 0))
}

// tooLarge reports whether a body with its arguments put in would be larger than is worth reading.
func tooLarge(body Expr, args []Expr) bool {
	uses := 1
	WalkDeep(body, func(e Expr, _ int) bool {
		if p, ok := e.(*Param); ok && p.Kind == "extern" {
			uses++
		}
		return true
	})
	for _, a := range args {
		if outgrows(a, maxNodes/uses) {
			return true
		}
	}
	return outgrows(body, maxNodes)
}

// substitute puts arguments in the place of parameters. An argument that lands inside sub-queries is moved in with it;
// extra counts queries that stand between the arguments and e already.
func substitute(e Expr, args []Expr, extra int) Expr {
	return rewrite(e, func(e Expr, depth int) (Expr, bool) {
		p, ok := e.(*Param)
		if !ok || p.Kind != "extern" || p.ID < 1 || p.ID > len(args) {
			return nil, false
		}
		return shift(args[p.ID-1], depth+extra), true
	})
}

// strict makes a strict function's value NULL when an argument is.
func strict(c *Call, value Expr) Expr {
	if !c.Func.Strict {
		return value
	}
	var nulls []Expr
	for _, a := range c.Args {
		if k, ok := a.(*Const); ok && !k.Null {
			continue
		}
		nulls = append(nulls, &NullTest{Arg: a})
	}
	if len(nulls) == 0 {
		return value
	}
	cond := nulls[0]
	if len(nulls) > 1 {
		cond = &Logic{Op: "or", Args: nulls}
	}
	return &Case{TypeOID: c.TypeOID, Whens: []When{{Cond: cond, Result: &Const{TypeOID: c.TypeOID, Null: true, Known: true}}}, Else: value}
}

// asOwner marks what runs as a definer function's owner: sub-queries by name, and current_user, which is the owner there.
// Sub-queries inside a marked one run likewise and are not marked again.
func asOwner(e Expr, owner string) Expr {
	return rewrite(e, func(e Expr, depth int) (Expr, bool) {
		switch e := e.(type) {
		case *SessionValue:
			return ownerName(e, owner), true
		case *Call:
			return callAsOwner(e, owner)
		case *SubLink:
			if depth > 0 || e.RunAs != "" {
				return nil, false
			}
			c := *e
			c.RunAs = owner
			if c.Test != nil {
				c.Test = asOwner(c.Test, owner)
			}
			c.Query = queryAsOwner(e.Query, owner)
			return &c, true
		}
		return nil, false
	})
}

// callAsOwner hides a call whose value depends on who runs it: read as the caller's it would be another. Its arguments stay
// in sight, and its name in the key.
func callAsOwner(c *Call, owner string) (Expr, bool) {
	if c.Func != nil && c.Func.System && !asksUser(c.Func.Name) {
		return nil, false
	}
	args := mapExprs(c.Args, func(a Expr) Expr { return asOwner(a, owner) })
	return &Unknown{Tag: "AS_OWNER", Key: owner + " " + functionText(c.Func, c.OID), Args: args, TypeOID: c.TypeOID,
		Stable: c.Func != nil && c.Func.Volatility != "volatile"}, true
}

// asksUser reports whether a function of pg_catalog looks at current_user without being told.
func asksUser(name string) bool {
	switch name {
	case "pg_has_role", "row_security_active", "current_user", "getpgusername", "current_schema", "current_schemas":
		return true
	}
	return strings.HasPrefix(name, "has_") && strings.HasSuffix(name, "_privilege")
}

func ownerName(e *SessionValue, owner string) Expr {
	if e.Name == "current_user" || e.Name == "current_role" {
		return &Const{TypeOID: 19, Collation: 950, Known: true, Text: owner}
	}
	return e
}

// queryAsOwner replaces current_user throughout a query that runs as owner. Queries inside that run as somebody else had
// theirs replaced before.
func queryAsOwner(q *Query, owner string) *Query {
	w := &rewriter{f: func(e Expr, _ int) (Expr, bool) {
		switch e := e.(type) {
		case *SessionValue:
			return ownerName(e, owner), true
		case *Call:
			return callAsOwner(e, owner)
		}
		return nil, false
	}}
	return w.query(q, 0)
}

// rowsOf returns the rows that a set-returning call stands for, as a query one level inside the caller's; nil where it is
// not one query.
func (in *inliner) rowsOf(c *Call) *Query {
	if !c.Set || !in.enter(c.Func) {
		return nil
	}
	defer in.leave()
	b, err := in.r.Body(c.Func)
	if err != nil || b.Rows == nil || in.acts(b, 0) || c.Func.Strict && !neverNull(c.Args) {
		return nil
	}
	in.note(c.Func)
	q := in.query(b.Rows)
	if c.Func.SecurityDefiner {
		q = queryAsOwner(q, c.Func.Owner)
	}
	w := &rewriter{f: func(e Expr, depth int) (Expr, bool) {
		p, ok := e.(*Param)
		if !ok || p.Kind != "extern" || p.ID < 1 || p.ID > len(c.Args) {
			return nil, false
		}
		return shift(c.Args[p.ID-1], depth+1), true
	}}
	q = w.query(q, 0)
	if c.Func.SecurityDefiner && q.RunAs == "" {
		own := *q
		own.RunAs = c.Func.Owner
		q = &own
	}
	return q
}

func neverNull(args []Expr) bool {
	for _, a := range args {
		if k, ok := a.(*Const); !ok || k.Null {
			return false
		}
	}
	return true
}

// setInFrom replaces FROM f(…) by the function's query.
func (in *inliner) setInFrom(e *RangeEntry) {
	if e.Kind != "function" || len(e.Funcs) != 1 {
		return
	}
	c, ok := e.Funcs[0].(*Call)
	if !ok {
		return
	}
	q := in.rowsOf(c)
	if q == nil || len(queryColumns(q, nil)) < len(e.Columns) {
		return
	}
	e.Kind, e.Subquery, e.Funcs, e.Lateral = "subquery", q, nil, true
}

// setInList replaces SELECT f(…), with nothing else in the query, by a select from the function's query.
func (in *inliner) setInList(q *Query) {
	if q.Command != "select" || len(q.Range) > 0 || q.Where != nil || q.Group || q.Limit || q.SetOp != nil || len(q.Targets) != 1 {
		return
	}
	c, ok := q.Targets[0].Expr.(*Call)
	if !ok {
		return
	}
	rows := in.rowsOf(c)
	if rows == nil {
		return
	}
	cols := queryColumns(rows, nil)
	if len(cols) != 1 {
		return
	}
	v := *cols[0].value.(*Var)
	v.RTE, v.Name = 1, cols[0].name
	q.Range = []RangeEntry{{Kind: "subquery", Subquery: rows, Columns: columnNames(cols)}}
	q.From = []FromItem{{RTE: 1}}
	t := q.Targets[0]
	t.Expr = in.r.asType(&v, c.TypeOID)
	q.Targets = []Target{t}
}
