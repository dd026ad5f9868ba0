package ringfencevet

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/types/typeutil"
)

// Analyzer reports database connections that a request can use past its tenant.
var Analyzer = &analysis.Analyzer{
	Name: "ringfence",
	Doc: `report database connections that a request can use past its tenant

Pools and connections of pgx in handlers and in what handlers call, and sql.DBs that were not made of a ringfence.Pool.`,
	URL:       "https://pkg.go.dev/github.com/ringfencehq/ringfence/ringfencevet",
	Run:       run,
	FactTypes: []analysis.Fact{new(usesRaw)},
}

// usesRaw is the fact that a function uses a raw connection, itself or by what it calls.
type usesRaw struct{ Type string }

// AFact marks a fact.
func (*usesRaw) AFact() {}

// String tells the fact, for tests.
func (u *usesRaw) String() string { return "uses " + u.Type }

// use is a place in a function where a raw connection is used, or a function is called.
type use struct {
	at     token.Pos
	raw    string      // the raw type's name; empty for a call
	callee *types.Func // nil for a use
}

// function is one function or handler literal of the package.
type function struct {
	object  *types.Func // nil for a literal
	handler bool
	uses    []use
}

func run(pass *analysis.Pass) (any, error) {
	if trusted(pass.Pkg.Path()) {
		return nil, nil
	}
	var all []*function
	for _, file := range pass.Files {
		if strings.HasSuffix(pass.Fset.File(file.Pos()).Name(), "_test.go") {
			continue
		}
		r := &reader{pass: pass, excepted: exceptions(pass, file)}
		for _, d := range file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Body != nil {
					r.function(d)
				}
			case *ast.GenDecl:
				r.walk(&function{}, d)
			}
		}
		all = append(all, r.all...)
	}
	spread(pass, all)
	for _, f := range all {
		report(pass, f)
	}
	return nil, nil
}

// spread gives each function that uses a raw connection, itself or by what it calls, the fact; until no more do. Handlers get none: what
// they do is reported in them.
func spread(pass *analysis.Pass, all []*function) {
	for again := true; again; {
		again = false
		for _, f := range all {
			if f.object == nil || f.handler || pass.ImportObjectFact(f.object, new(usesRaw)) {
				continue
			}
			for _, u := range f.uses {
				if what := u.what(pass); what != "" {
					pass.ExportObjectFact(f.object, &usesRaw{what})
					again = true
					break
				}
			}
		}
	}
}

// what is the raw type that a use leads to, or empty.
func (u use) what(pass *analysis.Pass) string {
	if u.callee == nil {
		return u.raw
	}
	var fact usesRaw
	if pass.ImportObjectFact(u.callee, &fact) {
		return fact.Type
	}
	return ""
}

func report(pass *analysis.Pass, f *function) {
	if !f.handler {
		return
	}
	for _, u := range f.uses {
		what := u.what(pass)
		switch {
		case what == "":
		case u.callee == nil:
			pass.Reportf(u.at, "a request uses %s past its tenant: use a ringfence.Pool", what)
		default:
			pass.Reportf(u.at, "a request calls %s, which uses %s past its tenant: use a ringfence.Pool", u.callee.Name(), what)
		}
	}
}

// reader gathers the functions of one file.
type reader struct {
	pass     *analysis.Pass
	excepted map[int]bool // lines
	all      []*function
}

func (r *reader) function(d *ast.FuncDecl) {
	object, _ := r.pass.TypesInfo.Defs[d.Name].(*types.Func)
	if object == nil {
		return
	}
	f := &function{object: object.Origin(), handler: isHandler(object.Signature()) || isService(object.Signature())}
	r.all = append(r.all, f)
	r.walk(f, d.Body)
}

// walk notes what stands in a function. A literal that takes a request is a function of its own; every other one belongs to where it
// stands.
func (r *reader) walk(f *function, n ast.Node) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			signature, _ := r.pass.TypesInfo.TypeOf(n).(*types.Signature)
			if signature == nil || f.handler || !isHandler(signature) {
				return true
			}
			own := &function{handler: true}
			r.all = append(r.all, own)
			r.walk(own, n.Body)
			return false
		case *ast.CallExpr:
			r.call(f, n)
		}
		return true
	})
}

// call notes a call on a raw connection, one that is given one, or one of a function that may use one.
func (r *reader) call(f *function, c *ast.CallExpr) {
	if r.excepted[r.pass.Fset.Position(c.Pos()).Line] {
		return
	}
	callee := typeutil.StaticCallee(r.pass.TypesInfo, c)
	r.maker(callee, c)
	if selector, ok := ast.Unparen(c.Fun).(*ast.SelectorExpr); ok && r.use(f, selector.X) {
		return
	}
	for _, a := range c.Args {
		if r.use(f, a) {
			return
		}
	}
	if callee != nil {
		f.uses = append(f.uses, use{at: c.Pos(), callee: callee.Origin()})
	}
}

// use notes an expression whose value is a raw connection.
func (r *reader) use(f *function, e ast.Expr) bool {
	value, ok := r.pass.TypesInfo.Types[e]
	if !ok || !value.IsValue() || !isRaw(value.Type) {
		return false
	}
	f.uses = append(f.uses, use{at: e.Pos(), raw: types.TypeString(value.Type, (*types.Package).Name)})
	return true
}

// maker reports a call that makes a sql.DB which sets no tenant.
func (r *reader) maker(callee *types.Func, c *ast.CallExpr) {
	if callee == nil || callee.Pkg() == nil || callee.Signature().Recv() != nil {
		return
	}
	name := named{callee.Pkg().Path(), callee.Name()}
	openDB := name == named{"database/sql", "OpenDB"} && !r.isConnector(c)
	if openDB || rawMakers[name] {
		r.pass.Reportf(c.Pos(), "%s.%s makes a sql.DB that sets no tenant: use sql.OpenDB(pool.Connector()) of a ringfence.Pool", callee.Pkg().Name(), callee.Name())
	}
}

// isConnector reports whether the argument is the Connector of a ringfence.Pool.
func (r *reader) isConnector(c *ast.CallExpr) bool {
	if len(c.Args) != 1 {
		return false
	}
	argument, ok := ast.Unparen(c.Args[0]).(*ast.CallExpr)
	if !ok {
		return false
	}
	made := typeutil.StaticCallee(r.pass.TypesInfo, argument)
	if made == nil || made.Name() != "Connector" || made.Signature().Recv() == nil {
		return false
	}
	receiver, ok := nameOf(made.Signature().Recv().Type())
	return ok && receiver == named{"github.com/ringfencehq/ringfence", "Pool"}
}

// isHandler reports whether a function takes a request.
func isHandler(s *types.Signature) bool {
	for v := range s.Params().Variables() {
		if n, ok := nameOf(v.Type()); ok && requests[n] {
			return true
		}
	}
	return false
}

// isService reports whether a method is one of a gRPC service: of a type that embeds an Unimplemented…Server, with a context first.
func isService(s *types.Signature) bool {
	if s.Recv() == nil || s.Params().Len() == 0 {
		return false
	}
	if n, ok := nameOf(s.Params().At(0).Type()); !ok || n != (named{"context", "Context"}) {
		return false
	}
	t := s.Recv().Type()
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem()
	}
	fields, ok := t.Underlying().(*types.Struct)
	if !ok {
		return false
	}
	for field := range fields.Fields() {
		if field.Embedded() && strings.HasPrefix(field.Name(), "Unimplemented") && strings.HasSuffix(field.Name(), "Server") {
			return true
		}
	}
	return false
}

// directive begins the comment that excepts a line.
const directive = "//ringfence:raw"

// exceptions are the lines that a comment excepts: its own, and the one after. A comment without a reason excepts nothing and is reported.
func exceptions(pass *analysis.Pass, file *ast.File) map[int]bool {
	lines := map[int]bool{}
	for _, group := range file.Comments {
		for _, c := range group.List {
			rest, ok := strings.CutPrefix(c.Text, directive)
			if !ok {
				continue
			}
			if reason, _, _ := strings.Cut(rest, "//"); strings.TrimSpace(reason) == "" {
				pass.Report(analysis.Diagnostic{Pos: c.Pos(), Message: directive + " wants a reason"})
				continue
			}
			line := pass.Fset.Position(c.Pos()).Line
			lines[line], lines[line+1] = true, true
		}
	}
	return lines
}
