package report

import (
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/prove"
)

var htmlFormat = Format{
	Name: "html", Doc: "one page of its own for people: nothing is loaded from elsewhere, and it is light or dark as they like",
	Writes: func(r *Report) bool { return r.Prove != nil || r.Audit != nil || r.Decision != nil },
	Write: func(w io.Writer, r *Report, _ Options) error {
		var b strings.Builder
		var err error
		switch {
		case r.Prove != nil:
			err = page.ExecuteTemplate(&b, "prove", htmlProof(r.Prove))
		case r.Decision != nil:
			err = page.ExecuteTemplate(&b, "decision", r.Decision)
		default:
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
	Rows     []MatrixRow
	Leaks    []prove.Cell
	Unproven []prove.Cell
	Accepted []prove.Cell
}

func htmlProof(d *Prove) htmlProve {
	out := htmlProve{Prove: d, Columns: Columns, Rows: Matrix(d.Cells)}
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

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"stations": Stations, "values": Values, "variant": Variant, "join": strings.Join,
	"question": question, "answer": answer, "decidedOn": decidedOn, "stood": stood, "item": item, "counts": countsWord,
	"background": func() string { return background },
}).Parse(htmlPage + htmlDecision))
