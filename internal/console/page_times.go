package console

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"

	"github.com/go-analyze/charts"

	"github.com/ringfencehq/ringfence/internal/bench"
)

// charted bounds the bars of a chart.
const charted = 12

// A timing is one case over all documents that time it, each as the application's role of its time.
type timing struct {
	Table, Query, Role string
	Medians            []*float64 // as the application, by document; nil: not timed there
	Without            *float64   // without the policy, in the latest document
	Indexes            []string   // used in the latest
	Unknown            string
	Worse              bool
}

// timings lines up the cases of all documents, the slowest of the latest first.
func (s *subject) timings() []timing {
	at := map[[2]string]int{}
	var out []timing
	for n, d := range s.Bench {
		for _, x := range d.Bench {
			key := [2]string{x.Table, x.Query}
			i, ok := at[key]
			if !ok {
				i, at[key] = len(out), len(out)
				out = append(out, timing{Table: x.Table, Query: x.Query, Medians: make([]*float64, len(s.Bench))})
			}
			out[i].fill(n, &x)
		}
	}
	slices.SortStableFunc(out, func(a, b timing) int { return cmp.Compare(b.slowest(), a.slowest()) })
	return out
}

func (t *timing) fill(n int, c *bench.Case) {
	t.Role, t.Unknown, t.Worse, t.Without, t.Indexes = c.Role, c.Unknown, c.Worse, nil, nil
	if c.With != nil {
		t.Medians[n] = &c.With.Median
	}
	if c.Without != nil {
		t.Without = &c.Without.Median
	}
	if c.Plan != nil {
		t.Indexes = c.Plan.Indexes
	}
}

func (t *timing) slowest() float64 {
	worst := 0.0
	for _, m := range t.Medians {
		if m != nil {
			worst = max(worst, *m)
		}
	}
	return worst
}

// times shows how long tenants' queries take, before and after.
func (s *subject) times(w http.ResponseWriter, r *http.Request) {
	s.render(w, r, "times", "Times", struct {
		Documents int
		Cases     paging[timing]
	}{len(s.Bench), paged(r, s.timings())})
}

// chart draws the slowest cases that were timed as bars, light or dark. It is a PNG, so that its text has the widths that the drawing counted on.
func (s *subject) chart(w http.ResponseWriter, r *http.Request) {
	cases := slices.DeleteFunc(s.timings(), func(t timing) bool { return t.slowest() == 0 })
	cases = cases[:min(len(cases), charted)]
	if len(cases) == 0 {
		http.Error(w, "nothing was timed", http.StatusNotFound)
		return
	}
	slices.Reverse(cases) // bars are drawn upwards
	var labels, series []string
	values := make([][]float64, len(s.Bench))
	for _, t := range cases {
		labels = append(labels, t.Table+" "+t.Query)
		for n, m := range t.Medians {
			v := charts.GetNullValue()
			if m != nil {
				v = *m
			}
			values[n] = append(values[n], v)
		}
	}
	for n := range s.Bench {
		series = append(series, documentName(n, len(s.Bench)))
	}
	o := charts.NewBarChartOptionWithData(values)
	o.Horizontal = true
	o.CategoryAxis.Labels = labels
	o.Legend.SeriesNames = series
	o.ValueAxis = []charts.ValueAxisOption{{Min: charts.Ptr(0.0)}} // a bar's length is its time
	o.ValueFormatter = func(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) + " ms" }
	o.Theme = charts.GetTheme(charts.ThemeLight)
	if r.URL.Query().Get("theme") == "dark" {
		o.Theme = charts.GetTheme(charts.ThemeDark)
	}
	p := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputPNG, Width: 1200, Height: 120 + 48*len(cases)})
	if err := p.BarChart(o); err != nil {
		http.Error(w, "the chart could not be drawn", http.StatusInternalServerError)
		return
	}
	png, err := p.Bytes()
	if err != nil {
		http.Error(w, "the chart could not be drawn", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "image/png")
	_, _ = w.Write(png) // a reader that went away is no fault
}

// documentName is what a document is called in a legend: the first of several is before, the last after.
func documentName(n, of int) string {
	switch {
	case of == 1:
		return "as the application"
	case n == 0:
		return "before"
	case n == of-1:
		return "after"
	}
	return "between"
}
