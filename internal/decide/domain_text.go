package decide

import (
	"slices"
	"strings"
)

// strings adds strings: the fresh ones in each spelling that the group's conversions take for one, and the constants.
func (g *group) strings(t sqlType, setting bool, set *valueSet) {
	if t.labels != nil {
		for _, l := range t.labels {
			set.add(text(l))
		}
		return
	}
	add := func(s string, fresh int) {
		if t.length > 0 && len(s) > t.length {
			return
		}
		set.add(value{k: t.kind, s: s, fresh: uint8(fresh)})
	}
	n := g.size()
	if g.uuid {
		g.uuidValues(add)
	}
	if g.num {
		g.numberValues(add)
		if g.rounds && !setting { // whose keys are fractions; a context that is one names the tenant that it is rounded to
			add(g.numbers[0]+".4", 0)
		}
	}
	for i := range n {
		add(g.words[i], i+1)
		g.variants(g.words[i], func(s string) { add(s, i+1) })
	}
	if setting || !g.uuid && !g.num {
		add("", 0)
		add(" ", 0)
	}
	if g.boolean {
		add("true", 0)
		add("false", 0)
	}
	for _, c := range g.consts {
		if c.k != kindArray && c.k != kindOther && c.k != kindRow {
			add(c.s, 0)
			if g.pattern || g.citext || g.folded || len(g.cuts) > 0 {
				g.variants(c.s, func(s string) { add(s, 0) })
			}
		}
	}
	for i := range n {
		if g.uuid {
			add(strings.ToUpper(g.uuids[i]), i+1)
		}
		if g.num {
			add("0"+g.numbers[i], i+1)
		}
	}
	if g.wide && !setting {
		add(strings.Repeat(g.words[0], 8), 0)
	}
	if g.wide && setting {
		for _, s := range append(g.marked(), ".*", "_", "a") {
			add(s, 0)
		}
	}
	if g.pattern {
		add("%", 0)
		if g.uuid && setting {
			add(g.uuids[0][:8], 0)
		}
		if g.num && setting {
			add(g.numbers[0][:2], 0)
		}
	}
	g.lossyTexts(func(s string) { add(s, 0) })
}

// lossyTexts adds strings that a hash takes for one.
func (g *group) lossyTexts(add func(string)) {
	for _, h := range g.hashes {
		for _, s := range h.words() {
			add(s)
		}
	}
}

// alike is a uuid that begins as another does.
func alike(u string) string { return u[:len(u)-1] + "0" }

// texts adds what a text column or setting may hold: a plain string, a list, a document.
func (g *group) texts(t sqlType, setting bool, set *valueSet) {
	g.strings(t, setting, set)
	if t.labels != nil {
		return
	}
	add := func(s string, fresh int) {
		if t.length == 0 || len(s) <= t.length {
			set.add(value{k: t.kind, s: s, fresh: uint8(fresh)})
		}
	}
	if setting {
		g.structured(add)
	}
	for _, d := range g.documents() {
		add(d.s, int(d.fresh))
	}
}

// variants are the strings that the group's equalities may take for s.
func (g *group) variants(s string, add func(string)) {
	if g.citext || g.pattern {
		add(strings.ToUpper(s))
		add(strings.ToLower(s))
		add(strings.ToUpper(s[:min(1, len(s))]) + s[min(1, len(s)):])
	}
	if g.tree {
		add(s + ".x")
		if short := g.shortest - len(".x"); 0 < short && short < len(s) {
			add(s[:short])
			add(s[:short] + ".x")
		}
	}
	if g.pattern {
		add(s + "x")
		add(s[:min(1, len(s))])
		add(s + "%")
		add(s + " ")
		add(" " + s)
	}
	if g.bpchar {
		add(s + " ")
	}
	if g.folded {
		add(s + "\u00e9")
		add(s + "e\u0301")
	}
	for _, n := range g.cuts {
		if n > 0 && n <= 1<<10 {
			head := (s + strings.Repeat("x", n))[:n]
			add(head)
			add(head + "y")
			add(head + "z")
		}
	}
}

// structured adds settings that hold more than one value.
func (g *group) structured(add func(string, int)) {
	if !g.list {
		return
	}
	seps := []string{","}
	for _, c := range g.consts {
		if c.k == kindText && len(c.s) == 1 && !slices.Contains(seps, c.s) && !isWord(c.s) {
			seps = append(seps, c.s)
		}
	}
	add("{}", 0)
	add("{NULL}", 0)
	for _, names := range g.families() {
		for _, sep := range seps {
			add(names[0]+sep+names[1], 0)
			add(names[1]+sep+names[0], 0)
		}
		add("{"+names[0]+","+names[1]+"}", 0)
		add("{"+names[0]+"}", 0)
		add("{"+names[1]+"}", 0)
		if g.folded {
			add("{"+names[0]+"\u00e9}", 0)
		}
	}
}

// families are the fresh values in each form that the group's conversions read, two or more of each; words are text's own.
func (g *group) families() [][]string {
	out := [][]string{append(g.words[:len(g.words):len(g.words)], "nobody", "none")}
	if g.uuid && len(g.uuids) > 1 {
		out = append(out, g.uuids)
	}
	if g.num && len(g.numbers) > 1 {
		out = append(out, g.numbers)
	}
	return out
}
