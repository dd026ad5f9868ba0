package decide

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The values that mean nothing to a predicate are taken from these, but for those that a constant spells.
var freshWords = []string{"acme", "globex", "initech", "umbrella", "hooli", "stark", "wayne", "tyrell", "oscorp", "zorg", "buynlarge", "dharma", "cyberdyne", "weyland", "soylent", "vandelay"}

const (
	freshHex     = "abcdef9876543210"
	freshNumbers = 16
)

// choose picks the group's fresh values, once.
func (g *group) choose() {
	if g.chosen {
		return
	}
	g.chosen = true
	taken := func(s string) bool {
		return slices.ContainsFunc(g.consts, func(c value) bool {
			return strings.EqualFold(strings.TrimSpace(c.s), s) || sameTenant(value{k: kindText, s: s}, c) || len(c.s) > 30 && strings.Contains(c.s, s)
		})
	}
	for i := range len(freshHex) {
		c := freshHex[i : i+1]
		u := strings.Repeat(c, 8) + "-" + strings.Repeat(c, 4) + "-4" + strings.Repeat(c, 3) + "-8" + strings.Repeat(c, 3) + "-" + strings.Repeat(c, 12)
		if len(g.uuids) < maxFresh && !taken(u) {
			g.uuids = append(g.uuids, u)
		}
	}
	for _, w := range freshWords {
		if g.shortest > 0 && g.shortest < len(w) {
			w = w[:min(g.shortest, 2)]
		}
		if len(g.words) < maxFresh && !taken(w) {
			g.words = append(g.words, w)
		}
	}
	for i := range freshNumbers {
		n := strconv.Itoa(101 * (i + 1))
		if len(g.numbers) < maxFresh && !taken(n) {
			g.numbers = append(g.numbers, n)
		}
	}
}

// size is how many "any other" values the group needs.
func (g *group) size() int {
	return min(max(g.least, len(g.vars)), maxFresh, len(g.uuids), len(g.words), len(g.numbers))
}

// truncated reports whether the group has more variables than fresh values: then nothing is proved of it.
func (g *group) truncated() bool {
	if !g.partial && len(g.vars) <= 3 && len(g.consts) == 0 {
		return false
	}
	g.choose()
	return g.partial || len(g.vars) > min(maxFresh, len(g.uuids), len(g.words), len(g.numbers))
}

// domain returns the values to try for a variable, NULL last.
func (g *group) domain(i int, v *variable) []value {
	if d, ok := g.dom[i]; ok {
		return d
	}
	g.choose()
	d := g.values(v.t, v.class == classSetting)
	if !v.notNull {
		d = append(d, null)
	}
	g.dom[i] = d
	return d
}

func (g *group) values(t sqlType, setting bool) []value {
	set := &valueSet{seen: map[string]bool{}}
	switch t.kind {
	case kindBool:
		return []value{trueV, falseV}
	case kindUUID:
		g.uuidValues(func(s string, fresh int) { set.add(value{k: kindUUID, s: s, fresh: uint8(fresh)}) })
	case kindNum:
		if g.rounds && t.bits == 0 {
			set.add(value{k: kindNum, s: g.numbers[0] + ".4"})
		}
		g.numberValues(func(s string, fresh int) {
			if v, how := roundTo(s, t); how == done {
				v.fresh = uint8(fresh)
				set.add(v)
			}
		})
	case kindArray:
		return g.arrays(*t.elem)
	case kindOther:
		for i := range g.size() {
			set.add(value{k: kindOther, s: otherValue(t, i), fresh: uint8(i + 1)})
		}
		if g.ordered && momentOf(t, "2999-01-01") != "" {
			set.add(value{k: kindOther, s: momentOf(t, "2999-01-01")})
		}
	case kindJSON:
		for _, d := range g.documents() {
			set.add(value{k: kindJSON, s: d.s, fresh: d.fresh})
		}
		return set.list
	default:
		g.texts(t, setting, set)
		return set.list
	}
	g.constants(t, set)
	return set.list
}

// constants adds the group's constants as values of a type.
func (g *group) constants(t sqlType, set *valueSet) {
	for _, c := range g.consts {
		if c.k == kindArray || c.k == kindOther && t.kind != kindOther || t.kind == kindOther && c.k != kindOther {
			continue
		}
		if v, how := convert(value{k: c.k, s: c.s}, sqlType{kind: t.kind, bits: t.bits, labels: t.labels, length: t.length}, false); how == done && !v.null {
			set.add(v)
		}
	}
}

// arrays are short lists of what the group holds.
func (g *group) arrays(elem sqlType) []value {
	elems := g.values(elem, false)
	out := []value{{k: kindArray}, {k: kindArray, elems: []value{null}}}
	for _, e := range elems {
		out = append(out, value{k: kindArray, elems: []value{e}, fresh: e.fresh})
	}
	if len(elems) > 1 {
		out = append(out, value{k: kindArray, elems: []value{elems[0], elems[1]}})
	}
	for _, c := range g.consts {
		if c.k == kindArray && len(c.elems) > 1 {
			out = append(out, c)
		}
	}
	return out
}

// otherValue is a value of a type whose text form is known; a token where it is not.
func otherValue(t sqlType, i int) string {
	switch t.oid {
	case 1082, 1114, 1184:
		return momentOf(t, fmt.Sprintf("2001-01-%02d", i+1))
	case 17:
		return fmt.Sprintf(`\x%02x`, i+1)
	case 869:
		return fmt.Sprintf("10.0.0.%d", i+1)
	case 18:
		return string(rune('a' + i))
	}
	return fmt.Sprintf("value %d", i+1)
}

func printable(t sqlType) bool {
	switch t.oid {
	case 1082, 1114, 1184, 17, 869, 18:
		return true
	}
	return t.kind != kindOther
}

// A valueSet is a list without repetitions.
type valueSet struct {
	list []value
	seen map[string]bool
}

func (s *valueSet) add(v value) {
	key := string(rune('a'+v.k)) + v.s
	if v.k == kindNum && v.fresh > 0 && s.seen[key] {
		return
	}
	if !s.seen[key] {
		s.seen[key] = true
		s.list = append(s.list, v)
	}
}
