package expr

import (
	"strconv"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// A nameTable knows what a Snapshot and PostgreSQL's own catalogue call things. It is read-only.
type nameTable struct {
	snap   *catalog.Snapshot
	system *builtinSet
	arrays map[uint32]uint32 // element type → its array type, of the snapshot
}

func newNameTable(snap *catalog.Snapshot) *nameTable {
	t := &nameTable{snap: snap, system: builtinsOf(snap.Server.VersionNum / 10000), arrays: map[uint32]uint32{}}
	for i := range snap.Types {
		if y := &snap.Types[i]; y.Element != 0 && y.Category == "A" {
			t.arrays[y.Element] = y.OID
		}
	}
	return t
}

func (t *nameTable) builtinFunction(oid uint32) *catalog.Function {
	if f := t.system.functions[oid]; f != nil {
		return &f.Function
	}
	return nil
}

func (t *nameTable) builtinOperator(oid uint32) *catalog.Operator {
	if o := t.system.operators[oid]; o != nil {
		return &o.Operator
	}
	return nil
}

// typeOf returns a type by OID: PostgreSQL's own, else the snapshot's; nil when neither knows it.
func (t *nameTable) typeOf(oid uint32) *catalog.Type {
	if y := t.system.types[oid]; y != nil {
		return &y.Type
	}
	return t.snap.TypeByOID(oid)
}

// base returns what a domain stands on, through domains over domains; any other type is its own base.
func (t *nameTable) base(oid uint32) uint32 {
	for range 32 {
		y := t.typeOf(oid)
		if y == nil || y.Kind != "domain" || y.Base == 0 {
			return oid
		}
		oid = y.Base
	}
	return oid
}

// arrayOf returns the array type over an element type, 0 when it is not known.
func (t *nameTable) arrayOf(oid uint32) uint32 {
	if y := t.system.types[oid]; y != nil {
		return y.array
	}
	return t.arrays[oid]
}

// TypeName returns a type's identity: format_type for PostgreSQL's own, schema.name for others, and its number where
// nobody knows it, which equals nothing but itself.
func (r *Reader) TypeName(oid uint32) string { return r.typeName(oid) }

func (r *Reader) typeName(oid uint32) string {
	if oid == 0 {
		return "-"
	}
	t := r.names.typeOf(oid)
	switch {
	case t == nil:
		return "type " + strconv.FormatUint(uint64(oid), 10)
	case t.Schema == "pg_catalog":
		return t.Format
	default:
		return catalog.QuoteIdent(t.Schema) + "." + catalog.QuoteIdent(t.Name)
	}
}

// BaseType returns the type under a domain; any other type is its own.
func (r *Reader) BaseType(oid uint32) uint32 { return r.names.base(oid) }
