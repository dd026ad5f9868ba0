package console

import (
	"net/http"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/report"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// The tenancy map is drawn in columns: the tenant key on the left, the tables that hold it beside it, and to the right of each its
// children, level by level.

// geometry of the drawing, in pixels.
const (
	boxWidth, boxHeight = 250, 26
	gapX, gapY          = 60, 8
	boxLetters          = 31 // of a table's name
)

// A box is one table of the drawing.
type box struct {
	Table *report.Table
	Level int
	X, Y  int
	// The line to what it reaches its tenant through, from X1, Y1 to X2, Y2, by columns Via.
	X1, Y1, X2, Y2 int
	Via            string
}

// A drawing is the boxes of one page of the map.
type drawing struct {
	Boxes         []box
	Width, Height int
	Box, Tall     int
}

// A line is one table in words.
type line struct {
	Table *report.Table
	Via   parent
	Level int
}

// trees lists the tenant tables, each followed by its children, level by level. A child whose parent is none of them, or that is its
// own ancestor, stands at the top, so that none is left out.
func (p *Posture) trees() []line {
	children := map[string][]*report.Table{}
	tenant := map[string]bool{}
	for i := range p.Audit.Model.Tables {
		if t := &p.Audit.Model.Tables[i]; t.Class.Tenant() {
			tenant[t.Name] = true
		}
	}
	var tops []*report.Table
	for i := range p.Audit.Model.Tables {
		t := &p.Audit.Model.Tables[i]
		switch up := p.parents[t.Name].Table; {
		case !tenant[t.Name]:
		case t.Class == tenancy.Child && tenant[up] && up != t.Name:
			children[up] = append(children[up], t)
		default:
			tops = append(tops, t)
		}
	}
	slices.SortStableFunc(tops, func(a, b *report.Table) int { // those with children first: they are what a map is for
		return min(len(children[b.Name]), 1) - min(len(children[a.Name]), 1)
	})
	var out []line
	drawn := map[string]bool{}
	var walk func(t *report.Table, level int)
	walk = func(t *report.Table, level int) {
		if drawn[t.Name] {
			return
		}
		drawn[t.Name] = true
		out = append(out, line{t, p.parents[t.Name], level})
		for _, child := range children[t.Name] {
			walk(child, level+1)
		}
	}
	for _, t := range tops {
		walk(t, 0)
	}
	for i := range p.Audit.Model.Tables { // what only a circle holds
		if t := &p.Audit.Model.Tables[i]; tenant[t.Name] {
			walk(t, 0)
		}
	}
	return out
}

// draw places the lines: one row each, indented by level.
func draw(lines []line) drawing {
	d := drawing{Box: boxWidth, Tall: boxHeight, Width: boxWidth}
	last := map[int]int{} // by level, the box drawn last
	left := 150
	for i, l := range lines {
		b := box{Table: l.Table, Level: l.Level, X: left + l.Level*gapX, Y: i * (boxHeight + gapY)}
		b.X2, b.Y2 = b.X, b.Y+boxHeight/2
		if up, ok := last[l.Level-1]; ok && l.Level > 0 {
			b.X1, b.Y1, b.Via = d.Boxes[up].X+16, d.Boxes[up].Y+boxHeight, l.Via.Columns
		} else {
			b.X1, b.Y1, b.Via = left-40, boxHeight/2, strings.Join(l.Table.Key, ", ")
		}
		last[l.Level] = i
		d.Boxes = append(d.Boxes, b)
		d.Width = max(d.Width, b.X+boxWidth+1)
	}
	d.Height = max(boxHeight, len(lines)*(boxHeight+gapY))
	return d
}

// tenancyMap shows the tables by class, and how each reaches its tenant.
func (s *subject) tenancyMap(w http.ResponseWriter, r *http.Request) {
	p := s.posture(w, r)
	if p == nil {
		return
	}
	text := strings.ToLower(r.URL.Query().Get("q"))
	own := struct {
		Model   *report.Model
		Counts  []count
		Lines   paging[line]
		Drawing drawing
		Others  []report.Table // neither owned, child nor root; the first of them
		More    int
		Q       string
	}{Model: &p.Audit.Model, Q: r.URL.Query().Get("q")}
	numbers := map[tenancy.Class]int{}
	for _, t := range p.Audit.Model.Tables {
		numbers[t.Class]++
		if !t.Class.Tenant() && strings.Contains(strings.ToLower(t.Name), text) {
			if len(own.Others) < perPage {
				own.Others = append(own.Others, t)
			} else {
				own.More++
			}
		}
	}
	for _, class := range []tenancy.Class{tenancy.Root, tenancy.Owned, tenancy.Child, tenancy.Global, tenancy.Infrastructure, tenancy.Unclassified} {
		own.Counts = append(own.Counts, count{string(class), numbers[class]})
	}
	lines := slices.DeleteFunc(p.trees(), func(l line) bool { return !strings.Contains(strings.ToLower(l.Table.Name), text) })
	own.Lines = paged(r, lines)
	own.Drawing = draw(own.Lines.Items)
	s.render(w, r, "map", "Tenancy map", own)
}
