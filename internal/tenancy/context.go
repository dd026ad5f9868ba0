package tenancy

import (
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/signed"
)

// A read is one way in which an expression learns something of the session.
type read struct {
	kind string // setting, claim, role, session
	name string
	path []string
	// table is set where a function or sub-query looks the value up: the relation it looks in.
	table string
	// signed is set where Ringfence's verifier reads it: what comes of it nobody can make up.
	signed bool
}

// key tells reads apart.
func (c read) key() string { return c.kind + "\x00" + c.name + "\x00" + strings.Join(c.path, "\x00") }

// principal reports whether what is read names a person.
func (c read) principal() bool {
	if c.kind == "role" {
		return false // who connects may be a tenant: what it is compared with says
	}
	return !c.saysTenant() && personal(c.last())
}

// saysTenant reports whether what is read is called as a tenant is, whatever the column is called that it is held against.
func (c read) saysTenant() bool { return tenantWeight(c.last()) > 40 }

// last is the name of what is read: a setting's, or a claim's.
func (c read) last() string {
	if len(c.path) > 0 {
		return c.path[len(c.path)-1]
	}
	return c.name
}

// maxBodies bounds how many function bodies are followed one inside another.
const maxBodies = 4

// reads returns what e reads of the session, calls of user-defined functions followed into their bodies.
func (f *finder) reads(e expr.Expr) []read {
	var out []read
	f.collect(e, 0, func(c read) {
		if !slices.ContainsFunc(out, func(o read) bool { return o.key() == c.key() }) {
			out = append(out, c)
		}
	})
	return out
}

func (f *finder) collect(e expr.Expr, depth int, found func(read)) {
	expr.WalkDeep(e, func(n expr.Expr, _ int) bool {
		switch n := n.(type) {
		case *expr.SessionValue:
			if n.Name == "current_user" || n.Name == "session_user" || n.Name == "current_role" || n.Name == "user" {
				found(read{kind: "role", name: n.Name})
			}
		case *expr.Operation:
			if all := f.claims(n, depth); all != nil {
				each(all, found)
				return false
			}
		case *expr.Call:
			return f.call(n, depth, found)
		}
		return true
	})
}

func each(all []read, found func(read)) {
	for _, c := range all {
		found(c)
	}
}

// call looks at a function call, and reports whether its arguments are still to be looked at.
func (f *finder) call(n *expr.Call, depth int, found func(read)) bool {
	if n.Func == nil {
		return true
	}
	if builtin(n.Func) {
		switch n.Func.Name {
		case "current_setting":
			if name, ok := settingName(n); ok {
				found(read{kind: "setting", name: name})
				return false
			}
		case "jsonb_extract_path_text", "json_extract_path_text", "jsonb_extract_path", "json_extract_path":
			if all := f.claimsOf(n, depth); all != nil {
				each(all, found)
				return false
			}
		case "pg_backend_pid", "inet_client_addr", "inet_client_port", "pg_current_xact_id", "pg_current_xact_id_if_assigned", "txid_current", "txid_current_if_assigned":
			found(read{kind: "session", name: n.Func.Name})
		}
		return true
	}
	if signed.IsOwn(n.Func.Schema, n.Func.Name, n.Func.Owner, n.Func.Source) {
		found(read{kind: "setting", name: SignedContext, signed: true})
		return false
	}
	if depth < maxBodies {
		f.body(n.Func, depth+1, found)
	}
	return true
}

// body looks into a function's statements. What a look-up in a table yields carries the table's name.
func (f *finder) body(fn *catalog.Function, depth int, found func(read)) {
	f.helpers[fn] = true
	b := f.bodyOf(fn)
	if b == nil {
		return
	}
	for _, q := range b {
		table := lookedUp(q)
		f.query(q, depth, func(c read) {
			if c.table == "" {
				c.table = table
			}
			found(c)
		})
	}
}

func (f *finder) query(q *expr.Query, depth int, found func(read)) {
	expr.WalkQuery(q, func(e expr.Expr, _ int) bool {
		f.collect(e, depth, found)
		return false
	})
}

// lookedUp returns the identity of the one table that a query reads, or "". SELECT EXISTS (SELECT …) reads what its sub-query does.
func lookedUp(q *expr.Query) string {
	if q.Command != "select" {
		return ""
	}
	table := ""
	expr.Queries(q, func(inner *expr.Query) {
		if table != "" || inner != q && len(q.Range) > 0 {
			return
		}
		for i := range inner.Range {
			if r := inner.Range[i].Relation; r != nil && !r.System {
				table = r.Identity()
				return
			}
		}
	})
	return table
}

// builtin reports whether a function is one of pg_catalog's.
func builtin(f *catalog.Function) bool { return f.Schema == "pg_catalog" }

// settingName returns the setting that a call of current_setting reads, where the name is a constant.
func settingName(c *expr.Call) (string, bool) {
	if len(c.Args) == 0 {
		return "", false
	}
	return constant(c.Args[0])
}

// constant returns the text of a constant, casts looked through.
func constant(e expr.Expr) (string, bool) {
	switch e := bare(e).(type) {
	case *expr.Const:
		return e.Text, e.Known && !e.Null
	default:
		return "", false
	}
}

// bare takes conversions that keep the value, and single-argument functions of casts, off an expression.
func bare(e expr.Expr) expr.Expr {
	for {
		switch n := e.(type) {
		case *expr.Cast:
			e = n.Arg
		case *expr.Collate:
			e = n.Arg
		case *expr.Call:
			if n.Form == "call" || n.Form == "" || len(n.Args) == 0 {
				return e
			}
			e = n.Args[0]
		default:
			return e
		}
	}
}

// claims reads setting::json -> 'a' ->> 'b', and #>> '{a,b}': a read for each setting that may carry the document.
func (f *finder) claims(o *expr.Operation, depth int) []read {
	if o.Op == nil || o.Op.Schema != "pg_catalog" || len(o.Args) != 2 {
		return nil
	}
	text, ok := constant(o.Args[1])
	if !ok {
		return nil
	}
	switch o.Op.Name {
	case "->", "->>":
		return below(f.documents(o.Args[0], depth), text)
	case "#>", "#>>":
		return below(f.documents(o.Args[0], depth), strings.Split(strings.Trim(text, "{}"), ",")...)
	}
	return nil
}

// below makes claims of documents: what stands in them under the steps.
func below(documents []read, steps ...string) []read {
	for i := range documents {
		documents[i].kind, documents[i].path = "claim", slices.Concat(documents[i].path, steps)
	}
	return documents
}

// documents returns the settings, or the claims so far, that a JSON operator stands on: several where the first that is set counts.
func (f *finder) documents(e expr.Expr, depth int) []read {
	switch n := bare(e).(type) {
	case *expr.Operation:
		if n.Kind == "nullif" && len(n.Args) > 0 {
			return f.documents(n.Args[0], depth)
		}
		return f.claims(n, depth)
	case *expr.Coalesce:
		var out []read
		for _, a := range n.Args {
			out = append(out, f.documents(a, depth)...)
		}
		return out
	case *expr.SubLink:
		if n.Query != nil && len(n.Query.Targets) > 0 {
			return f.documents(n.Query.Targets[0].Expr, depth)
		}
	case *expr.Call:
		return f.documentsOf(n, depth)
	}
	return nil
}

// documentsOf is documents for a call: of current_setting, or of a function that does nothing but give the document.
func (f *finder) documentsOf(n *expr.Call, depth int) []read {
	switch {
	case n.Func == nil || depth >= maxBodies:
		return nil
	case !builtin(n.Func):
		body := f.bodyOf(n.Func)
		if len(body) != 1 || len(body[0].Range) > 0 || len(body[0].Targets) != 1 {
			return nil
		}
		f.helpers[n.Func] = true
		return f.documents(body[0].Targets[0].Expr, depth+1)
	case n.Func.Name == "current_setting":
		if name, ok := settingName(n); ok {
			return []read{{kind: "setting", name: name}}
		}
	}
	return nil
}

// claimsOf is claims for the functions that do what the operators do.
func (f *finder) claimsOf(c *expr.Call, depth int) []read {
	if len(c.Args) < 2 {
		return nil
	}
	var steps []string
	for _, a := range c.Args[1:] {
		if arr, ok := a.(*expr.Array); ok {
			for _, el := range arr.Elements {
				if s, ok := constant(el); ok {
					steps = append(steps, s)
				}
			}
		} else if s, ok := constant(a); ok {
			steps = append(steps, strings.Split(strings.Trim(s, "{}"), ",")...)
		}
	}
	return below(f.documents(c.Args[0], depth), steps...)
}
