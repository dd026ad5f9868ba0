package expr

import (
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// recordOf turns FROM jsonb_to_record(doc) AS c(name type, …), and jsonb_populate_record(NULL::type, doc), into the one row that it is: the
// document's members by name, each read as its column's type. Columns whose type takes a member apart stay unknown. names and types are
// the column definitions, empty where the row type says it.
func (r *Reader) recordOf(e *RangeEntry, types []uint32) {
	if e.Kind != "function" || len(e.Funcs) != 1 {
		return
	}
	c, ok := e.Funcs[0].(*Call)
	if !ok || c.Func == nil || c.Func.Schema != "pg_catalog" || len(c.Args) == 0 {
		return
	}
	doc, names := c.Args[0], e.Columns
	switch c.Func.Name {
	case "jsonb_to_record", "json_to_record":
		if len(types) != len(names) {
			return
		}
	case "jsonb_populate_record", "json_populate_record":
		rel := r.rowType(c.TypeOID)
		base, isConst := c.Args[0].(*Const)
		if rel == nil || !isConst || !base.Null || len(c.Args) < 2 || len(rel.Columns) != len(names) {
			return
		}
		doc, names, types = c.Args[1], nil, nil
		for i := range rel.Columns {
			if rel.Columns[i].Num != int16(i+1) {
				return // a dropped column between
			}
			names, types = append(names, rel.Columns[i].Name), append(types, rel.Columns[i].TypeOID)
		}
	default:
		return
	}
	q := &Query{Command: "select", CanSetTag: true}
	for i, name := range names {
		q.Targets = append(q.Targets, Target{Expr: r.member(shift(doc, 1), name, types[i]), Num: int16(i + 1), Name: name})
	}
	e.Kind, e.Funcs, e.Subquery, e.record = "subquery", nil, q, true
}

// member is a document's member read as a type.
func (r *Reader) member(doc Expr, name string, typ uint32) Expr {
	key := &Const{TypeOID: textOID, Collation: defaultCollation, Known: true, Text: name}
	if isJSON(typ) {
		return r.extraction(doc, "object_field", key, typ)
	}
	if t := r.names.typeOf(r.BaseType(typ)); t == nil || t.Kind != "base" && t.Kind != "enum" || t.Category == "A" || t.Element != 0 {
		return &Unknown{Tag: "MEMBER", Key: name, Args: []Expr{doc}, TypeOID: typ, Stable: true}
	}
	text := r.extraction(doc, "object_field_text", key, textOID)
	if typ == textOID {
		return text
	}
	return &Cast{Kind: "io", Arg: text, TypeOID: typ, TypeMod: -1}
}

// extraction is doc -> key or doc ->> key, as a call of the function under the operator.
func (r *Reader) extraction(doc Expr, function string, key *Const, typ uint32) Expr {
	prefix := "json_"
	if doc.Type() == jsonbOID {
		prefix = "jsonb_"
	}
	var f *catalog.Function
	for _, known := range r.names.system.byName[prefix+function] {
		f = &known.Function
	}
	if f == nil {
		return &Unknown{Tag: "MEMBER", Key: key.Text, Args: []Expr{doc}, TypeOID: typ, Stable: true}
	}
	return &Call{OID: f.OID, Func: f, Args: []Expr{doc, key}, TypeOID: typ, Collation: defaultCollation, Form: "call"}
}

// defaultCollation is the OID of the database's own collation.
const defaultCollation = 100

// foldRecord writes a query over one record, and nothing else, without FROM.
func foldRecord(q *Query) {
	if q.Command != "select" || len(q.From) != 1 || q.From[0].RTE < 1 || q.From[0].RTE > len(q.Range) || len(q.Range) != 1 || q.SetOp != nil || len(q.CTEs) > 0 {
		return
	}
	e := q.Range[0]
	if !e.record {
		return
	}
	out := RewriteQuery(q, func(x Expr, depth int) (Expr, bool) {
		v, ok := x.(*Var)
		if !ok || v.Level != depth || v.RTE != 1 {
			return nil, false
		}
		if v.Num < 1 || int(v.Num) > len(e.Subquery.Targets) {
			return &Unknown{Tag: "MEMBER", Key: strings.TrimSpace(e.Alias), TypeOID: v.TypeOID, Stable: true}, true
		}
		return shift(shift(e.Subquery.Targets[v.Num-1].Expr, -1), depth), true
	})
	out.Range, out.From = nil, nil
	*q = *out
}
