package report

import (
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/prove"
	"github.com/ringfencehq/ringfence/internal/reach"
)

// Columns are the commands of the matrix, in its order.
var Columns = []string{"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE"}

// A MatrixRow is a table's line in the matrix: one square for each of Columns.
type MatrixRow struct {
	Table   string
	Squares []Square
}

// A Square is the matrix's verdict on one table and command; the zero Square says that there is no such cell.
type Square struct {
	Verdict  prove.Verdict
	Accepted bool
}

// Letter gives the verdict in one letter, in lower case where it was accepted.
func (s Square) Letter() string {
	switch l := letters[s.Verdict].letter; {
	case l == "":
		return "–"
	case s.Accepted:
		return strings.ToLower(l)
	default:
		return l
	}
}

// Matrix gives the worst verdict of each table and command over roles, variants and paths, isolation only, by table; what was accepted
// counts only where nothing else is worse than proved.
func Matrix(cells []prove.Cell) []MatrixRow {
	at := map[string]int{}
	var out []MatrixRow
	for _, c := range cells {
		if c.Kind != reach.Isolation {
			continue
		}
		i, ok := at[c.Relation]
		if !ok {
			i, at[c.Relation] = len(out), len(out)
			out = append(out, MatrixRow{Table: c.Relation, Squares: make([]Square, len(Columns))})
		}
		column := slices.Index(Columns, c.Command)
		if column < 0 {
			continue
		}
		next := Square{c.Verdict, c.Accepted != nil}
		if old := &out[i].Squares[column]; next.worse(*old) {
			*old = next
		}
	}
	slices.SortFunc(out, func(a, b MatrixRow) int { return strings.Compare(a.Table, b.Table) })
	return out
}

// worse reports whether s is worse news than o: an accepted leak is better than any that is not proved, and worse than proved.
func (s Square) worse(o Square) bool { return s.rank() < o.rank() }

func (s Square) rank() int {
	switch {
	case s.Verdict == "":
		return 4
	case s.Verdict == prove.Proved:
		return 3
	case s.Accepted, s.Verdict == prove.Probed:
		return 2
	case s.Verdict == prove.Unproven:
		return 1
	}
	return 0
}

// Worst returns the row's worst square.
func (r MatrixRow) Worst() Square {
	return slices.MinFunc(r.Squares, func(a, b Square) int { return a.rank() - b.rank() })
}

// A Station is one box of a path that is drawn, and how the next is reached.
type Station struct{ Kind, Name, Via string }

// Stations draws a cell's way: role → … → row.
func Stations(c prove.Cell) []Station {
	out := []Station{{Kind: "role", Name: c.Role}}
	for _, h := range c.Path {
		out[len(out)-1].Via = strings.ReplaceAll(h.Via, "_", " ")
		out = append(out, Station{Kind: kindOf(h), Name: h.Name})
	}
	out[len(out)-1].Via = Variant(c)
	out = append(out, Station{Kind: "table", Name: c.Relation}, Station{Kind: "row", Name: "another tenant's row"})
	out[len(out)-2].Via = c.Kind
	return out
}

func kindOf(h reach.Hop) string {
	switch h.Via {
	case "inherit", "set_role", "owner":
		return "role"
	}
	return strings.ReplaceAll(h.Via, "_", " ")
}

// Variant writes a cell's command with its variant.
func Variant(c prove.Cell) string {
	if c.Variant == "" {
		return c.Command
	}
	return c.Command + " (" + strings.ReplaceAll(c.Variant, "_", " ") + ")"
}

// Values writes a row or a context: name=value, sorted; NULL and unset are words.
func Values(m map[string]*string) string {
	var names []string
	for n := range m {
		names = append(names, n)
	}
	var out []string
	for _, n := range sorted(names) {
		v := "NULL"
		if m[n] != nil {
			v = "'" + safe(*m[n]) + "'"
		}
		out = append(out, safe(n)+"="+v)
	}
	return "(" + strings.Join(out, ", ") + ")"
}
