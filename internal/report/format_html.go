package report

import (
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/prove"
	"github.com/ringfencehq/ringfence/internal/reach"
)

var htmlFormat = Format{
	Name: "html", Doc: "one page of its own for people: nothing is loaded from elsewhere, and it is light or dark as they like",
	Writes: func(r *Report) bool { return r.Prove != nil || r.Audit != nil },
	Write: func(w io.Writer, r *Report, _ Options) error {
		var b strings.Builder
		var err error
		if r.Prove != nil {
			err = page.ExecuteTemplate(&b, "prove", htmlProof(r.Prove))
		} else {
			err = page.ExecuteTemplate(&b, "audit", r.Audit)
		}
		if err != nil {
			return err
		}
		for line := range strings.SplitAfterSeq(b.String(), "\n") {
			text, end := strings.CutSuffix(line, "\n")
			if _, err := io.WriteString(w, safe(text)+map[bool]string{true: "\n"}[end]); err != nil {
				return err
			}
		}
		return nil
	},
}

// An htmlProve is a proof as its page shows it.
type htmlProve struct {
	*Prove
	Columns  []string
	Rows     []htmlRow
	Leaks    []prove.Cell
	Unproven []prove.Cell
	Accepted []prove.Cell
}

// An htmlRow is a table's line in the matrix.
type htmlRow struct {
	Table   string
	Squares []square
}

func htmlProof(d *Prove) htmlProve {
	out := htmlProve{Prove: d, Columns: columns}
	squares, tables := squaresOf(d.Cells)
	for _, t := range sorted(tables) {
		row := htmlRow{Table: t}
		for _, c := range columns {
			row.Squares = append(row.Squares, squares[t][c])
		}
		out.Rows = append(out.Rows, row)
	}
	for _, c := range d.Cells {
		switch {
		case c.Accepted != nil:
			out.Accepted = append(out.Accepted, c)
		case c.Verdict == prove.Leak:
			out.Leaks = append(out.Leaks, c)
		case c.Verdict == prove.Unproven:
			out.Unproven = append(out.Unproven, c)
		}
	}
	slices.SortStableFunc(out.Leaks, func(a, b prove.Cell) int { return -strings.Compare(a.Kind, b.Kind) }) // isolation before inference
	return out
}

// A station is one box of a path that is drawn, and how the next is reached.
type station struct{ Kind, Name, Via string }

// stations draws a cell's way: role → … → row.
func stations(c prove.Cell) []station {
	out := []station{{Kind: "role", Name: c.Role}}
	for _, h := range c.Path {
		out[len(out)-1].Via = strings.ReplaceAll(h.Via, "_", " ")
		out = append(out, station{Kind: kindOf(h), Name: h.Name})
	}
	out[len(out)-1].Via = variant(c)
	out = append(out, station{Kind: "table", Name: c.Relation}, station{Kind: "row", Name: "another tenant's row"})
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

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"stations": stations, "values": values, "variant": variant, "join": strings.Join,
	"letter": func(s square) string {
		l := letters[s.verdict].letter
		if l == "" {
			return "–"
		}
		if s.accepted {
			return strings.ToLower(l)
		}
		return l
	},
	"word": func(s square) string { return string(s.verdict) },
}).Parse(htmlPage))
