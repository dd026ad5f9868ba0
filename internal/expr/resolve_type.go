package expr

import "github.com/ringfencehq/ringfence/internal/catalog"

// OIDs of PostgreSQL's own types that have a part in resolving names.
const (
	unknownOID  = 705
	textOID     = 25
	int4OID     = 23
	varcharOID  = 1043
	bpcharOID   = 1042
	recordOID   = 2249
	anyOID      = 2276
	voidOID     = 2278
	triggerOID  = 2279
	anyArrayOID = 2277
	anyElemOID  = 2283

	int2vectorOID = 22 // arrays by category that nothing is coerced to element by element
	oidvectorOID  = 30
)

// polymorphic reports whether a type stands for whatever it is given, and whether it is one of the "compatible" kind.
func polymorphic(oid uint32) (is, compatible bool) {
	switch oid {
	case anyElemOID, anyArrayOID, 2776, 3500, 3831, 4537: // anyelement, anyarray, anynonarray, anyenum, anyrange, anymultirange
		return true, false
	case 5077, 5078, 5079, 5080, 4538: // anycompatible, …array, …nonarray, …range, …multirange
		return true, true
	}
	return false, false
}

// A context is how freely a cast may be chosen.
type castContext byte

const (
	implicitCast   castContext = 'i'
	assignmentCast castContext = 'a'
	explicitCast   castContext = 'e'
	plpgsqlCast    castContext = 'p' // as assignment, and through text where there is no cast
)

// allows reports whether a cast of pg_cast may be used.
func (c castContext) allows(cast byte) bool {
	switch c {
	case explicitCast:
		return true
	case assignmentCast, plpgsqlCast:
		return cast != 'e'
	default:
		return cast == 'i'
	}
}

// A pathway is how one type becomes another (find_coercion_pathway).
type pathway struct {
	kind     string // none, relabel, function, io, array
	function uint32
}

// pathway finds how a source type becomes a target type.
func (d *directory) pathway(t *nameTable, source, target uint32, ctx castContext) pathway {
	source, target = t.base(source), t.base(target)
	if source == target {
		return pathway{kind: "relabel"}
	}
	if c, ok := d.casts[[2]uint32{source, target}]; ok {
		if !ctx.allows(c.context) {
			return pathway{kind: map[bool]string{true: "io", false: "none"}[ctx == plpgsqlCast]}
		}
		switch c.method {
		case 'b':
			return pathway{kind: "relabel"}
		case 'i':
			return pathway{kind: "io"}
		default:
			return pathway{kind: "function", function: c.function}
		}
	}
	from, to := t.typeOf(source), t.typeOf(target)
	if from == nil || to == nil {
		return pathway{kind: "none"}
	}
	if target != oidvectorOID && target != int2vectorOID && from.Element != 0 && to.Element != 0 && from.Category == "A" && to.Category == "A" {
		if p := d.pathway(t, from.Element, to.Element, ctx); p.kind != "none" {
			if p.kind == "relabel" {
				return p
			}
			return pathway{kind: "array"}
		}
	}
	if ctx == plpgsqlCast || ctx == assignmentCast && to.Category == "S" || ctx == explicitCast && (to.Category == "S" || from.Category == "S") {
		return pathway{kind: "io"}
	}
	return pathway{kind: "none"}
}

// coercible reports whether a value of a type can stand where another is asked for (can_coerce_type).
func (d *directory) coercible(t *nameTable, source, target uint32, ctx castContext) bool {
	if source == target || target == anyOID || source == unknownOID {
		return true
	}
	if is, _ := polymorphic(target); is {
		return polymorphicFits(t, source, target)
	}
	if target == recordOID {
		y := t.typeOf(source)
		return y != nil && y.Kind == "composite"
	}
	return d.pathway(t, source, target, ctx).kind != "none"
}

// polymorphicFits reports whether a type is of the sort that a polymorphic one takes.
func polymorphicFits(t *nameTable, source, target uint32) bool {
	y := t.typeOf(t.base(source))
	if y == nil {
		return false
	}
	switch target {
	case anyArrayOID, 5078:
		return y.Category == "A"
	case 2776, 5079:
		return y.Category != "A"
	case 3500:
		return y.Kind == "enum"
	case 3831, 5080:
		return y.Kind == "range"
	case 4537, 4538:
		return y.Kind == "multirange"
	}
	return true
}

// category returns a type's category and whether it is preferred in it.
func (t *nameTable) category(oid uint32) (string, bool) {
	if b := t.system.types[oid]; b != nil {
		return b.Category, b.preferred
	}
	if y := t.typeOf(oid); y != nil {
		return y.Category, false
	}
	return "", false
}

// collatable returns the collation that a type's values have by default, 0 for none.
func (t *nameTable) collatable(oid uint32) uint32 {
	if b := t.system.types[t.base(oid)]; b != nil {
		return b.collation
	}
	if y := t.typeOf(t.base(oid)); y != nil && (y.Category == "S" || y.Collation != "") {
		return 100
	}
	return 0
}

// rowType returns the relation whose rows are of a type, or nil.
func (r *Reader) rowType(oid uint32) *catalog.Relation {
	t := r.names.typeOf(r.names.base(oid))
	if t == nil || t.Relation == "" {
		return nil
	}
	return r.snap.Relation(t.Relation)
}
