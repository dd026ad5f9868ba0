package reach

import (
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
)

// statements returns what is known of what a function runs, and why that is not the whole of it; "" where it is.
func (w *walker) statements(f *catalog.Function, st stage) (*expr.Body, string) {
	b, err := w.m.Reader.Body(f)
	if err != nil {
		return &expr.Body{Function: f}, "its body could not be read"
	}
	return b, w.incomplete(f, b, st)
}

// incomplete says why a body's statements are not the whole of what it runs, or "".
func (w *walker) incomplete(f *catalog.Function, b *expr.Body, st stage) string {
	switch {
	case len(b.Dynamic) > 0:
		return "it builds statements while it runs"
	case len(b.Opaque) > 0:
		return "not understood: " + b.Opaque[0]
	case b.SearchPathMutable && !st.pinned && w.makesObjects(st.way.Role):
		return "its search_path is the caller's, who can make objects for it to find"
	case f.SecurityDefiner:
		if c, ok := b.Captured(w.makesIn(st.way.Role), nil); ok && !c.Chosen {
			return "its search_path leads through schema " + c.Schema + ", where the caller can make a " + c.Name.Kind + " " + c.Name.Name + " for it to find"
		}
	}
	return ""
}

// makesIn lists the schemas in which a role may make objects.
func (w *walker) makesIn(role string) []string {
	var out []string
	for i := range w.m.Snapshot.Schemas {
		if name := w.m.Snapshot.Schemas[i].Name; w.m.Rights.Schema(role, name, "CREATE") {
			out = append(out, name)
		}
	}
	return out
}

// makesObjects reports whether a role may make objects in some schema.
func (w *walker) makesObjects(app string) bool {
	return len(w.makesIn(app)) > 0 || w.m.Rights.Database(app, "CREATE")
}

// withRows turns a trigger function's statement into the form that a rule's has: OLD and NEW are its entries 1 and 2, and
// their fields are columns of these.
func withRows(q *expr.Query, rel *catalog.Relation) *expr.Query {
	const rows = 2
	out := expr.RewriteQuery(q, func(e expr.Expr, depth int) (expr.Expr, bool) {
		switch e := e.(type) {
		case *expr.Var:
			if e.Level != depth {
				return nil, false
			}
			c := *e
			c.RTE += rows
			return &c, true
		case *expr.Field:
			if v := rowField(e, rel, depth); v != nil {
				return v, true
			}
		}
		return nil, false
	})
	entry := expr.RangeEntry{Kind: "relation", Relation: rel, RelOID: rel.OID}
	old, made := entry, entry
	old.Alias, made.Alias = "old", "new"
	out.Range = append([]expr.RangeEntry{old, made}, out.Range...)
	for i := range out.From {
		out.From[i] = *movedFrom(&out.From[i], rows)
	}
	if out.Result > 0 {
		out.Result += rows
	}
	out.SetOp = movedSet(out.SetOp, rows)
	return out
}

// rowField is the column that new.x or old.x names, or nil.
func rowField(f *expr.Field, rel *catalog.Relation, depth int) *expr.Var {
	p, ok := f.Arg.(*expr.Param)
	if !ok {
		return nil
	}
	c := rel.ColumnByName(f.Name)
	place := map[string]int{"old": 1, "new": 2}[strings.ToLower(p.Name)]
	if c == nil || place == 0 {
		return nil
	}
	return &expr.Var{Level: depth, RTE: place, Num: c.Num, Name: c.Name, TypeOID: c.TypeOID, TypeMod: c.TypeMod}
}

func movedFrom(f *expr.FromItem, by int) *expr.FromItem {
	if f == nil {
		return nil
	}
	c := *f
	if c.RTE > 0 {
		c.RTE += by
	}
	if c.Index > 0 {
		c.Index += by
	}
	c.Left, c.Right = movedFrom(f.Left, by), movedFrom(f.Right, by)
	return &c
}

func movedSet(s *expr.SetOp, by int) *expr.SetOp {
	if s == nil {
		return nil
	}
	c := *s
	if c.RTE > 0 {
		c.RTE += by
	}
	c.Left, c.Right = movedSet(s.Left, by), movedSet(s.Right, by)
	return &c
}
