package decide

import (
	"slices"
	"strconv"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/signed"
)

// call compiles a function call: a read of the context, a cast, a function that can be run, or one to be inlined.
func (c *compiler) call(e *expr.Call, s *scope) *node {
	f := e.Func
	if f == nil {
		return c.free(e, s, describe(e))
	}
	if f.Schema != "pg_catalog" {
		return c.userCall(e, s)
	}
	switch {
	case e == c.set:
		return c.setElem
	case f.Name == "current_setting":
		return c.settingRead(e, s)
	case clocks[f.Name]:
		return c.clock(e, s)
	case f.Name == "current_query":
		return c.chosenText("$current_query")
	case f.Name == "pg_has_role":
		if n := c.holdsRole(e, s); n != nil {
			return n
		}
	case isTypeName(f.Name) && len(e.Args) >= 1 && len(e.Args) <= 3:
		return c.castCall(e, s)
	}
	args := c.all(e.Args, s)
	if n := c.jsonOperator(f.Name, e, args, s); n != nil {
		return n
	}
	if fn := functionNamed(f.Name, len(args)); fn != nil && !e.Variadic {
		return c.run(fn, e, args, s)
	}
	if fn := jsonFunction(f.Name, args); fn != nil {
		return c.run(fn, e, args, s)
	}
	return c.free(e, s, describe(e))
}

// settingRead is current_setting(name [, missing_ok]) with a constant name.
func (c *compiler) settingRead(e *expr.Call, s *scope) *node {
	name := c.compile(e.Args[0], s)
	if name.op != opConst || name.val.null {
		return c.free(e, s, "current_setting of a name that is not constant")
	}
	if settingName(name.val.s) == "is_superuser" { // no policy binds a superuser, and nobody else can set it
		off := constant(text("off"))
		off.t = textType
		return off
	}
	missing := false
	if len(e.Args) > 1 {
		m := c.compile(e.Args[1], s)
		if m.op != opConst {
			return c.free(e, s, describe(e))
		}
		missing = m.val.isTrue()
	}
	return &node{op: opSetting, v: c.settingVariable(name.val.s), missingOK: missing, t: textType, stand: -1}
}

func (c *compiler) settingVariable(name string) int {
	name = settingName(name)
	return c.p.variable("setting/"+name, func() variable {
		return variable{class: classSetting, name: name, row: -1, t: textType}
	})
}

// session is current_user and its kin: the role is known, the rest is free.
func (c *compiler) session(e *expr.SessionValue, s *scope) *node {
	switch e.Name {
	case "current_user", "current_role", "user", "session_user":
		name, role := "current_user", c.user
		if e.Name == "session_user" {
			name, role = e.Name, c.login
		}
		i := c.p.variable("session/"+name+"/"+role, func() variable {
			return variable{class: classSession, name: name, row: -1, t: nameType, notNull: true, fixed: []value{text(role)}}
		})
		return &node{op: opVar, v: i, t: nameType, stand: -1}
	}
	if clocks[e.Name] {
		return c.clock(e, s)
	}
	return c.free(e, s, e.Name)
}

// clocks are the functions and values that tell the time.
var clocks = map[string]bool{
	"now": true, "statement_timestamp": true, "transaction_timestamp": true, "clock_timestamp": true,
	"current_timestamp": true, "localtimestamp": true, "current_date": true,
}

// clock is the present time: any, in a proof; in a refutation a moment between those that rows are tried with.
func (c *compiler) clock(e expr.Expr, s *scope) *node {
	t := c.typeOf(e.Type(), -1)
	present := momentOf(t, "2020-01-01")
	f := function{name: "now", clock: true, run: func([]value) (value, outcome) { return value{k: kindOther, s: present}, done }}
	n := &node{op: opCall, fn: &f, t: t, stand: -1}
	n.stand, _ = c.freeVariable(e, s, describe(e))
	c.p.vars[n.stand].notNull = true
	return n
}

// momentOf is a day in the form of a date or timestamp type, "" for others.
func momentOf(t sqlType, day string) string {
	switch t.oid {
	case 1082:
		return day
	case 1114:
		return day + " 00:00:00"
	case 1184:
		return day + " 00:00:00+00"
	}
	return ""
}

// argument is a parameter of the function that a way leads through, or a column, of no number, that the caller writes.
func (c *compiler) argument(e *expr.Param) *node {
	name := e.Name
	if e.ID > 0 {
		name = "$" + strconv.Itoa(e.ID)
	}
	t := c.typeOf(e.TypeOID, -1)
	i := c.p.variable("argument/"+name, func() variable { return variable{class: classArgument, name: name, row: -1, t: t} })
	return &node{op: opVar, v: i, t: t, stand: -1}
}

// chosenText is a text of the session's own choosing that is no setting: what it sends.
func (c *compiler) chosenText(name string) *node {
	i := c.p.variable("argument/"+name, func() variable {
		return variable{class: classArgument, name: name, row: -1, t: textType, notNull: true}
	})
	return &node{op: opVar, v: i, t: textType, stand: -1}
}

// isTypeName reports whether a function of pg_catalog with that name converts to the type of that name.
func isTypeName(name string) bool {
	switch name {
	case "text", "varchar", "bpchar", "name", "int2", "int4", "int8", "numeric", "bool", "oid":
		return true
	}
	return false
}

// castCall is a conversion that the server does by a function: int4(numeric), varchar(x, length, explicit), …
func (c *compiler) castCall(e *expr.Call, s *scope) *node {
	arg := c.compile(e.Args[0], s)
	mod, explicit := int32(-1), e.Form != "implicit"
	if len(e.Args) > 1 {
		m := c.compile(e.Args[1], s)
		if m.op != opConst || m.val.null || e.Func.Name == "numeric" {
			return c.free(e, s, describe(e))
		}
		mod = int32(atoi(m.val.s))
	}
	if len(e.Args) > 2 {
		x := c.compile(e.Args[2], s)
		explicit = x.op == opConst && x.val.isTrue()
	}
	return c.convertNode(arg, c.typeOf(e.TypeOID, mod), explicit, e, s)
}

func atoi(s string) int {
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0
		}
		n = n*10 + int(s[i]-'0')
	}
	return n
}

// convertNode converts, and marks what is no one-to-one conversion.
func (c *compiler) convertNode(arg *node, to sqlType, explicit bool, e expr.Expr, s *scope) *node {
	if arg.op == opConst && arg.val.null && !to.domain {
		return &node{op: opConst, val: null, t: to, stand: -1}
	}
	from := arg.t
	if from.kind == kindOther && from.oid != to.oid || to.kind == kindOther && from.oid != to.oid || from.oid == 700 || from.oid == 701 || from.kind == kindRow || from.kind == kindJSON && to.kind != kindJSON {
		return c.run(&unknownFunction, e, []*node{arg}, s)
	}
	n := &node{op: opConvert, args: []*node{arg}, t: to, to: to, explicit: explicit, stand: -1}
	cuts := to.length > 0 && (from.length == 0 || from.length > to.length) && from.kind != kindUUID && from.kind != kindNum
	rounds := to.bits > 0 && from.kind == kindNum && from.bits == 0
	if cuts || rounds || to.kind == kindNum && to.bits == 0 && to.oid != numericOID && from.kind == kindText {
		n.stand, _ = c.freeVariable(e, s, "a cast to "+to.format)
		free := to
		free.length, free.domain = 0, false
		c.p.vars[n.stand].t, c.p.vars[n.stand].notNull = free, !to.domain
	}
	return n
}

func (c *compiler) cast(e *expr.Cast, s *scope) *node {
	arg := c.compile(e.Arg, s)
	to := c.typeOf(e.TypeOID, e.TypeMod)
	switch e.Kind {
	case "relabel":
		if arg.t.kind == to.kind {
			if arg.op == opConst {
				return arg
			}
			return retyped(arg, to)
		}
		to.length = 0
		return c.convertNode(arg, to, true, e, s)
	case "io":
		return c.convertNode(arg, to, true, e, s)
	case "domain":
		if plain := to; to.domain {
			plain.domain = false
			if n := c.inDomain(e.TypeOID, c.convertNode(arg, plain, false, e, s)); n != nil {
				return n
			}
		}
		return c.convertNode(arg, to, false, e, s)
	case "array":
		if arg.t.kind == kindArray && to.kind == kindArray {
			return c.convertNode(arg, to, true, e, s)
		}
	}
	return c.run(&unknownFunction, e, []*node{arg}, s)
}

// retyped is the same node under another type of its family.
func retyped(n *node, t sqlType) *node {
	out := *n
	out.t = t
	return &out
}

// collationOf is the collation that an operator or function runs with; 0: none.
func collationOf(e expr.Expr) uint32 {
	switch e := e.(type) {
	case *expr.Call:
		return e.Collation
	case *expr.Operation:
		return e.Collation
	case *expr.Quantified:
		return e.Collation
	}
	return 0
}

// refusal is a strict function that raises whatever its arguments: NULL when one is NULL.
func refusal(args []*node, t sqlType) *node {
	out := operation(opCase)
	for _, a := range args {
		if a.op != opConst || a.val.null {
			out.args = append(out.args, &node{op: opIsNull, args: []*node{a}, stand: -1}, constant(null))
		}
	}
	out.args = append(out.args, &node{op: opRaise, stand: -1, t: t})
	out.t = t
	return out
}

// run makes a node of a function this evaluator can run. In a proof it may be anything, unless its arguments are constant.
func (c *compiler) run(f *function, e expr.Expr, args []*node, s *scope) *node {
	if c.folds(collationOf(e)) && (f.pattern || f.hash || f.holds && !f.bytes) {
		switch before18 := c.snap.Server.VersionNum < 180000; {
		case f.refuses && before18:
			return refusal(args, c.typeOf(e.Type(), -1))
		case f.finds && before18:
			return c.refusedSearch(args, c.typeOf(e.Type(), -1))
		}
		return c.free(e, s, describe(e)+" under a collation that is not deterministic")
	}
	if f.name == "string_to_array" && len(args) == 2 && args[1].op == opConst && !args[1].val.null {
		g := *f
		g.strict, f = true, &g
	}
	if f.name == "textcat" {
		for i, a := range args {
			if a.op == opConst && !a.val.null && a.val.s == "" && args[1-i].t.kind == kindText {
				return args[1-i] // nothing is added
			}
		}
	}
	if (f.like || f.regex) && never(f, args) {
		n := operation(opCase, &node{op: opIsNull, args: args[:1], stand: -1}, constant(null), constant(f.unlike()))
		n.t = boolType
		return n
	}
	n := &node{op: opCall, fn: f, args: args, t: c.typeOf(e.Type(), -1), stand: -1}
	if folded := fold(n); folded != n {
		return folded
	}
	if !f.exact {
		n.stand, _ = c.freeVariable(e, s, describe(e))
		c.p.vars[n.stand].notNull = f.strict && f.run != nil && f.name != "?" && !f.extract
	}
	return n
}

// userCall takes a function that could not be inlined for what it is: opaque, unless the model says that it gives the
// tenant.
func (c *compiler) userCall(e *expr.Call, s *scope) *node {
	if f := e.Func; f.Schema == signed.Schema && f.Name == signed.Function {
		return c.signedContext(e, s)
	}
	if v, ok := c.contextFunction(e); ok {
		return v
	}
	c.p.functions[e.Func] = true
	return c.free(e, s, describe(e))
}

// answersFor reports whether a function may be taken for a context: a definer's, stable, readable, without dynamic SQL, that
// looks at a setting or at a table; the tables it reads are trusted with it.
func (c *compiler) answersFor(f *catalog.Function) bool {
	if !f.SecurityDefiner || f.Volatility == "volatile" || f.ReturnsSet || c.m.Reader == nil {
		return false
	}
	b, err := c.m.Reader.Body(f)
	if err != nil || len(b.Dynamic) > 0 || len(b.Opaque) > 0 {
		return false
	}
	reads := b.Reads()
	setting := slices.ContainsFunc(b.Calls(), func(id string) bool { return strings.HasPrefix(id, "pg_catalog.current_setting(") })
	if !setting && len(reads) == 0 {
		return false
	}
	for _, id := range reads {
		if rel := c.snap.Relation(id); slices.Contains(c.d.doubted, rel) {
			return false
		} else if rel != nil {
			c.p.trusted[rel], c.p.whole[rel] = f.Owner, true
		}
	}
	return true
}

// contextFunction is a call without arguments of a function that the model lists as a context (a signed one).
func (c *compiler) contextFunction(e *expr.Call) (*node, bool) {
	if len(e.Args) != 0 {
		return nil, false
	}
	id := e.Func.Identity()
	if c.asContext && c.answersFor(e.Func) {
		t := c.typeOf(e.TypeOID, -1)
		i := c.p.variable("function/"+id, func() variable { return variable{class: classSession, name: id, row: -1, t: t} })
		c.p.functions[e.Func] = true
		c.p.notes = append(c.p.notes, id+" gives the session's tenant and no other: it was not looked into")
		return &node{op: opVar, v: i, t: t, stand: -1}, true
	}
	for _, x := range c.m.Contexts {
		if x.Name != id && x.Name != e.Func.Schema+"."+e.Func.Name || x.Kind == "setting" || x.Kind == "claim" {
			continue
		}
		t := c.typeOf(e.TypeOID, -1)
		i := c.p.variable("function/"+id, func() variable { return variable{class: classSession, name: id, row: -1, t: t} })
		c.p.functions[e.Func] = true
		return &node{op: opVar, v: i, t: t, stand: -1}, true
	}
	return nil, false
}
