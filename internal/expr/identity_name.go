package expr

import (
	"strconv"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// The newest built-in names serve where no Reader is at hand: an OID's meaning never changes between versions.
const newestMajor = 18

func number(oid uint32) string { return "#" + strconv.FormatUint(uint64(oid), 10) }

func (p *printer) typeText(oid uint32) string {
	if oid == 0 {
		return "-"
	}
	if p.r != nil {
		return p.r.typeName(oid)
	}
	if t := builtinsOf(newestMajor).types[oid]; t != nil {
		return t.Format
	}
	return number(oid)
}

func modText(mod int32) string {
	if mod < 0 {
		return ""
	}
	return "(" + strconv.Itoa(int(mod)) + ")"
}

// collation names a collation; 100 is the database's default, 950 and 951 are C and POSIX.
func (p *printer) collation(oid uint32) string {
	switch oid {
	case 100:
		return "default"
	case 950:
		return "C"
	case 951:
		return "POSIX"
	}
	if p.r != nil {
		if c := p.r.snap.CollationByOID(oid); c != nil {
			return c.Name
		}
	}
	return number(oid)
}

// collationText is written beside an operator or function that compares under another collation than the default.
func (p *printer) collationText(oid uint32) string {
	if oid == 0 || oid == 100 {
		return ""
	}
	return " collate " + p.collation(oid)
}

func functionText(f *catalog.Function, oid uint32) string {
	if f == nil {
		return "function " + number(oid)
	}
	return f.Identity()
}

func (p *printer) operatorText(o *catalog.Operator, oid uint32) string {
	if o == nil {
		return "operator " + number(oid)
	}
	return o.Identity()
}

func (p *printer) operatorByOID(oid uint32) string {
	if p.r != nil {
		return p.operatorText(p.r.operator(oid), oid)
	}
	if o := builtinsOf(newestMajor).operators[oid]; o != nil {
		return o.Identity()
	}
	return number(oid)
}
