package expr

import (
	"strings"
)

// A Context is a read of what the database knows of who asks: a setting, a claim in one, or the user.
type Context struct {
	Kind string // setting, claim, user
	Name string // the setting, in lower case as PostgreSQL compares it; current_user or session_user
	// Path leads to a claim inside the setting's JSON document; empty for the others.
	Path []string
	// MissingOK is true where a setting that was never set gives NULL, false where it raises.
	MissingOK bool
	// JSON is true where the value itself is JSON (-> or #>, or no path at all after a cast), not its text.
	JSON bool
}

// Key names the context without how it is read: setting app.tenant, claim request.jwt.claims/tenant_id, user current_user.
func (c Context) Key() string {
	key := c.Kind + " " + c.Name
	for _, p := range c.Path {
		key += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(p)
	}
	return key
}

// ContextOf recognises an expression that is a read of the context and nothing else: current_setting with a constant name,
// a JSON claim over one, current_user and session_user, also alone in a scalar sub-query. Only PostgreSQL's own functions
// and operators count. Inside a JSON path, casts to JSON and NULLIF with the empty string are looked through, for they change nothing that
// the path can see; outside they are left to the caller. Helpers are recognised after Inline.
func ContextOf(e Expr) (Context, bool) {
	switch e := Unwrap(e).(type) {
	case *SessionValue:
		return userContext(e.Name)
	case *Call:
		return callContext(e)
	case *Operation:
		return operatorContext(e)
	case *Cast:
		if isJSON(e.TypeOID) || e.Kind == "relabel" {
			c, ok := ContextOf(e.Arg)
			c.JSON = c.JSON || isJSON(e.TypeOID)
			return c, ok && (e.Kind == "relabel" || c.Kind != "user" && e.Kind == "io")
		}
	}
	return Context{}, false
}

// Unwrap takes off scalar sub-queries that only wrap a value: (SELECT value), the form that makes PostgreSQL compute it once.
func Unwrap(e Expr) Expr {
	for {
		s, ok := e.(*SubLink)
		if !ok || s.Kind != "scalar" || s.RunAs != "" && readsTables(s.Query) {
			return e
		}
		v := plainValue(s.Query)
		if v == nil {
			return e
		}
		e = shift(v, -1)
	}
}

// readsTables reports whether anything inside a query reads a relation, whose rows depend on who asks.
func readsTables(q *Query) bool {
	found := false
	Queries(q, func(q *Query) {
		for i := range q.Range {
			found = found || q.Range[i].Kind == "relation"
		}
	})
	return found
}

// plainValue returns the one column of a query that has nothing else, or nil.
func plainValue(q *Query) Expr {
	if q == nil || q.Command != "select" || len(q.From) > 0 || q.Where != nil || q.Group || q.Having != nil || q.Limit ||
		q.SetOp != nil || len(q.CTEs) > 0 || len(q.Unknown) > 0 || len(q.Range) > 1 || len(q.Targets) != 1 || q.RunAs != "" {
		return nil
	}
	if len(q.Range) == 1 && q.Range[0].Kind != "result" {
		return nil
	}
	if returnsSet(q.Targets[0].Expr) {
		return nil
	}
	return q.Targets[0].Expr
}

// returnsSet reports whether a call in e gives many rows.
func returnsSet(e Expr) bool {
	set := false
	Walk(e, func(e Expr) bool {
		if c, ok := e.(*Call); ok && c.Set {
			set = true
		}
		return !set
	})
	return set
}

// OIDs of PostgreSQL's own types that hold JSON.
const (
	jsonOID  = 114
	jsonbOID = 3802
)

func isJSON(typ uint32) bool { return typ == jsonOID || typ == jsonbOID }

func userContext(name string) (Context, bool) {
	switch name {
	case "current_user", "current_role":
		return Context{Kind: "user", Name: "current_user"}, true
	case "session_user":
		return Context{Kind: "user", Name: "session_user"}, true
	}
	return Context{}, false
}

// callContext recognises the functions of pg_catalog that read the context.
func callContext(c *Call) (Context, bool) {
	if c.Func == nil || c.Func.Schema != "pg_catalog" {
		return Context{}, false
	}
	switch c.Func.Name {
	case "current_setting":
		return settingContext(c.Args)
	case "current_user", "session_user":
		return userContext(c.Func.Name)
	case "getpgusername":
		return userContext("current_user")
	case "json_extract_path_text", "jsonb_extract_path_text":
		return pathContext(c.Args, !c.Variadic, false)
	case "json_extract_path", "jsonb_extract_path":
		return pathContext(c.Args, !c.Variadic, true)
	}
	return Context{}, false
}

func settingContext(args []Expr) (Context, bool) {
	if len(args) == 0 {
		return Context{}, false
	}
	name, ok := textConst(args[0])
	if !ok {
		return Context{}, false
	}
	c := Context{Kind: "setting", Name: strings.ToLower(name)}
	if len(args) == 2 {
		missing, ok := args[1].(*Const)
		if !ok || !missing.Known || missing.Null {
			return Context{}, false
		}
		c.MissingOK = missing.Text == "true"
	}
	return c, true
}

// textConst returns a known constant's text, through relabels.
func textConst(e Expr) (string, bool) {
	if c, ok := e.(*Cast); ok && c.Kind == "relabel" {
		return textConst(c.Arg)
	}
	c, ok := e.(*Const)
	if !ok || !c.Known || c.Null {
		return "", false
	}
	return c.Text, true
}

// operatorContext recognises the path operators of JSON over a setting.
func operatorContext(o *Operation) (Context, bool) {
	if o.Op == nil || o.Op.Schema != "pg_catalog" || o.Kind != "plain" || len(o.Args) != 2 || !isJSON(o.Args[0].Type()) {
		return Context{}, false
	}
	switch o.Op.Name {
	case "->>", "->":
		step, ok := textConst(o.Args[1])
		if !ok {
			return Context{}, false
		}
		return claim(o.Args[0], []string{step}, o.Op.Name == "->")
	case "#>>", "#>":
		return pathContext(o.Args, false, o.Op.Name == "#>")
	}
	return Context{}, false
}

// pathContext reads a document followed by its path: one array, or each step on its own.
func pathContext(args []Expr, each bool, json bool) (Context, bool) {
	if len(args) < 2 {
		return Context{}, false
	}
	var path []string
	for _, a := range args[1:] {
		steps := []Expr{a}
		if !each || isArray(a) {
			list, ok := elementsOf(a)
			if !ok {
				return Context{}, false
			}
			steps = list
		}
		for _, s := range steps {
			text, ok := textConst(s)
			if !ok {
				return Context{}, false
			}
			path = append(path, text)
		}
	}
	return claim(args[0], path, json)
}

func isArray(e Expr) bool {
	_, ok := elementsOf(e)
	return ok
}

// elementsOf returns the elements of an ARRAY[…] or of a known array constant.
func elementsOf(e Expr) ([]Expr, bool) {
	switch e := e.(type) {
	case *Array:
		return e.Elements, true
	case *Const:
		if e.Elements == nil {
			return nil, false
		}
		out := make([]Expr, len(e.Elements))
		for i, c := range e.Elements {
			out[i] = c
		}
		return out, true
	case *Cast:
		if e.Kind == "relabel" {
			return elementsOf(e.Arg)
		}
	}
	return nil, false
}

// claim adds steps to the path of the document that e reads.
func claim(document Expr, steps []string, json bool) (Context, bool) {
	c, ok := documentContext(document)
	if !ok || c.Kind == "user" {
		return Context{}, false
	}
	c.Kind, c.JSON = "claim", json
	c.Path = append(append([]string(nil), c.Path...), steps...)
	return c, true
}

// documentContext is ContextOf for what a path is applied to: casts to JSON and NULLIF with the empty string are looked through.
func documentContext(e Expr) (Context, bool) {
	switch e := Unwrap(e).(type) {
	case *Cast:
		if e.Kind == "io" && isJSON(e.TypeOID) || e.Kind == "relabel" {
			return documentContext(e.Arg)
		}
	case *Call: // json to jsonb and back are casts by function
		if len(e.Args) == 1 && isJSON(e.TypeOID) && (e.Form == "cast" || e.Form == "implicit") {
			return documentContext(e.Args[0])
		}
		return ContextOf(e)
	case *Operation:
		if e.Kind == "nullif" && len(e.Args) == 2 && e.Op != nil && e.Op.Schema == "pg_catalog" {
			if text, ok := textConst(e.Args[1]); ok && text == "" {
				return documentContext(e.Args[0])
			}
			return Context{}, false
		}
		return ContextOf(e)
	default:
		return ContextOf(e)
	}
	return Context{}, false
}

// Contexts returns every context that an expression reads, sub-queries included, in order and without repetition. A claim
// counts as itself, not also as the setting it stands in.
func Contexts(e Expr) []Context {
	var out []Context
	seen := map[string]bool{}
	WalkDeep(e, func(e Expr, _ int) bool {
		c, ok := ContextOf(e)
		if ok && !seen[c.Key()] {
			seen[c.Key()] = true
			out = append(out, c)
		}
		return !ok
	})
	return out
}
