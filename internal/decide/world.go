package decide

import "strings"

// A world is a restriction of the context under which a refutation is looked for, most telling first: what is found in a
// proper context is said before what is found in an unset one.
type world struct {
	reason Reason // of a refutation found here, unless the row says more
	allows func(i int, v value) bool
}

// worlds lists the worlds of a judgement.
func (j *judgement) worlds() []world {
	context := func(test func(value, tenantContext) bool) func(int, value) bool {
		return func(i int, v value) bool {
			for _, t := range j.k.contexts {
				if t.v == i && j.c.p.vars[i].class == classSetting {
					return test(v, t)
				}
			}
			return j.c.p.vars[i].class != classSetting || v.null
		}
	}
	out := []world{
		{ForeignRow, context(j.proper)},
		{UnsetContext, context(func(v value, _ tenantContext) bool { return v.null })},
		{EmptyContext, context(func(v value, _ tenantContext) bool { return !v.null && v.s == "" })},
		{MalformedCtx, context(func(v value, t tenantContext) bool { return !v.null && v.s != "" && !j.proper(v, t) })},
	}
	if j.otherSettings() {
		proper := context(j.proper)
		out = append(out, world{OtherSetting, func(i int, v value) bool {
			if j.c.p.vars[i].class == classSetting && !j.isContext(i) {
				return true
			}
			return proper(i, v)
		}})
	}
	return append(out, world{ForeignRow, nil})
}

func (j *judgement) otherSettings() bool {
	for i := range j.c.p.vars {
		if j.c.p.vars[i].class == classSetting && !j.isContext(i) {
			return true
		}
	}
	return false
}

// proper reports whether a context's value names a tenant as an application would set it.
func (j *judgement) proper(v value, t tenantContext) bool {
	if v.null {
		return false
	}
	if t.path != nil {
		m, how := member(value{k: kindJSON, s: v.s}, t.path, true)
		return how == done && !m.null && j.plain(m.s)
	}
	if strings.HasPrefix(v.s, "{") && strings.Contains(v.s, `":`) {
		return strings.ContainsAny(v.s, "abcdef0123456789") && len(v.s) > 2
	}
	for part := range strings.SplitSeq(v.s, ",") {
		if !j.plain(part) {
			return false
		}
	}
	return true
}

// plain reports whether a string is a tenant of the key's type.
func (j *judgement) plain(s string) bool {
	if len(j.k.keys) == 0 {
		return isWord(s)
	}
	switch j.c.p.vars[j.k.keys[0]].t.kind {
	case kindUUID:
		_, ok := parseUUID(s)
		return ok
	case kindNum:
		_, ok := parseInt(s)
		return ok && isWord(s)
	}
	if _, ok := parseUUID(s); ok {
		return true
	}
	return isWord(s)
}
