package catalog

import (
	"encoding/binary"
	"strconv"
)

// firstUnpinnedOID is where initdb begins to number: below, an OID means the same on every server of all versions.
const firstUnpinnedOID = 10000

// writeOID writes the identity of an object in place of its OID. What the snapshot does not hold keeps its number.
func (w *treeWriter) writeOID(class treeClass, word string) {
	oid, err := strconv.ParseUint(word, 10, 32)
	if err != nil || oid < firstUnpinnedOID {
		w.out.WriteString(word)
		return
	}
	if name := w.identity(class, uint32(oid)); name != "" {
		w.out.WriteString(name)
		return
	}
	w.out.WriteString(word)
}

func (w *treeWriter) identity(class treeClass, oid uint32) string {
	s := w.snap
	switch class {
	case classRelation:
		if r := s.RelationByOID(oid); r != nil {
			return r.Identity()
		}
	case classFunction:
		if f := s.FunctionByOID(oid); f != nil {
			return f.Identity()
		}
	case classOperator:
		if o := s.OperatorByOID(oid); o != nil {
			return o.Identity()
		}
	case classType:
		if t := s.TypeByOID(oid); t != nil {
			return t.Identity()
		}
	case classCollation:
		if c := s.CollationByOID(oid); c != nil {
			return c.Name
		}
	case classRole:
		return QuoteIdent(w.roles[oid])
	case classConstraint:
		return QuoteIdent(w.constraints[oid])
	}
	return ""
}

// writeConst writes a literal: its type, and its bytes with the OIDs in them replaced.
func (w *treeWriter) writeConst(n *treeNode) {
	w.out.WriteString("{CONST")
	oid, _ := strconv.ParseUint(n.field("consttype").word, 10, 32)
	for _, f := range n.fields {
		if dropped(f.name) {
			continue
		}
		w.out.WriteString(" :" + f.name + " ")
		if f.name != "constvalue" || !w.writeDatum(uint32(oid), f.value) {
			w.writeField(f, nil)
		}
	}
	w.out.WriteByte('}')
}

// writeDatum writes a literal whose bytes hold OIDs; false where they hold none.
func (w *treeWriter) writeDatum(typeOID uint32, value []*treeNode) bool {
	bytes := datumBytes(value)
	if len(bytes) < 4 {
		return false
	}
	if class := aliasTypes[typeOID]; class != classNone {
		w.writeOID(class, strconv.FormatUint(uint64(binary.LittleEndian.Uint32(bytes)), 10))
		return true
	}
	t := w.snap.TypeByOID(typeOID)
	if t == nil || typeOID < firstUnpinnedOID {
		return false
	}
	switch {
	case t.Kind == "enum":
		w.out.WriteString(t.label(binary.LittleEndian.Uint32(bytes)))
	case t.Element != 0 && t.Length == -1 && len(bytes) >= 16:
		w.writeArray(w.snap.TypeByOID(t.Element), bytes)
	case t.Kind == "range" || t.Kind == "multirange":
		w.writeBytes(bytes, 4) // varlena header, the range type's OID
	case t.Kind == "composite":
		w.writeBytes(bytes, 8) // length, typmod, the row type's OID
	default:
		return false
	}
	return true
}

// writeArray writes an array's datum: header, dimensions, flags, the element type's OID, and the elements. The labels of an
// enumeration stand in it as OIDs, aligned at the end.
func (w *treeWriter) writeArray(element *Type, bytes []byte) {
	dimensions := int(binary.LittleEndian.Uint32(bytes[4:]))
	start := 16 + 8*dimensions
	noNulls := binary.LittleEndian.Uint32(bytes[8:]) == 0
	if element == nil || element.Kind != "enum" || dimensions < 0 || dimensions > 6 || !noNulls || start > len(bytes) {
		w.writeBytes(bytes, 12)
		return
	}
	w.writeBytes(bytes[:start], 12)
	for i := start; i+4 <= len(bytes); i += 4 {
		w.out.WriteString(" " + element.label(binary.LittleEndian.Uint32(bytes[i:])))
	}
}

// writeBytes writes a datum without the four bytes at skip.
func (w *treeWriter) writeBytes(bytes []byte, skip int) {
	for i, c := range bytes {
		if i < skip || i >= skip+4 {
			w.out.WriteString(" " + strconv.Itoa(int(c)))
		}
	}
}

// label is an enumeration's label by the OID of its row, quoted; the OID where there is none.
func (t *Type) label(oid uint32) string {
	for i, o := range t.LabelOIDs {
		if o == oid && i < len(t.Labels) {
			return strconv.Quote(t.Labels[i])
		}
	}
	return strconv.FormatUint(uint64(oid), 10)
}

// datumBytes reads "4 [ 1 0 0 0 ]".
func datumBytes(value []*treeNode) []byte {
	if len(value) < 3 || value[1].word != "[" {
		return nil
	}
	out := make([]byte, 0, len(value)-3)
	for _, v := range value[2 : len(value)-1] {
		n, err := strconv.Atoi(v.word)
		if err != nil {
			return nil
		}
		out = append(out, byte(n))
	}
	return out
}
