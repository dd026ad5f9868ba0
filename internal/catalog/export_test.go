package catalog

import "io"

// EachMention calls visit for every OID in the snapshot's trees, with whether the snapshot holds what it names.
func EachMention(s *Snapshot, visit func(kind string, oid uint32, found bool)) {
	scan := func(t *Tree) {
		if t == nil {
			return
		}
		scanTree(t.Node, func(class treeClass, oid uint32) {
			if oid == 0 {
				return
			}
			switch class {
			case classRelation:
				visit("relation", oid, s.RelationByOID(oid) != nil)
			case classFunction:
				visit("function", oid, s.FunctionByOID(oid) != nil)
			case classOperator:
				visit("operator", oid, s.OperatorByOID(oid) != nil)
			case classType:
				visit("type", oid, s.TypeByOID(oid) != nil)
			case classCollation:
				visit("collation", oid, s.CollationByOID(oid) != nil)
			}
		})
	}
	for i := range s.Relations {
		s.Relations[i].eachTree(scan)
	}
	for i := range s.Functions {
		scan(s.Functions[i].Body)
		scan(s.Functions[i].Defaults)
	}
}

// ReadJSONLimit is ReadJSON with a limit of the test's own.
func ReadJSONLimit(r io.Reader, limit int64) (*Snapshot, error) { return readJSON(r, limit) }
