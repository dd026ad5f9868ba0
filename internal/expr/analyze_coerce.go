package expr

import (
	"encoding/hex"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	pgquery "github.com/pganalyze/pg_query_go/v6"
)

// coerce makes e a value of a type, as coerce_type does; Unknown where the server would refuse or the way is not known.
func (a *analyzer) coerce(e Expr, target uint32, ctx castContext) Expr {
	source := e.Type()
	if is, _ := polymorphic(target); source == target || target == anyOID || target == 0 || is {
		return e
	}
	if c, ok := e.(*Const); ok && source == unknownOID {
		return a.literalAs(c, target)
	}
	if u, ok := e.(*Unknown); ok && source == 0 { // whatever it is, it is of that type now
		typed := *u
		typed.TypeOID = target
		return &typed
	}
	if target == recordOID && a.isRow(source) {
		return e
	}
	if row, ok := e.(*Row); ok && source == recordOID {
		if typed := a.rowAs(row, target, ctx); typed != nil {
			return typed
		}
	}
	if source == 0 || source == recordOID {
		u := a.unknown("CAST", fmt.Sprintf("a value of unknown type as %s", a.r.typeName(target)), e)
		u.TypeOID = target
		return u
	}
	if y := a.t.typeOf(target); y != nil && y.Kind == "domain" {
		return &Cast{Kind: "domain", Arg: a.coerce(e, a.t.base(target), ctx), TypeOID: target, TypeMod: -1}
	}
	switch p := a.d.pathway(a.t, source, target, ctx); p.kind {
	case "relabel":
		return &Cast{Kind: "relabel", Arg: e, TypeOID: target, TypeMod: -1}
	case "io":
		return &Cast{Kind: "io", Arg: e, TypeOID: target, TypeMod: -1}
	case "array":
		elem := a.coerce(&CaseArg{TypeOID: a.elementOf(source)}, a.elementOf(target), ctx)
		return &Cast{Kind: "array", Arg: e, TypeOID: target, TypeMod: -1, Elem: elem}
	case "function":
		form := "implicit"
		if ctx == explicitCast {
			form = "cast"
		}
		return &Call{OID: p.function, Func: a.r.function(p.function), Args: []Expr{e}, TypeOID: target, Form: form, Collation: a.inputCollation([]Expr{e})}
	}
	return a.unknown("CAST", fmt.Sprintf("no cast from %s to %s", a.r.typeName(source), a.r.typeName(target)), e)
}

// rowAs makes ROW(…) a row of a named type, field by field; nil where the numbers differ or the type is not of rows.
func (a *analyzer) rowAs(row *Row, target uint32, ctx castContext) Expr {
	rel := a.r.rowType(target)
	if rel == nil || len(rel.Columns) != len(row.Fields) {
		return nil
	}
	out := &Row{TypeOID: target}
	for i, f := range row.Fields {
		out.Fields = append(out.Fields, a.coerce(f, rel.Columns[i].TypeOID, ctx))
	}
	return out
}

// literalAs reads a literal of unknown type as a type's input function would. What it would refuse, or what is not read
// here, keeps its bytes only.
func (a *analyzer) literalAs(c *Const, target uint32) Expr {
	base := a.t.base(target)
	out := &Const{TypeOID: base, Collation: a.t.collatable(base), Null: c.Null, Known: c.Null}
	if !c.Null {
		out.Raw = "text:" + hex.EncodeToString([]byte(c.Text))
		if y := a.t.typeOf(base); y != nil && y.Category == "A" && y.Element != 0 {
			out.Elements, out.Known = a.arrayLiteral(c.Text, y.Element)
			if out.Known {
				out.Text = arrayText(out.Elements)
			}
		} else {
			out.Text, out.Known = a.scalarLiteral(c.Text, base)
		}
	}
	if base != target {
		return &Cast{Kind: "domain", Arg: out, TypeOID: target, TypeMod: -1}
	}
	return out
}

// scalarLiteral writes a literal in the output form of its type.
func (a *analyzer) scalarLiteral(s string, typ uint32) (string, bool) {
	trimmed := strings.TrimSpace(s)
	switch typ {
	case textOID, varcharOID, bpcharOID, 19, 114, unknownOID, 2275:
		return s, true
	case boolOID:
		return boolLiteral(trimmed)
	case 21, int4OID, 20, 26:
		bits := map[uint32]int{21: 16, int4OID: 32, 20: 64, 26: 33}[typ]
		n, err := strconv.ParseInt(trimmed, 10, bits)
		return strconv.FormatInt(n, 10), err == nil
	case 2950:
		return uuidLiteral(trimmed)
	case jsonbOID:
		return jsonbLiteral(trimmed)
	case 1700:
		return numericLiteral(trimmed)
	case 1082:
		_, err := time.Parse(time.DateOnly, trimmed)
		return trimmed, err == nil
	case 2205:
		return a.regclass(trimmed)
	}
	if y := a.r.snap.TypeByOID(typ); y != nil {
		for _, l := range y.Labels {
			if l == s {
				return s, true
			}
		}
		return s, y.Name == "citext" && y.Extension == "citext"
	}
	return "", false
}

// regclass names the relation that a literal names now, as the server does when it reads the literal.
func (a *analyzer) regclass(s string) (string, bool) {
	names := splitIdents(strings.ReplaceAll(s, ".", ","))
	if len(names) == 0 || len(names) > 2 {
		return "", false
	}
	rel, _ := a.relation(strings.Join(names[:len(names)-1], ""), names[len(names)-1])
	if rel == nil {
		return "", false
	}
	return rel.Identity(), true
}

// numericLiteral writes a number without exponent, with the digits that numeric_in keeps.
func numericLiteral(s string) (string, bool) {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(s), "e")
	e := 0
	if exponent != "" {
		var err error
		if e, err = strconv.Atoi(exponent); err != nil || e > 1000 || e < -1000 {
			return "", false
		}
	}
	_, fraction, _ := strings.Cut(mantissa, ".")
	r, ok := new(big.Rat).SetString(mantissa)
	if !ok || strings.ContainsAny(mantissa, "/_x") {
		return "", false
	}
	ten := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(e, -e))), nil))
	if e < 0 {
		ten.Inv(ten)
	}
	return r.Mul(r, ten).FloatString(max(0, len(fraction)-e)), true
}

// boolLiteral reads what boolin reads: any unambiguous beginning of true, false, yes, no, on, off, and 1 and 0.
func boolLiteral(s string) (string, bool) {
	s = strings.ToLower(s)
	if s == "1" || s != "" && s != "o" && (strings.HasPrefix("true", s) || strings.HasPrefix("yes", s) || s == "on") {
		return "true", true
	}
	if s == "0" || s != "" && s != "o" && (strings.HasPrefix("false", s) || strings.HasPrefix("no", s) || strings.HasPrefix("off", s)) {
		return "false", true
	}
	return "", false
}

func uuidLiteral(s string) (string, bool) {
	h := strings.ToLower(strings.NewReplacer("-", "", "{", "", "}", "").Replace(s))
	if _, err := hex.DecodeString(h); err != nil || len(h) != 32 {
		return "", false
	}
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:], true
}

// arrayLiteral reads a one-dimensional literal without quotes; others stay opaque.
func (a *analyzer) arrayLiteral(s string, elem uint32) ([]*Const, bool) {
	s = strings.TrimSpace(s)
	if len(s) < 2 || s[0] != '{' || s[len(s)-1] != '}' || strings.ContainsAny(s[1:len(s)-1], `{}"\`) {
		return nil, false
	}
	out := []*Const{}
	if strings.TrimSpace(s[1:len(s)-1]) == "" {
		return out, true
	}
	for _, part := range strings.Split(s[1:len(s)-1], ",") {
		c := &Const{TypeOID: elem, Known: true}
		if part = strings.TrimSpace(part); strings.EqualFold(part, "null") {
			c.Null = true
		} else if text, ok := a.scalarLiteral(part, elem); ok {
			c.Text = text
		} else {
			return nil, false
		}
		out = append(out, c)
	}
	return out, true
}

// unify brings expressions to one type (select_common_type): the first known one, or one that the others go to implicitly.
// The type is 0 where there is none.
func (a *analyzer) unify(list []Expr) ([]Expr, uint32) {
	var typ uint32
	for _, e := range list {
		switch t := a.t.base(e.Type()); {
		case t == unknownOID || t == 0 || t == typ:
		case typ == 0:
			typ = t
		case a.prefers(typ, t):
			typ = t
		}
	}
	if same := sameType(list); same != 0 {
		typ = same
	}
	if typ == 0 {
		typ = textOID
	}
	out := make([]Expr, len(list))
	for i, e := range list {
		out[i] = a.coerce(e, typ, implicitCast)
	}
	return out, typ
}

// sameType returns the one type that all have, domains kept; 0 where they differ.
func sameType(list []Expr) uint32 {
	if len(list) == 0 || list[0].Type() == unknownOID {
		return 0
	}
	for _, e := range list {
		if e.Type() != list[0].Type() {
			return 0
		}
	}
	return list[0].Type()
}

// prefers reports whether the second type takes over from the first.
func (a *analyzer) prefers(have, other uint32) bool {
	_, preferred := a.t.category(have)
	return !preferred && a.d.coercible(a.t, have, other, implicitCast) && !a.d.coercible(a.t, other, have, implicitCast)
}

// common resolves expressions and brings them to one type.
func (a *analyzer) common(list []*pgquery.Node) ([]Expr, uint32) { return a.unify(a.exprs(list)) }

// typeCast resolves expr::type and type 'literal'.
func (a *analyzer) typeCast(n *pgquery.TypeCast) Expr {
	e := a.expr(n.Arg)
	target := a.typeName(n.TypeName)
	if target == 0 {
		return a.unknown("CAST", "a cast to a type that is not known", e)
	}
	if arr, ok := e.(*Array); ok && len(arr.Elements) == 0 {
		return &Array{TypeOID: target, ElemOID: a.elementOf(target)}
	}
	out := a.coerce(e, target, explicitCast)
	if len(n.TypeName.Typmods) == 0 {
		return out
	}
	return a.length(out, target, n.TypeName)
}

func (a *analyzer) elementOf(oid uint32) uint32 {
	if y := a.t.typeOf(a.t.base(oid)); y != nil {
		return y.Element
	}
	return 0
}

// length applies a type's modifier by the function that pg_cast keeps for it: varchar(3) cuts.
func (a *analyzer) length(e Expr, typ uint32, n *pgquery.TypeName) Expr {
	mod := int64(n.Typmods[0].GetAConst().GetIval().GetIval())
	c, ok := a.d.casts[[2]uint32{typ, typ}]
	if !ok || (typ != varcharOID && typ != bpcharOID) || len(n.ArrayBounds) > 0 {
		return a.unknown("CAST", "a type with a modifier: "+a.r.typeName(typ), e)
	}
	return &Call{OID: c.function, Func: a.r.function(c.function), Form: "cast", TypeOID: typ, Collation: a.inputCollation([]Expr{e}), Args: []Expr{e,
		&Const{TypeOID: int4OID, Known: true, Text: strconv.FormatInt(mod+4, 10)}, &Const{TypeOID: boolOID, Known: true, Text: "true"}}}
}

// typeName finds a type; 0 where it is not known.
func (a *analyzer) typeName(n *pgquery.TypeName) uint32 {
	if n == nil {
		return 0
	}
	if n.PctType {
		return a.columnType(n.Names)
	}
	schema, name := nameParts(n.Names)
	oid := a.findType(schema, name)
	for range n.ArrayBounds {
		if y := a.t.typeOf(oid); y == nil || y.Category != "A" { // int[][] is int[]
			oid = a.t.arrayOf(oid)
		}
	}
	return oid
}

func (a *analyzer) findType(schema, name string) uint32 {
	if schema != "" {
		return a.d.types[qualified{schema, name}]
	}
	for _, s := range a.path.schemas {
		if oid := a.d.types[qualified{s, name}]; oid != 0 {
			a.named(Name{Kind: "type", Name: name, Schema: s, Exact: true})
			return oid
		}
	}
	return 0
}

// columnType resolves table.column%TYPE.
func (a *analyzer) columnType(names []*pgquery.Node) uint32 {
	if len(names) < 2 {
		return 0
	}
	schema, table := nameParts(names[:len(names)-1])
	rel, _ := a.relation(schema, table)
	if rel == nil {
		return 0
	}
	if c := rel.ColumnByName(str(names[len(names)-1])); c != nil {
		return c.TypeOID
	}
	return 0
}
