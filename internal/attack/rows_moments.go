package attack

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// Moments of one row that are held against one another (a shift's start and end) are drawn together: all stand at distances
// from one anchor, since two moments drawn apart satisfy "between one hour and twelve" by luck only.

// related returns the columns of dates and times that stand with the column in one check, index, exclusion constraint or
// generated column, the column itself included; nil where it stands alone. The text is what relates them.
func (d *draft) related(c *catalog.Column) (columns []string, text string) {
	if !d.moment(c.Name) {
		return nil, ""
	}
	var b strings.Builder
	for _, group := range d.momentGroups() {
		if !slices.Contains(group.columns, c.Name) {
			continue
		}
		b.WriteString(" " + group.text)
		for _, name := range group.columns {
			if d.moment(name) && !slices.Contains(columns, name) {
				columns = append(columns, name)
			}
		}
	}
	if len(columns) < 2 {
		return nil, ""
	}
	slices.SortFunc(columns, func(a, b string) int { return slices.Index(d.order, a) - slices.Index(d.order, b) })
	return columns, b.String()
}

// A momentGroup is columns that one expression speaks of.
type momentGroup struct {
	columns []string
	text    string
}

// momentGroups returns the groups of columns that checks, keys and generated columns of the table speak of.
func (d *draft) momentGroups() []momentGroup {
	if d.groups != nil {
		return d.groups
	}
	out := []momentGroup{}
	for _, k := range d.rel.Constraints {
		if k.Kind == "check" && k.Check != nil {
			out = append(out, momentGroup{k.Columns, k.Check.Text + d.m.called(k.Check.Text)})
		}
	}
	for _, x := range d.rel.Indexes {
		out = append(out, momentGroup{columns: indexed(d.rel, x)})
	}
	for _, c := range d.rel.Columns {
		if c.Generated == "" || c.Default == nil {
			continue
		}
		g := momentGroup{text: c.Default.Text}
		for _, name := range d.order {
			if mentions(c.Default.Text, name) {
				g.columns = append(g.columns, name)
			}
		}
		out = append(out, g)
	}
	d.groups = out
	return out
}

// moment reports whether a column that the draft may give holds a date or a date with a time.
func (d *draft) moment(name string) bool {
	return d.layout(name) != ""
}

// layout is how the column's moments are written; "" where it holds none.
func (d *draft) layout(name string) string {
	f := d.fields[name]
	if f == nil || f.locked {
		return ""
	}
	base, _ := d.m.s.baseType(f.col.TypeOID, f.col.TypeMod)
	switch {
	case base == nil:
		return ""
	case base.Name == "date":
		return time.DateOnly
	case base.Name == "timestamp" || base.Name == "timestamptz":
		return time.DateTime
	}
	return ""
}

// moments proposes values for a column that is held against others: at the distances from the row's anchor that the
// expressions name, their neighbours and the middle between each two. Columns are taken to follow one another in time in
// their order first.
func (d *draft) moments(c *catalog.Column) []string {
	columns, text := d.related(c)
	if columns == nil {
		return nil
	}
	layout := d.layout(c.Name)
	unit := time.Hour
	if layout == time.DateOnly {
		unit = 24 * time.Hour
	}
	distances := distancesIn(text, unit)
	step := distances[0]
	offsets := append([]time.Duration{time.Duration(slices.Index(columns, c.Name)) * step, 0}, distances...)
	var out []string
	for _, o := range offsets {
		if v := d.anchored().Add(o).Format(layout); !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// spans proposes numbers for a column that one expression holds against two moments, as a stay's nights are: the days that
// moments proposes between them, in the same order.
func (d *draft) spans(c *catalog.Column) []string {
	if base, _ := d.m.s.baseType(c.TypeOID, c.TypeMod); base == nil || base.Category != "N" {
		return nil
	}
	var out []string
	for _, g := range d.momentGroups() {
		text := d.heldAgainst(g)
		if text != "" && slices.Contains(g.columns, c.Name) {
			for _, x := range distancesIn(text, 24*time.Hour) {
				out = append(out, itoa(int(x/(24*time.Hour))))
			}
		}
	}
	return out
}

// heldAgainst returns the text of all that relates a group's moments; "" where it has fewer than two.
func (d *draft) heldAgainst(g momentGroup) string {
	for _, name := range g.columns {
		if f := d.fields[name]; f != nil {
			if columns, text := d.related(f.col); columns != nil {
				return text
			}
		}
	}
	return ""
}

// anchored returns the moment that the row's own moments are near, midnight of a day that is drawn once.
func (d *draft) anchored() time.Time {
	if d.anchor.IsZero() {
		d.anchor = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, d.m.v.random.IntN(maxAnchorDays))
	}
	return d.anchor
}

const (
	maxAnchorDays    = 20000 // among which two rows hardly ever meet
	maxAnchors       = 8     // draws for one row
	maxDistances     = 6     // read from one table's expressions
	maxDistanceYears = 1000
)

// reanchor moves the row's related moments elsewhere together, where another row stands in their way; false where none of
// the columns is such a moment, or it was moved often enough.
func (d *draft) reanchor(columns []string) bool {
	if d.anchors++; d.anchors > maxAnchors {
		return false
	}
	moved := false
	d.anchor = time.Time{}
	for _, name := range columns {
		f := d.fields[name]
		if f == nil || f.locked {
			continue
		}
		related, _ := d.related(f.col)
		for _, r := range related {
			d.fields[r].options = nil // drawn again from the new anchor; the place in the list stays
			moved = true
		}
	}
	return moved
}

// The parts of an interval as PostgreSQL writes it.
var (
	intervalParts = regexp.MustCompile(`(-?\d+) (year|mon|day)s?`)
	intervalClock = regexp.MustCompile(`(\d+):(\d\d):(\d\d)`)
)

// distancesIn returns the distances a text names, intervals and whole numbers of units, with the middle between each two and
// what lies just beside; the likeliest first. It is never empty.
func distancesIn(text string, unit time.Duration) []time.Duration {
	var named []time.Duration
	add := func(x time.Duration) {
		if x > 0 && !slices.Contains(named, x) && len(named) < maxDistances {
			named = append(named, x)
		}
	}
	for _, m := range quotedLiteral.FindAllStringSubmatch(text, -1) {
		add(parseInterval(m[1]))
	}
	for _, m := range bareNumber.FindAllStringSubmatch(quotedLiteral.ReplaceAllString(text, ""), -1) {
		if n := toFloat(m[1]); n > 0 && n < maxDistanceYears*365 {
			add(time.Duration(n * float64(unit)))
		}
	}
	slices.Sort(named)
	var out []time.Duration
	for i := 1; i < len(named); i++ {
		out = append(out, ((named[i-1] + named[i]) / 2).Round(time.Second))
	}
	beside := min(unit, time.Second)
	if unit >= 24*time.Hour {
		beside = unit
	}
	for _, x := range named {
		out = append(out, x, x+beside, max(x-beside, 0))
	}
	return append(out, unit, 2*unit, 24*time.Hour, 30*24*time.Hour)
}

// parseInterval reads an interval as PostgreSQL writes it; 0 where it is none. Months and years are taken at their least
// common length.
func parseInterval(s string) time.Duration {
	const day = 24 * time.Hour
	lengths := map[string]time.Duration{"year": 365 * day, "mon": 30 * day, "day": day}
	var out time.Duration
	for _, m := range intervalParts.FindAllStringSubmatch(s, -1) {
		n, err := strconv.Atoi(m[1])
		if err != nil || n < 0 || n > maxDistanceYears*365 || (m[2] == "year" && n > maxDistanceYears) {
			return 0
		}
		if m[2] == "mon" && n > maxDistanceYears*12 {
			return 0
		}
		out += time.Duration(n) * lengths[m[2]]
	}
	if m := intervalClock.FindStringSubmatch(s); m != nil {
		h, _ := strconv.Atoi(m[1]) // the expression matches digits only; too many give the largest int, which the bound drops
		if h > maxDistanceYears*365*24 {
			return 0
		}
		out += time.Duration(h)*time.Hour + time.Duration(toFloat(m[2]))*time.Minute + time.Duration(toFloat(m[3]))*time.Second
	}
	return out
}
