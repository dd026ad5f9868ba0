package audit

import (
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/decide"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// An open is a way with its answer and the table it leads to.
type open struct {
	way    *reach.Way
	answer *decide.Decision
	table  *tenancy.Table
}

// opens returns the refuted isolation ways that keep returns true for, in the order of Ways.
func (in *Input) opens(keep func(open) bool) []open {
	return in.ways(func(o open) bool { return o.answer.Verdict == decide.Leak && keep(o) })
}

// ways returns the isolation ways with a privilege that keep returns true for, in the order of Ways.
func (in *Input) ways(keep func(open) bool) []open {
	var out []open
	for _, o := range in.isolation {
		if keep(o) {
			out = append(out, o)
		}
	}
	return out
}

// isolationWays pairs each isolation way that a privilege gives with its answer and its table; those over a function that may be
// replaced are told of the function, by a rule of their own.
func isolationWays(in *Input) []open {
	tables := make(map[*catalog.Relation]*tenancy.Table, len(in.Model.Tables))
	for _, t := range in.Model.Tables {
		tables[t.Relation] = t
	}
	var out []open
	for i := range in.Ways {
		w := &in.Ways[i]
		if t := tables[w.Relation]; t != nil && w.Privileged && w.Kind == reach.Isolation && w.Planted == nil {
			out = append(out, open{way: w, answer: &in.Answers[i], table: t})
		}
	}
	return out
}

// viaRole are the hops that only change who acts, not where.
var viaRole = []string{"inherit", "set_role", "owner"}

// detour returns the first hop of the path that is not a change of role, and whether there is one.
func detour(p reach.Path) (reach.Hop, bool) {
	for _, h := range p {
		if !slices.Contains(viaRole, h.Via) {
			return h, true
		}
	}
	return reach.Hop{}, false
}

// owns reports whether the path is by the powers of an owner: what it could change, not what stands open.
func owns(p reach.Path) bool {
	return slices.ContainsFunc(p, func(h reach.Hop) bool { return h.Via == "owner" })
}

// A group is the open ways of one role to one table that one finding tells of.
type group struct {
	open
	commands []string
}

// byTable folds opens into one group for each role, object and table; key gives the object that the finding names. The
// shortest path of a group is the one shown.
func byTable(opens []open, key func(open) string) []group {
	var out []group
	at := map[string]int{}
	for _, o := range opens {
		k := o.way.Role + "\x00" + key(o) + "\x00" + o.table.Relation.Identity()
		i, seen := at[k]
		if !seen {
			at[k] = len(out)
			out = append(out, group{open: o})
			i = len(out) - 1
		}
		if len(o.way.Path) < len(out[i].way.Path) {
			out[i].open = o
		}
		if c := verb(o.way); !slices.Contains(out[i].commands, c) {
			out[i].commands = append(out[i].commands, c)
		}
	}
	return out
}

// verb is the command with its variant, for people.
func verb(w *reach.Way) string {
	switch w.Variant {
	case "":
		return string(w.Command)
	case "blind":
		return string(w.Command) + " without a WHERE"
	}
	return string(w.Command) + " (" + strings.ReplaceAll(w.Variant, "_", " ") + ")"
}

// does lists what is open, for people: a command once where it is open as it stands, its variants where only they are.
func (g group) does() string {
	var out []string
	for _, c := range g.commands {
		base, _, special := strings.Cut(c, " ")
		if !special || !slices.Contains(g.commands, base) {
			out = append(out, c)
		}
	}
	return list(out)
}

// finding makes the finding of a group on its table.
func (g group) finding(detail string) Finding {
	t := g.table.Relation
	return Finding{
		Object: t.Identity(), ObjectType: string(t.Kind), Table: t.Identity(), Role: g.way.Role,
		Command: string(g.way.Command), Path: g.way.Path, Detail: detail,
	}
}

// list writes words as a person would: a, b and c.
func list(words []string) string {
	switch len(words) {
	case 0:
		return ""
	case 1:
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

// tables returns the relations of the model that are tables of some kind, with their class.
func (in *Input) tables() []*tenancy.Table { return in.Model.Tables }

// canTouch reports whether some application role has, or can get, one of the privileges on the relation, and returns the first
// such way.
func (in *Input) canTouch(r *catalog.Relation, commands ...reach.Command) *reach.Way {
	var best *reach.Way
	for _, i := range in.byTable[r] {
		w := &in.Ways[i]
		if !w.Privileged || (len(commands) > 0 && !slices.Contains(commands, w.Command)) {
			continue
		}
		if _, around := detour(w.Path); around {
			continue
		}
		if best == nil || len(w.Path) < len(best.Path) {
			best = w
		}
	}
	return best
}

// direct reports whether the way leads to the table itself, over nothing but roles.
func direct(o open) bool {
	_, around := detour(o.way.Path)
	return !around && !owns(o.way.Path)
}

// plain reports whether the way is a statement on rows that policies could bind: not TRUNCATE and the like.
func plain(w *reach.Way) bool {
	switch w.Command {
	case reach.Select, reach.Insert, reach.Update, reach.Delete, reach.Merge:
		return true
	}
	return false
}
