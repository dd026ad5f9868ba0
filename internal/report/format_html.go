package report

import (
	"fmt"
	"html/template"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/ringfencehq/ringfence/internal/audit"
	"github.com/ringfencehq/ringfence/internal/prove"
)

var htmlFormat = Format{
	Name: "html", Doc: "one page of its own for people: nothing is loaded from elsewhere, and it is light or dark as they like",
	Write: func(w io.Writer, r *Report, _ Options) error {
		var b strings.Builder
		var err error
		switch {
		case r.Prove != nil:
			err = page.ExecuteTemplate(&b, "prove", htmlProof(r.Prove))
		case r.Decision != nil:
			err = page.ExecuteTemplate(&b, "decision", r.Decision)
		case r.Audit != nil:
			err = page.ExecuteTemplate(&b, "audit", htmlFindings(r.Audit))
		default:
			s := &sheet{}
			marker{sheet: s}.report(r)
			err = page.ExecuteTemplate(&b, "sheet", s)
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

// An htmlAudit is an audit as its page shows it: what one rule found stands together, and is there once.
type htmlAudit struct {
	*Audit
	Totals   string
	Classes  []string
	Groups   [][]audit.Finding
	Accepted []audit.Finding
}

func htmlFindings(a *Audit) htmlAudit {
	out := htmlAudit{Audit: a, Totals: (&printer{}).totals(a.Summary), Classes: a.Model.classes(), Groups: alike(a.Findings)}
	for _, f := range a.Findings {
		if f.Accepted != nil {
			out.Accepted = append(out.Accepted, f)
		}
	}
	return out
}

// exampleFix is the first repair among findings of one rule; nil where there is none.
func exampleFix(same []audit.Finding) *audit.Fix {
	for _, f := range same {
		if f.Fix != nil {
			return f.Fix
		}
	}
	return nil
}

// A site is where one rule found the same thing, for one role or for several.
type site struct {
	Objects     []string
	Detail, Way string

	roles []string
}

// sitesOf gathers findings of one rule that say the same of several objects, in the order in which each is met first.
func sitesOf(same []audit.Finding) []site {
	var out []site
	at := map[[2]string]int{}
	for _, f := range same {
		key := [2]string{f.Detail, wayOf(f, "")}
		n, met := at[key]
		if !met {
			n, at[key] = len(out), len(out)
			out = append(out, site{Detail: f.Detail})
		}
		s := &out[n]
		s.Objects, s.roles = with(s.Objects, f.Object), with(s.roles, f.Role)
		s.Way = wayOf(f, strings.Join(s.roles, " or "))
	}
	return out
}

// with adds a word that is not there yet.
func with(words []string, word string) []string {
	if slices.Contains(words, word) {
		return words
	}
	return append(words, word)
}

// soft lets a line break within long names, where their parts meet.
func soft(s string) template.HTML {
	var b strings.Builder
	for i, r := range s {
		b.WriteString(template.HTMLEscapeString(string(r)))
		if i > 0 && strings.ContainsRune("._/,(", r) {
			b.WriteString("<wbr>")
		}
	}
	return template.HTML(b.String())
}

// wayOf is the way of a finding that leads over something, as those roles go it, or "".
func wayOf(f audit.Finding, roles string) string {
	if f.Role == "" || len(f.Path) == 0 {
		return ""
	}
	return way(roles, f.Path, f.Command)
}

// grave reports whether a finding's group stands open when the page is opened.
func grave(s audit.Severity) bool { return s == audit.Critical || s == audit.High || s == audit.Medium }

// isNumber reports whether a cell holds a figure, which stands to the right.
func isNumber(cell string) bool {
	_, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSuffix(cell, " MB"), " kB"), 64)
	return err == nil
}

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"stations": Stations, "values": Values, "variant": Variant, "join": strings.Join, "example": exampleFix, "sites": sitesOf, "soft": soft, "grave": grave, "number": isNumber,
	"lines": func(s string) []string { return strings.Split(s, "\n") },
	"words": orNone, "version": func(n int) string { return fmt.Sprintf("%d.%d", n/10000, n%10000) },
	"question": question, "answer": answer, "decidedOn": decidedOn, "stood": stood, "stands": stands, "item": item, "counts": countsWord, "next": next,
	"background": func() string { return background },
}).Parse(htmlPage + htmlDecision))
