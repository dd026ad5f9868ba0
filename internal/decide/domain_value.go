package decide

import (
	"strconv"
	"strings"
)

// uuidValues are the uuids to try: text gets the spellings of each of them.
func (g *group) uuidValues(add func(s string, fresh int)) {
	for i := range g.size() {
		add(g.uuids[i], i+1)
	}
	for _, c := range g.consts {
		if u, ok := parseUUID(c.s); ok {
			add(u, 0)
		}
	}
	if len(g.cuts) > 0 || g.pattern {
		add(alike(g.uuids[0]), 0)
	}
	if g.pattern {
		add("0"+g.uuids[0][1:], 0)
	}
	for _, h := range g.hashes {
		for _, s := range h.uuids() {
			add(s, 0)
		}
	}
}

// numberValues are the numbers to try, those beside the constants where order counts: text gets the spellings of each.
func (g *group) numberValues(add func(s string, fresh int)) {
	for i := range g.size() {
		add(g.numbers[i], i+1)
	}
	for _, c := range g.consts {
		if c.k == kindBool || c.k == kindOther || c.k == kindArray {
			continue
		}
		s, ok, known := parseNumeric(c.s)
		if !ok || !known {
			continue
		}
		add(s, 0)
		if n, err := strconv.ParseInt(s, 10, 32); err == nil && g.ordered {
			for d := int64(1); d <= int64(min(len(g.vars), 3)); d++ {
				add(strconv.FormatInt(n-d, 10), 0)
				add(strconv.FormatInt(n+d, 10), 0)
			}
		}
	}
	for _, step := range g.steps {
		if n, err := strconv.ParseInt(g.numbers[0], 10, 64); err == nil && step < 1<<30 {
			add(strconv.FormatInt(n+step, 10), 0)
		}
	}
	if g.wide {
		for _, s := range g.nearNumbers() {
			add(s, 0)
		}
	}
	for _, n := range g.cuts {
		if 0 < n && n < 9 {
			add("1"+strings.Repeat("0", n), 0)
			add("1"+strings.Repeat("0", n-1)+"1", 0)
		}
	}
	for _, h := range g.hashes {
		for _, s := range h.numbers() {
			add(s, 0)
		}
	}
}
