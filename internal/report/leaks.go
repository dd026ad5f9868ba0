package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/prove"
	"github.com/ringfencehq/ringfence/internal/reach"
)

// A leakGroup is the leaks of one cause: one role, one way and one reason, on one table or on several that stand open alike.
type leakGroup struct {
	role     string
	path     []reach.Hop
	why      string
	commands []string // with their variants, as Variant writes them
	tables   []string
	shown    prove.Cell // the leak that shows it best
}

// leakGroups puts the leaks that nobody accepted together by their cause, in the order of their first cells. Apart, each is a
// group of its own.
func leakGroups(cells []prove.Cell, apart bool) []*leakGroup {
	var leaks []*leakGroup
	for _, c := range cells {
		if c.Verdict != prove.Leak || c.Kind != "isolation" || c.Accepted != nil {
			continue
		}
		leaks = append(leaks, &leakGroup{role: c.Role, path: c.Path, why: c.Why, commands: []string{Variant(c)}, tables: []string{c.Relation}, shown: c})
	}
	if apart {
		return leaks
	}
	ofTable := together(leaks, func(g *leakGroup) string { return g.tables[0] }, func(g, next *leakGroup) {
		g.commands = append(g.commands, next.commands...)
	})
	return together(ofTable, func(g *leakGroup) string { return strings.Join(g.commands, "\x00") }, func(g, next *leakGroup) {
		g.tables = append(g.tables, next.tables...)
	})
}

// together joins groups of one cause that share a key too.
func together(groups []*leakGroup, key func(*leakGroup) string, join func(g, next *leakGroup)) []*leakGroup {
	var out []*leakGroup
	seen := map[string]*leakGroup{}
	for _, next := range groups {
		k := way(next.role, next.path, "") + "\x00" + next.why + "\x00" + key(next)
		g := seen[k]
		if g == nil {
			seen[k] = next
			out = append(out, next)
			continue
		}
		join(g, next)
		if telling(next.shown) > telling(g.shown) {
			g.shown = next.shown
		}
	}
	return out
}

// telling orders leaks by how well they show their cause: executed before said, and among these what is read first.
func telling(c prove.Cell) int {
	n := 0
	if c.Witness != nil {
		n = 2 * (1 + slices.Index([]string{"no", "expression", "rows"}, c.Witness.Executed))
	}
	if c.Command == "SELECT" && c.Variant == "" {
		n++
	}
	return n
}

// leak writes a group: who, over what, which commands on which tables; why; and the row and the statement that show it.
func (p *printer) leak(g *leakGroup) {
	const commands = 3 // that the first line names
	p.line("%s  %s", p.paint("critical", "LEAK"), p.paint("bold", way(g.role, g.path, few(g.commands, commands, "commands")+" on "+few(g.tables, 1, "tables"))))
	if len(g.commands) > commands {
		p.wrapped("    ", "commands: "+safe(strings.Join(g.commands, ", ")))
	}
	p.tables(g.tables)
	p.wrapped("    ", safe(g.why))
	if w := g.shown.Witness; w != nil {
		if len(w.Row)+len(w.Context) > 0 { // where privileges alone decide, any row shows it
			p.wrapped("    ", rowWords(w.Row)+" in the context "+Values(w.Context)+" (executed: "+w.Executed+")")
		}
		if w.Statement != "" {
			p.line("    %s", safe(w.Statement))
		}
	}
	p.line("")
}

// rowWords writes a witness's row; what holds of every row of the table has none.
func rowWords(row map[string]*string) string {
	if len(row) == 0 {
		return "any row"
	}
	return "row " + Values(row)
}

// tables names the tables of a group of several, the first ones where there are many.
func (p *printer) tables(names []string) {
	if len(names) > 1 {
		p.wrapped("    ", "tables: "+safe(strings.Join(shorten(names, mostObjects, listsAll), ", ")))
	}
}

// few names the words of a list, or says how many there are.
func few(words []string, most int, noun string) string {
	if len(words) > most {
		return fmt.Sprintf("%d %s", len(words), noun)
	}
	return strings.Join(words, ", ")
}
