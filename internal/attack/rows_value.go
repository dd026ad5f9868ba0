package attack

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// values proposes values for columns, most likely to please first. Each call draws anew, so that two rows differ where their
// types allow it. It is not safe for concurrent use.
type values struct {
	s      *session
	random *rand.Rand
}

// maxDepth bounds arrays of domains over arrays and the like.
const maxDepth = 8

// forType proposes values in text form for a type. An unknown type gets forms that many types accept: the server judges.
func (v *values) forType(oid uint32, mod int32, depth int) []string {
	t := v.s.snap.TypeByOID(oid)
	if t == nil || depth > maxDepth {
		return anyForms()
	}
	switch {
	case t.Kind == "domain":
		return v.forDomain(t, depth)
	case t.Kind == "enum":
		return v.shuffled(t.Labels)
	case t.Kind == "range":
		return v.forRange(t, depth)
	case t.Kind == "multirange":
		return []string{"{}"}
	case t.Kind == "composite":
		return v.forComposite(t, depth)
	case t.Element != 0 && t.Category == "A":
		return v.forArray(t, mod, depth)
	default:
		return v.forBase(t.Name, mod)
	}
}

// one proposes a single value for a type; "" where it has none.
func (v *values) one(oid uint32, mod int32) string {
	if all := v.forType(oid, mod, 0); len(all) > 0 {
		return all[0]
	}
	return ""
}

// forDomain proposes what its checks suggest, then values of its base type.
func (v *values) forDomain(t *catalog.Type, depth int) []string {
	var out []string
	for _, c := range t.Checks {
		out = append(out, v.fromCheck(c.Text)...)
	}
	return append(out, v.forType(t.Base, t.BaseMod, depth+1)...)
}

// forRange proposes short ranges that start at random, so that exclusion constraints are met.
func (v *values) forRange(t *catalog.Type, depth int) []string {
	sub := v.s.snap.TypeByOID(t.Subtype)
	name := ""
	if sub != nil {
		name = sub.Name
	}
	day := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, v.random.IntN(300000))
	switch name {
	case "date":
		return []string{fmt.Sprintf("[%s,%s)", day.Format("2006-01-02"), day.AddDate(0, 0, 1).Format("2006-01-02"))}
	case "timestamp", "timestamptz":
		return []string{fmt.Sprintf("[%s,%s)", day.Format(time.DateTime), day.Add(time.Hour).Format(time.DateTime))}
	case "int4", "int8", "numeric", "float8":
		n := 1_000_000_000 + v.random.IntN(1_000_000_000)
		return []string{fmt.Sprintf("[%d,%d)", n, n+1), "[1,2)"}
	}
	var out []string
	for _, x := range v.forType(t.Subtype, -1, depth+1) {
		out = append(out, fmt.Sprintf("[%q,%q]", x, x))
	}
	return append(out, "(,)", "empty")
}

// forComposite proposes a row of NULLs, then rows of what each attribute takes.
func (v *values) forComposite(t *catalog.Type, depth int) []string {
	r := v.s.snap.Relation(t.Relation)
	if r == nil {
		return []string{"()"}
	}
	out := []string{"(" + strings.Repeat(",", max(len(r.Columns)-1, 0)) + ")"}
	for n := range 4 {
		var parts []string
		for _, c := range r.Columns {
			if all := v.forType(c.TypeOID, c.TypeMod, depth+1); len(all) > 0 {
				parts = append(parts, quoteElement(all[min(n, len(all)-1)]))
			}
		}
		out = append(out, "("+strings.Join(parts, ",")+")")
	}
	return out
}

// forArray proposes the empty array, then arrays of one element.
func (v *values) forArray(t *catalog.Type, mod int32, depth int) []string {
	out := []string{"{}"}
	for _, x := range v.forType(t.Element, mod, depth+1) {
		out = append(out, "{"+quoteElement(x)+"}")
	}
	return out
}

// quoteElement writes an array element so that any text survives.
func quoteElement(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// forBase proposes values of a base type by its name in pg_type; one not known by name gets forms that many types accept.
func (v *values) forBase(name string, mod int32) []string {
	r := v.random
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(r.IntN(86400*300)) * time.Second)
	switch name {
	case "int2":
		return []string{itoa(20000 + r.IntN(12000)), itoa(r.IntN(100)), "1", "0", "-1"}
	case "int4", "oid", "xid", "cid":
		return []string{itoa(1_500_000_000 + r.IntN(600_000_000)), itoa(10000 + r.IntN(20000)), itoa(1 + r.IntN(99)), "1", "0", "2020", "-1"}
	case "int8", "xid8":
		return []string{strconv.FormatInt(9_000_000_000_000+r.Int64N(1_000_000_000), 10), itoa(1_500_000_000 + r.IntN(600_000_000)), itoa(1 + r.IntN(99)), "1", "0", "-1"}
	case "numeric", "float4", "float8", "money":
		return v.forNumber(name, mod)
	case "bool":
		return []string{"false", "true"}
	case "uuid":
		return []string{v.uuid()}
	case "date":
		return []string{day.Format("2006-01-02"), time.Now().Format("2006-01-02"), "2000-01-01", "2100-01-01"}
	case "timestamp", "timestamptz":
		return []string{day.Format(time.DateTime), time.Now().UTC().Format(time.DateTime), "2000-01-01 00:00:00", "2100-01-01 00:00:00"}
	case "text", "varchar", "bpchar", "citext", "name", "char":
		return v.forText(name, mod)
	default:
		return v.forOther(name, mod)
	}
}

// forOther proposes values of the rarer base types.
func (v *values) forOther(name string, mod int32) []string {
	r := v.random
	switch name {
	case "json", "jsonb":
		return []string{"{}", "[]", "null", `"x"`, "1"}
	case "bytea":
		return []string{`\x` + fmt.Sprintf("%016x", r.Uint64()), `\x`, `\x` + strings.Repeat("ab", 32)}
	case "time", "timetz":
		return []string{fmt.Sprintf("%02d:%02d:00", r.IntN(24), r.IntN(60)), "00:00:00"}
	case "interval":
		return []string{"01:00:00", "1 day", "00:00:00"}
	case "inet", "cidr":
		return []string{fmt.Sprintf("10.%d.%d.%d/32", r.IntN(256), r.IntN(256), r.IntN(256))}
	case "macaddr":
		return []string{fmt.Sprintf("08:00:2b:%02x:%02x:%02x", r.IntN(256), r.IntN(256), r.IntN(256))}
	case "macaddr8":
		return []string{fmt.Sprintf("08:00:2b:01:02:%02x:%02x:%02x", r.IntN(256), r.IntN(256), r.IntN(256))}
	case "bit", "varbit":
		return []string{strings.Repeat("0", max(int(mod), 1)), strings.Repeat("1", max(int(mod), 1))}
	case "vector", "halfvec":
		return []string{"[" + strings.TrimSuffix(strings.Repeat("0,", max(int(mod), 1)), ",") + "]"}
	case "point":
		return []string{fmt.Sprintf("(%d,%d)", r.IntN(90), r.IntN(90))}
	case "box", "lseg", "path", "polygon":
		return []string{fmt.Sprintf("((%d,%d),(91,92))", r.IntN(90), r.IntN(90))}
	case "line":
		return []string{"{1,-1,0}"}
	case "circle":
		return []string{"<(0,0),1>"}
	case "xml":
		return []string{"<a/>"}
	case "pg_lsn":
		return []string{"0/1"}
	case "regclass":
		return []string{"pg_catalog.pg_class"}
	case "tsvector", "tsquery", "ltree":
		return []string{v.word(8)}
	case "hstore":
		return []string{"", "a=>b"}
	default:
		return anyForms()
	}
}

// anyForms are texts that the input functions of most types accept one of.
func anyForms() []string {
	return []string{"", "1", "0", "a", "{}", "[]", "()", "(0,0)", "0,0", "POINT(0 0)", "[0,1)", "2026-01-01", "a=>b", "a.b"}
}

// forNumber proposes numbers that fit precision and scale.
func (v *values) forNumber(name string, mod int32) []string {
	digits := 7
	if name == "numeric" && mod >= 4 {
		precision, scale := int((mod-4)>>16&0xffff), int((mod-4)&0x7ff)
		digits = min(max(precision-scale, 0), 9)
	}
	if digits == 0 {
		return []string{"0", "0.1"}
	}
	limit := 1
	for range digits {
		limit *= 10
	}
	return []string{itoa(v.random.IntN(limit)), "1", "0", "0.5", "100", "-1"}
}

// forText proposes words, then the forms that checks on text commonly ask for.
func (v *values) forText(name string, mod int32) []string {
	limit := 63
	if (name == "varchar" || name == "bpchar") && mod >= 4 {
		limit = int(mod - 4)
	} else if name == "char" {
		limit = 1
	}
	w := v.word(12)
	forms := []string{w, strings.ToUpper(w), itoa(1_000_000_000 + v.random.IntN(1_000_000_000)), w + "@example.test",
		"https://" + w + ".test/", "+1555" + itoa(1_000_000+v.random.IntN(9_000_000)), "a", "A", "0", "", "en", "EUR", "2026-01-01", "12:00",
		v.uuid(), "10.0.0.1", "#000000", "1.0.0", w + "-" + w, strings.Repeat("a", 20), strings.Repeat("0f", 32), "{}"}
	var out []string
	for _, f := range forms {
		if len(f) > limit {
			f = f[:limit]
		}
		out = append(out, f)
	}
	return out
}

// word draws n letters and digits, a letter first.
func (v *values) word(n int) string {
	const letters, all = "abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwxyz0123456789"
	b := []byte{letters[v.random.IntN(len(letters))]}
	for len(b) < n {
		b = append(b, all[v.random.IntN(len(all))])
	}
	return string(b)
}

// uuid draws a version 4 UUID.
func (v *values) uuid() string {
	a, b := v.random.Uint64(), v.random.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", uint32(a>>32), uint16(a>>16), uint16(a)&0xfff, uint16(b>>48)&0x3fff|0x8000, b&0xffffffffffff)
}

// shuffled returns the labels in random order, so that two rows tend to differ.
func (v *values) shuffled(labels []string) []string {
	out := append([]string(nil), labels...)
	v.random.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

func itoa(n int) string { return strconv.Itoa(n) }
