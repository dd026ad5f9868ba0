package catalog

import (
	"strconv"
	"strings"
)

// scanTree calls found for every OID that a stored tree holds in a field of known class, without building the tree.
func scanTree(node string, found func(treeClass, uint32)) {
	constType := uint32(0)
	for i := 0; i < len(node); i++ {
		switch node[i] {
		case '\\':
			i++
		case ':':
			if i == 0 || node[i-1] != ' ' {
				continue
			}
			end := i + 1
			for end < len(node) && node[end] != ' ' {
				end++
			}
			name := node[i+1 : end]
			i = end
			if name == "constvalue" {
				if class := aliasTypes[constType]; class != classNone {
					found(class, constOID(node[end:]))
				}
				continue
			}
			class := fieldClass(name)
			if class == classNone {
				continue
			}
			scanOIDs(node[min(end+1, len(node)):], func(oid uint32) {
				if name == "consttype" {
					constType = oid
				}
				found(class, oid)
			})
		}
	}
}

// scanOIDs reads "16385 …" or "(o 16385 16386) …" at the beginning of s.
func scanOIDs(s string, found func(uint32)) {
	if list, ok := strings.CutPrefix(s, "(o "); ok {
		list, _, _ = strings.Cut(list, ")")
		for _, item := range strings.Fields(list) {
			if oid, err := strconv.ParseUint(item, 10, 32); err == nil {
				found(uint32(oid))
			}
		}
		return
	}
	end := 0
	for end < len(s) && s[end] >= '0' && s[end] <= '9' {
		end++
	}
	if oid, err := strconv.ParseUint(s[:end], 10, 32); err == nil {
		found(uint32(oid))
	}
}

// constOID reads the OID out of a literal's datum, " 4 [ 1 64 0 0 0 0 0 0 ]": its bytes in the server's memory order, which is
// little-endian on every platform PostgreSQL is commonly run on; on another the OID is not found.
func constOID(s string) uint32 {
	_, s, ok := strings.Cut(s, "[")
	if !ok {
		return 0
	}
	s, _, _ = strings.Cut(s, "]")
	bytes := strings.Fields(s)
	oid := uint32(0)
	for i := 0; i < 4 && i < len(bytes); i++ {
		n, err := strconv.Atoi(bytes[i])
		if err != nil {
			return 0
		}
		oid |= uint32(uint8(n)) << (8 * i)
	}
	return oid
}
