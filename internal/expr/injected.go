package expr

import (
	"slices"
	"strings"
)

// A textRunner is a function of PostgreSQL's or of its own extensions that runs, in the name of whoever calls it, a text that it is given,
// or reads the relation that it is given the name of.
type textRunner struct {
	name      string // or how it begins
	extension string // "": PostgreSQL's own
	argument  int    // which one; -1: all that there is
	statement bool   // the text is a whole statement
}

var textRunners = []textRunner{
	{"query_to_xml", "", 0, true}, {"ts_stat", "", 0, true}, {"ts_rewrite", "", 1, true},
	{"table_to_xml", "", 0, false}, {"schema_to_xml", "", 0, false}, {"database_to_xml", "", -1, false},
	{"crosstab", "tablefunc", 0, true}, {"connectby", "tablefunc", 0, false}, {"xpath_table", "xml2", 2, false},
}

// runsText returns what a call of a text runner runs: nil where it is none.
func runsText(c *Call) *textRunner {
	if c.Func == nil || !c.Func.System && c.Func.Extension == "" {
		return nil
	}
	for i := range textRunners {
		t := &textRunners[i]
		if strings.HasPrefix(c.Func.Name, t.name) && c.Func.Extension == t.extension && len(c.Args) > t.argument {
			return t
		}
	}
	return nil
}

// noteRunners reads the texts that a body's statements hand to text runners: a constant is one more statement, what else it is, is not
// known before it runs.
func (r *Reader) noteRunners(b *Body, a *analyzer, given func(name string) []Expr) {
	for _, s := range slices.Clone(b.Statements) {
		WalkQuery(s, func(e Expr, _ int) bool {
			c, ok := e.(*Call)
			t := (*textRunner)(nil)
			if ok {
				t = runsText(c)
			}
			if t == nil {
				return true
			}
			if t.argument >= 0 && t.statement {
				if k, ok := c.Args[t.argument].(*Const); ok && k.Known && a != nil {
					if stmts, err := parseSQL(k.Text); err == nil && len(stmts) == 1 {
						b.Statements = append(b.Statements, a.statement(stmts[0].Stmt))
						return true
					}
				}
			}
			text := c.Func.Name + "(…)"
			b.Dynamic = append(b.Dynamic, text)
			in := injection{r: r, given: given, seen: map[string]bool{}}
			if t.argument >= 0 && (in.reaches(c.Args[t.argument]) || !t.statement && caller(c.Args[t.argument])) {
				b.Injected = append(b.Injected, text)
			}
			return true
		})
	}
}

// caller reports whether a value is the function's parameter.
func caller(e Expr) bool {
	found := false
	Walk(e, func(e Expr) bool {
		p, ok := e.(*Param)
		found = found || ok && p.Kind == "extern"
		return !found
	})
	return found
}

// An injection asks whether text that somebody else chose gets unquoted into a text that is run.
type injection struct {
	r     *Reader
	given func(name string) []Expr // what a variable was given
	seen  map[string]bool
}

// reaches reports whether a value may hold text that is neither written in the function nor quoted there.
func (in *injection) reaches(e Expr) bool {
	if e == nil || in.r.harmless(e.Type()) {
		return false
	}
	switch e := e.(type) {
	case *Const:
		return false
	case *Param:
		return e.Kind != "variable" || in.variable(e)
	case *Var, *SessionValue, *Unknown:
		return true
	case *Cast:
		return in.reaches(e.Arg)
	case *Call:
		return in.call(e)
	case *SubLink:
		return in.query(e.Query)
	}
	return slices.ContainsFunc(e.Children(), in.reaches)
}

// variable looks at all that a variable was given; of one that nothing is known of, such as a loop's, nothing is.
func (in *injection) variable(p *Param) bool {
	if in.seen[p.Name] {
		return false
	}
	in.seen[p.Name] = true
	all := in.given(p.Name)
	return len(all) == 0 || slices.ContainsFunc(all, in.reaches)
}

func (in *injection) query(q *Query) bool {
	return q == nil || q.SetOp != nil || slices.ContainsFunc(q.Targets, func(t Target) bool { return !t.Junk && in.reaches(t.Expr) })
}

// call knows the functions that quote; of any other, what it is given comes out.
func (in *injection) call(c *Call) bool {
	if c.Func == nil || !c.Func.System {
		return true
	}
	switch c.Func.Name {
	case "quote_ident", "quote_literal", "quote_nullable":
		return false
	case "current_setting":
		return true
	case "format":
		return in.format(c)
	}
	return slices.ContainsFunc(c.Args, in.reaches)
}

// format looks at what %s puts in: %I and %L quote.
func (in *injection) format(c *Call) bool {
	pattern := formatOf(c)
	if pattern == nil {
		return slices.ContainsFunc(c.Args, in.reaches)
	}
	verbs, _ := verbsOf(pattern.Text)
	return slices.ContainsFunc(verbs, func(v verb) bool {
		arg := v.of(c)
		return v.kind == 's' && (arg == nil || in.reaches(arg))
	})
}

// formatOf is the pattern of a call of format(); nil where it is none, or not known before it runs.
func formatOf(c *Call) *Const {
	if c.Func == nil || !c.Func.System || c.Func.Name != "format" || len(c.Args) == 0 || c.Variadic {
		return nil
	}
	if pattern, ok := c.Args[0].(*Const); ok && pattern.Known {
		return pattern
	}
	return nil
}

// A verb is a place of a pattern of format() in which it puts one of its arguments.
type verb struct {
	before string // the text between it and the verb before
	kind   byte   // s, I or L
	at     int    // which argument
}

// of is what a call puts in; nil where it has no such argument.
func (v verb) of(c *Call) Expr {
	if v.at < 1 || v.at >= len(c.Args) {
		return nil
	}
	return c.Args[v.at]
}

// verbsOf splits a pattern of format(); rest is the text behind the last verb.
func verbsOf(pattern string) (out []verb, rest string) {
	next, before := 1, ""
	for text := pattern; ; {
		plain, after, found := strings.Cut(text, "%")
		end := strings.IndexAny(after, "sIL%")
		if !found || end < 0 {
			return out, before + text
		}
		before, text = before+plain, after[end+1:]
		if after[end] == '%' {
			before += "%"
			continue
		}
		at, position := next, after[:end]
		if n, _, numbered := strings.Cut(position, "$"); numbered {
			at = num(n)
		} else if strings.Contains(position, "*") {
			at++
		}
		next = at + 1
		out, before = append(out, verb{before, after[end], at}), ""
	}
}

// harmless reports whether no value of a type, written out, can be more than one word of a statement: numbers, times, uuid, booleans,
// enums, and the names that reg… types quote themselves.
func (r *Reader) harmless(oid uint32) bool {
	t := r.names.typeOf(r.BaseType(oid))
	if t == nil {
		return false
	}
	if t.Element != 0 && t.Category == "A" {
		return r.harmless(t.Element)
	}
	return t.Kind == "enum" || t.Category == "N" || t.Category == "B" || t.Category == "D" || t.Category == "T" || t.Schema == "pg_catalog" && t.Name == "uuid"
}
