package decide

import (
	"strconv"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// A sqlType is what the evaluator must know of a type.
type sqlType struct {
	oid    uint32
	kind   kind
	elem   *sqlType // of an array
	bits   int      // of an integer: 16, 32, 64; 0 elsewhere
	length int      // of varchar(n), char(n) and name: what is longer is cut or refused; 0: no limit
	name   bool     // type name: longer text is cut without being asked
	labels []string // of an enum
	jsonb  bool
	tree   bool // ltree: a text of labels parted by dots
	domain bool // has checks of its own, which may raise
	format string
}

// numericOID is the type of exact numbers: its text form is read back as the same number.
const numericOID = 1700

var builtinTypes = map[uint32]sqlType{
	16: {kind: kindBool, format: "boolean"}, 18: {kind: kindOther, format: `"char"`},
	19: {kind: kindText, length: 63, name: true, format: "name"}, 25: {kind: kindText, format: "text"},
	1043: {kind: kindText, format: "character varying"}, 1042: {kind: kindBpchar, format: "character"}, 705: {kind: kindText, format: "text"},
	2950: {kind: kindUUID, format: "uuid"}, 20: {kind: kindNum, bits: 64, format: "bigint"}, 21: {kind: kindNum, bits: 16, format: "smallint"},
	23: {kind: kindNum, bits: 32, format: "integer"}, 26: {kind: kindNum, bits: 33, format: "oid"}, 1700: {kind: kindNum, format: "numeric"},
	700: {kind: kindNum, format: "real"}, 701: {kind: kindNum, format: "double precision"},
	114: {kind: kindJSON, format: "json"}, 3802: {kind: kindJSON, jsonb: true, format: "jsonb"},
	1082: {kind: kindOther, format: "date"}, 1114: {kind: kindOther, format: "timestamp"}, 1184: {kind: kindOther, format: "timestamptz"},
	17: {kind: kindOther, format: "bytea"}, 869: {kind: kindOther, format: "inet"},
}

var (
	boolType = sqlType{oid: 16, kind: kindBool, format: "boolean"}
	nameType = sqlType{oid: 19, kind: kindText, length: 63, name: true, format: "name"}
	textType = sqlType{oid: 25, kind: kindText, format: "text"}
)

// builtinArrays maps PostgreSQL's own array types to their elements.
var builtinArrays = map[uint32]uint32{1000: 16, 1003: 19, 1005: 21, 1007: 23, 1009: 25, 1014: 1042, 1015: 1043, 1016: 20, 1028: 26, 1231: 1700, 2951: 2950, 199: 114, 3807: 3802}

// typeOf resolves a type of a stored tree. What it does not know is of kindOther: equal or not, and nothing more.
func typeOf(snap *catalog.Snapshot, oid uint32, mod int32) sqlType {
	if t, ok := builtinTypes[oid]; ok {
		t.oid = oid
		if mod > 4 && (oid == 1042 || oid == 1043) {
			t.length = int(mod - 4)
			t.format += "(" + strconv.Itoa(t.length) + ")"
		}
		return t
	}
	if e, ok := builtinArrays[oid]; ok {
		elem := typeOf(snap, e, mod)
		return sqlType{oid: oid, kind: kindArray, elem: &elem, format: elem.format + "[]"}
	}
	if snap == nil {
		return sqlType{oid: oid}
	}
	return userType(snap, oid, mod)
}

func userType(snap *catalog.Snapshot, oid uint32, mod int32) sqlType {
	t := snap.TypeByOID(oid)
	switch {
	case t == nil:
		return sqlType{oid: oid}
	case t.Kind == "domain":
		if mod < 0 {
			mod = t.BaseMod
		}
		base := typeOf(snap, t.Base, mod)
		base.domain = base.domain || len(t.Checks) > 0 || t.NotNull
		base.oid, base.format = oid, t.Format
		return base
	case t.Kind == "enum":
		return sqlType{oid: oid, kind: kindText, labels: t.Labels, format: t.Format}
	case t.Name == "citext" && t.Extension != "":
		return sqlType{oid: oid, kind: kindCitext, format: t.Format}
	case t.Name == "ltree" && t.Extension != "":
		return sqlType{oid: oid, kind: kindText, tree: true, format: t.Format}
	case t.Category == "A" && t.Element != 0:
		elem := typeOf(snap, t.Element, mod)
		return sqlType{oid: oid, kind: kindArray, elem: &elem, format: t.Format}
	}
	return sqlType{oid: oid, format: t.Format}
}
