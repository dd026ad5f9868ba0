package expr

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pgparse"
)

// A plNode is one node of the parser's JSON for PL/pgSQL: the kind, and its fields.
type plNode struct {
	kind   string
	fields map[string]json.RawMessage
}

// plOf reads {"Kind": {…}}.
func plOf(raw json.RawMessage) plNode {
	var outer map[string]json.RawMessage
	if json.Unmarshal(raw, &outer) != nil {
		return plNode{}
	}
	for kind, inner := range outer {
		n := plNode{kind: strings.TrimPrefix(kind, "PLpgSQL_")}
		if json.Unmarshal(inner, &n.fields) == nil {
			return n
		}
	}
	return plNode{}
}

func (n plNode) sub(name string) plNode { return plOf(n.fields[name]) }

func (n plNode) list(name string) []plNode {
	var raw []json.RawMessage
	if json.Unmarshal(n.fields[name], &raw) != nil {
		return nil
	}
	out := make([]plNode, len(raw))
	for i, r := range raw {
		out[i] = plOf(r)
	}
	return out
}

func (n plNode) text(name string) string {
	var s string
	_ = json.Unmarshal(n.fields[name], &s) // absent: empty
	return s
}

func (n plNode) number(name string) int {
	var i int
	_ = json.Unmarshal(n.fields[name], &i) // absent: 0, as the parser writes 0
	return i
}

func (n plNode) flag(name string) bool {
	var b bool
	_ = json.Unmarshal(n.fields[name], &b) // absent: false
	return b
}

// query returns the text of an expression field.
func (n plNode) query(name string) string { return n.sub(name).text("query") }

// plpgsqlBody reads a body of LANGUAGE plpgsql: every static statement, the texts of the dynamic ones, and, where it only
// decides and returns, its value.
func (r *Reader) plpgsqlBody(b *Body) {
	p := &plReader{a: r.analyzerFor(b), body: b, given: map[string][]Expr{}, telling: newTelling()}
	text, err := pgparse.ParsePLpgSQL(definitionOf(b.Function))
	for _, mended := range []func(*catalog.Function) string{withoutRowTypes, withCursors} { // the parser has no catalogue
		if err == nil {
			break
		}
		if again, e := pgparse.ParsePLpgSQL(mended(b.Function)); e == nil {
			text, err = again, nil
		}
	}
	if err != nil {
		b.Opaque = append(b.Opaque, "parsing the body: "+err.Error())
		return
	}
	var parsed []json.RawMessage
	if err := json.Unmarshal([]byte(text), &parsed); err != nil || len(parsed) != 1 {
		b.Opaque = append(b.Opaque, "parsing the body: no function in it")
		return
	}
	p.a.declared = !strings.Contains(strings.ToLower(b.Function.Source), "#variable_conflict use_column")
	fn := plOf(parsed[0])
	p.declare(fn.list("datums"))
	p.settle(fn.sub("action"))
	p.collect(fn.sub("action"))
	p.fix()
	p.telling.finish(b)
	for i, e := range p.dynamics {
		if in := (injection{r: r, given: p.allGiven, seen: map[string]bool{}}); in.reaches(e) {
			b.Injected = append(b.Injected, b.Dynamic[i])
		}
		n := naming{given: p.allGiven, seen: map[string]bool{}}
		if n.take(e); n.named() && !b.holdsName() {
			b.Named = append(b.Named, b.Dynamic[i])
		}
	}
	r.noteRunners(b, p.a, p.allGiven)
	b.take(p.a)
	r.plpgsqlValue(b, p, fn)
}

// withCursors declares the parameters that are cursors as variables: the parser does not know a parameter's type, and opens nothing else.
func withCursors(f *catalog.Function) string {
	g := *f
	g.Definition, g.ArgumentNames = "", slices.Clone(f.ArgumentNames)
	body := strings.TrimRight(f.Source, "; \t\r\n")
	for i, typ := range f.Arguments {
		if typ != "refcursor" {
			continue
		}
		name := catalog.QuoteIdent(argumentName(f, i+1))
		if argumentName(f, i+1) == "" {
			name = fmt.Sprintf("cursor_%d", i+1)
			body = strings.ReplaceAll(body, fmt.Sprintf("$%d", i+1), name)
		} else {
			g.ArgumentNames[slices.Index(g.ArgumentNames, argumentName(f, i+1))] = ""
		}
		body = "DECLARE " + name + " refcursor; BEGIN " + body + "; END"
	}
	g.Source = body
	return definitionOf(&g)
}

// withoutRowTypes writes record for table%ROWTYPE, whose fields the parser then takes as they come.
func withoutRowTypes(f *catalog.Function) string {
	text := definitionOf(f)
	var b strings.Builder
	for {
		at := strings.Index(strings.ToLower(text), "%rowtype")
		if at < 0 {
			b.WriteString(text)
			return b.String()
		}
		start, quoted := at, false
		for start > 0 && (quoted || !strings.ContainsRune(" \t\r\n;", rune(text[start-1]))) {
			start--
			quoted = quoted != (text[start] == '"')
		}
		b.WriteString(text[:start])
		b.WriteString("record")
		text = text[at+len("%rowtype"):]
	}
}

// definitionOf is the statement that makes a function, as the parser of PL/pgSQL wants it.
func definitionOf(f *catalog.Function) string {
	if f.Definition != "" {
		return f.Definition
	}
	var args []string
	for i, typ := range f.Arguments {
		args = append(args, catalog.QuoteIdent(argumentName(f, i+1))+" "+typ)
		if argumentName(f, i+1) == "" {
			args[i] = typ
		}
	}
	tag := "$body$"
	for strings.Contains(f.Source, tag) {
		tag = "$" + tag[1:len(tag)-1] + "y$"
	}
	set := ""
	if f.ReturnsSet {
		set = "SETOF "
	}
	return fmt.Sprintf("CREATE FUNCTION f(%s) RETURNS %s%s LANGUAGE plpgsql AS %s%s%s", strings.Join(args, ", "), set, f.Result, tag, f.Source, tag)
}

// A plReader reads one PL/pgSQL body.
type plReader struct {
	a      *analyzer
	body   *Body
	action plNode   // what the body does
	names  []string // of each datum
	types  []uint32
	inits  []string // DECLARE v := text
	args   []bool
	given  map[string][]Expr // what each variable was given
	twice  bool              // two variables share a name: what a name means depends on the block

	fixed   map[string]Expr            // variables that are given one value once and for all
	changed map[string]bool            // the roots of what the body assigns, in lower case
	when    Expr                       // what is known to hold where the reader is; nil: nothing
	lost    bool                       // a guard before it is not in when
	found   *Query                     // the query that FOUND is of there; nil: not known
	asked   map[*catalog.Relation]bool // the tables that conditions look at
	sifted  map[*Query]Expr            // under which conditions on its row the body of a loop does anything

	dynamics []Expr // of the body's Dynamic, as expressions
	telling  *telling
}

// settle says before the body is read what it changes, and which variables are given one value once and for all: where they are declared,
// or by the assignments that the body begins with.
func (p *plReader) settle(action plNode) {
	p.action = action
	p.body.Under, p.body.Beside, p.body.Unsifted = map[*Query]Expr{}, map[*Query]bool{}, map[*Query][]Expr{}
	p.sifted, p.asked = map[*Query]Expr{}, map[*catalog.Relation]bool{}
	p.changed, p.fixed = map[string]bool{}, map[string]Expr{}
	times := map[int]int{}
	for _, at := range p.assigned(action) {
		times[at]++
		if at < len(p.names) {
			name, _, _ := strings.Cut(cmp.Or(p.telling.name[at], p.names[at]), ".")
			p.changed[strings.ToLower(name)] = true
		}
	}
	first := slices.Clone(p.inits)
	for _, n := range action.list("body") {
		if n.kind != "stmt_assign" {
			break
		}
		at := n.number("varno")
		if target, text := assignment(n.query("expr")); at < len(first) && times[at] == 1 && first[at] == "" && !strings.ContainsAny(target, ".[") {
			first[at], times[at] = text, 0
		}
	}
	for i, text := range first {
		if text == "" || times[i] > 0 || p.args[i] || p.twice || p.types[i] == 0 {
			continue
		}
		if e := p.expression(text); stable(e) && len(variablesIn(e)) == 0 {
			p.fixed[p.names[i]] = p.a.r.asType(e, p.types[i])
			if _, none := p.fixed[p.names[i]].(*Unknown); none && e.Type() == textOID { // PL/pgSQL reads a text as any type
				p.fixed[p.names[i]] = &Cast{Kind: "io", Arg: e, TypeOID: p.types[i], TypeMod: -1}
			}
		}
	}
}

// fix puts into the body's statements the values of variables that are given one once and for all: a part of the session that the
// function takes up, such as the tenant of its caller. A body that sets settings itself may have read them before, and what stood in its
// conditions need not hold any more; nor need it where the body writes a table that they look at.
func (p *plReader) fix() {
	if len(p.body.Dynamic) > 0 || slices.ContainsFunc(p.body.Statements, changesSettings) || slices.ContainsFunc(p.body.Statements, p.writesAsked) {
		p.body.Under, p.body.Unfollowed = nil, p.body.Guards
		for q, e := range p.sifted {
			p.body.Unsifted[q] = []Expr{e}
		}
		return
	}
	for q, e := range p.sifted {
		q.Where = both(q.Where, e)
	}
	if len(p.fixed) == 0 {
		return
	}
	for _, q := range p.body.Statements {
		*q = *RewriteQuery(q, p.withFixed)
	}
}

// withFixed replaces a variable that is given one value once and for all by it.
func (p *plReader) withFixed(e Expr, _ int) (Expr, bool) {
	v, ok := e.(*Param)
	if !ok || v.Kind != "variable" || p.fixed[v.Name] == nil {
		return nil, false
	}
	return p.fixed[v.Name], true
}

// changesSettings reports whether a query sets a setting, or calls what may.
func changesSettings(q *Query) bool {
	found := false
	WalkQuery(q, func(e Expr, _ int) bool {
		c, ok := e.(*Call)
		found = found || ok && (c.Func == nil || c.Func.Name == "set_config" || !c.Func.System && c.Func.Volatility == "volatile")
		return !found
	})
	return found || q.Command == "utility"
}

// allGiven returns what a variable, or the record that it is a field of, is given anywhere in the body.
func (p *plReader) allGiven(name string) []Expr {
	record, _, _ := strings.Cut(name, ".")
	out := append(slices.Clone(p.given[name]), p.given[record]...)
	for i, n := range p.names {
		if n == name && p.inits[i] != "" {
			out = append(out, p.expression(p.inits[i]))
		}
	}
	return out
}

// declare reads the variables. Parameters are known to the analyzer already.
func (p *plReader) declare(datums []plNode) {
	rec := p.rowVariables()
	for i, d := range datums {
		name := d.text("refname")
		typ := p.typeOf(d.sub("datatype").text("typname"))
		if d.kind == "rec" {
			typ = rec[name]
		}
		isArg := i < len(p.a.fn.ArgumentOIDs) && (d.kind == "var" || p.scalar(p.a.fn.ArgumentOIDs[i])) && p.a.findVariable([]string{name}) != nil
		p.names, p.types, p.args = append(p.names, name), append(p.types, typ), append(p.args, isArg)
		p.inits = append(p.inits, d.query("default_val"))
		p.telling.field(p, i, d)
		if d.kind != "var" && d.kind != "rec" || isArg {
			continue
		}
		if slices.Index(p.names, name) < i && name != "sqlstate" && name != "sqlerrm" {
			p.twice = true
		}
		p.a.vars = append(p.a.vars, variable{name: name, value: &Param{Kind: "variable", ID: i, Name: name, TypeOID: typ}})
	}
	if p.a.fn.ResultOID == triggerOID {
		p.declareTrigger()
	}
}

// scalar reports whether a type that the parser takes for a row's, as it has no catalogue, is an enum or a domain.
func (p *plReader) scalar(oid uint32) bool {
	t := p.a.t.typeOf(oid)
	return t != nil && (t.Kind == "enum" || t.Kind == "domain")
}

// triggerVariables are what every trigger's function finds declared, with their types (name, text, oid, text[]); the parser does not
// list them.
var triggerVariables = []struct {
	name string
	typ  uint32
}{
	{"tg_name", 19}, {"tg_when", textOID}, {"tg_level", textOID}, {"tg_op", textOID}, {"tg_relid", 26}, {"tg_relname", 19},
	{"tg_table_name", 19}, {"tg_table_schema", 19}, {"tg_nargs", int4OID}, {"tg_argv", 1009},
}

func (p *plReader) declareTrigger() {
	for _, v := range triggerVariables {
		if p.a.findVariable([]string{v.name}) == nil {
			p.a.vars = append(p.a.vars, variable{name: v.name, value: &Param{Kind: "variable", ID: -1, Name: v.name, TypeOID: v.typ}})
		}
	}
}

// rowVariables gives NEW and OLD of a trigger function the row type of the one table it stands on.
func (p *plReader) rowVariables() map[string]uint32 {
	var rel *catalog.Relation
	for i := range p.a.r.snap.Relations {
		t := &p.a.r.snap.Relations[i]
		for _, trg := range t.Triggers {
			if trg.Function == p.a.fn.Identity() {
				if rel != nil && rel != t {
					return nil
				}
				rel = t
			}
		}
	}
	typ := p.a.rowOID(rel)
	return map[string]uint32{"new": typ, "old": typ}
}

// typeOf resolves a declared type; 0 where it is not known.
func (p *plReader) typeOf(text string) uint32 {
	text = strings.TrimSpace(text)
	lower := strings.ToLower(text)
	switch {
	case text == "" || lower == "record":
		return 0
	case strings.HasSuffix(lower, "%rowtype"):
		names := splitIdents(strings.ReplaceAll(strings.TrimSpace(text[:len(text)-len("%rowtype")]), ".", ","))
		if len(names) == 0 {
			return 0
		}
		rel, _ := p.a.relation(strings.Join(names[:len(names)-1], "."), names[len(names)-1])
		return p.a.rowOID(rel)
	case strings.HasSuffix(lower, "%type"):
		names := splitIdents(strings.ReplaceAll(strings.TrimSpace(text[:len(text)-len("%type")]), ".", ","))
		return p.columnType(names)
	}
	for _, t := range p.a.t.system.types { // pg_catalog."boolean" is the parser's own spelling
		if `pg_catalog."`+t.Format+`"` == text {
			return t.OID
		}
	}
	stmts, err := parseSQL("SELECT NULL::" + text)
	if err != nil || len(stmts) != 1 {
		return 0
	}
	targets := stmts[0].Stmt.GetSelectStmt().GetTargetList()
	if len(targets) != 1 {
		return 0
	}
	return p.a.typeName(targets[0].GetResTarget().GetVal().GetTypeCast().GetTypeName())
}

func (p *plReader) columnType(names []string) uint32 {
	if len(names) < 2 {
		if len(names) == 1 {
			if v := p.a.findVariable(names); v != nil {
				return v.Type()
			}
		}
		return 0
	}
	schema := ""
	if len(names) > 2 {
		schema = names[len(names)-3]
	}
	rel, _ := p.a.relation(schema, names[len(names)-2])
	if rel == nil {
		return 0
	}
	if c := rel.ColumnByName(names[len(names)-1]); c != nil {
		return c.TypeOID
	}
	return 0
}

// statement resolves the text of a statement; nil, and a reason, where it does not parse.
func (p *plReader) statement(text string) *Query {
	stmts, err := parseSQL(text)
	if err != nil || len(stmts) != 1 {
		p.a.notes.add(&p.a.notes.opaque, "a statement that does not parse")
		return nil
	}
	return p.a.statement(stmts[0].Stmt)
}

// expression resolves the text of an expression.
func (p *plReader) expression(text string) Expr {
	stmts, err := parseSQL("SELECT " + text)
	if err != nil || len(stmts) != 1 {
		return p.a.unknown("EXPRESSION", "an expression that does not parse")
	}
	s := stmts[0].Stmt.GetSelectStmt()
	if len(s.GetTargetList()) != 1 || len(s.GetFromClause()) > 0 || s.GetWhereClause() != nil {
		q := p.a.statement(stmts[0].Stmt) // RETURN count(*) FROM t
		if q == nil || len(q.Targets) != 1 {
			return p.a.unknown("EXPRESSION", "an expression of several columns")
		}
		return &SubLink{Kind: "scalar", Query: q, TypeOID: q.Targets[0].Expr.Type()}
	}
	b := p.a.in(&Query{Command: "select"})
	e := b.expr(s.TargetList[0].GetResTarget().GetVal())
	if b.space.query.Group {
		return p.a.unknown("EXPRESSION", "an aggregate without a query", e)
	}
	return shift(e, -1)
}
