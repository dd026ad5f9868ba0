package alerts

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/metrics"
)

var word = regexp.MustCompile(`ringfence_[a-z_]+`)

// known reports whether a name is a metric's, or a part of a histogram's.
func known(name string) bool {
	return slices.ContainsFunc(metrics.All(), func(m *metrics.Metric) bool { return names(name, m) && strings.HasPrefix(name, m.Name) })
}

// The rules are the nine that were asked for, by name and severity, and each has all five cases at least.
func TestTheNineRules(t *testing.T) {
	var got []string
	for _, a := range All() {
		got = append(got, a.Name+" "+string(a.Severity))
		if len(a.Cases) < 5 || len(uses(a.Expr)) == 0 || a.Summary == "" || len(a.Steps) < 3 {
			t.Errorf("%s: %d cases, %d metrics, %d steps", a.Name, len(a.Cases), len(uses(a.Expr)), len(a.Steps))
		}
		fires := slices.ContainsFunc(a.Cases, func(c Case) bool { return len(c.Labels) > 0 })
		quiet := slices.ContainsFunc(a.Cases, func(c Case) bool { return len(c.Labels) == 0 })
		if !fires || !quiet {
			t.Errorf("%s: its cases do not tell when it fires (%v) from when it does not (%v)", a.Name, fires, quiet)
		}
	}
	want := []string{"CrossTenantAttempt critical", "TrailLost critical", "TrailIntegrityBroken critical", "PinCounterFailing critical", "MembershipLoadFailing critical",
		"TrailOnFallback error", "TrailMetricAbsent error", "ViolationRateAnomaly warning", "TrailQuerySlow warning"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// Rules, their tests and the dashboard name no metric that nothing registers, and no metric is without a picture.
func TestBothSidesHoldTogether(t *testing.T) {
	var rules, tests, dashboard bytes.Buffer
	for _, err := range []error{WriteRules(&rules, Links{DefaultRunbook, DefaultDashboard}), WriteTests(&tests, Links{DefaultRunbook, DefaultDashboard}), WriteDashboard(&dashboard)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, doc := range []*bytes.Buffer{&rules, &tests, &dashboard} {
		found := word.FindAllString(doc.String(), -1)
		if len(found) == 0 {
			t.Fatal("the document names no metric")
		}
		for _, name := range found {
			if !known(name) {
				t.Errorf("%s is named, and nothing registers it", name)
			}
		}
	}
	if known("ringfence_gateway_sockets_bucket") || known("ringfence_made_up_total") || !known("ringfence_trail_query_seconds_bucket") {
		t.Error("the test cannot tell a metric from what is none")
	}
	for _, m := range metrics.All() {
		if !names(dashboard.String(), m) {
			t.Errorf("the dashboard does not show %s", m.Name)
		}
	}
}

// Each alert names a panel that is there, and links to a heading that is there.
func TestLinksLead(t *testing.T) {
	page, err := os.ReadFile("../../../docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	headings := map[string]bool{}
	for _, line := range strings.Split(string(page), "\n") {
		if title, ok := strings.CutPrefix(line, "## "); ok {
			headings[strings.ToLower(strings.ReplaceAll(title, " ", "-"))] = true
		}
	}
	for _, a := range All() {
		_, anchor, _ := strings.Cut(a.rule(Links{Runbook: DefaultRunbook}).Annotations["runbook_url"], "#")
		if !headings[anchor] {
			t.Errorf("%s links to #%s, and docs/runbook.md has no such heading", a.Name, anchor)
		}
		if !slices.ContainsFunc(panels(), func(p panel) bool { return p.title == a.Panel }) {
			t.Errorf("%s names the panel %q, which is not there", a.Name, a.Panel)
		}
	}
	if !strings.HasSuffix(DefaultRunbook, "/docs/runbook.md") {
		t.Errorf("the rules link to %s", DefaultRunbook)
	}
}

// The dashboard is as Grafana wants it: ids and places of their own, a data source by variable, a unit and a description.
func TestDashboard(t *testing.T) {
	var raw bytes.Buffer
	if err := WriteDashboard(&raw); err != nil {
		t.Fatal(err)
	}
	var d struct {
		UID    string `json:"uid"`
		Schema int    `json:"schemaVersion"`
		Panels []struct {
			ID          int
			Type, Title string
			Description string
			Datasource  struct{ UID string }
			GridPos     struct{ H, W, X, Y int }
			FieldConfig struct{ Defaults struct{ Unit string } }
			Targets     []struct{ Expr, RawSQL string }
		}
	}
	if err := json.Unmarshal(raw.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	if d.UID != "ringfence" || d.Schema != 39 || len(d.Panels) < 15 {
		t.Errorf("%s, schema %d, %d panels", d.UID, d.Schema, len(d.Panels))
	}
	taken := map[[2]int]string{}
	ids := map[int]bool{}
	for _, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("the id %d is there twice", p.ID)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("%q lies on %q, or beyond the edge", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		switch {
		case p.Type == "row":
		case p.Type == "table":
			if p.Datasource.UID != "${trail}" || !strings.Contains(p.Targets[0].RawSQL, "ringfence.trail_event") {
				t.Errorf("%q: %+v", p.Title, p)
			}
		default:
			if p.Datasource.UID != "${datasource}" || p.Description == "" || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 || p.Targets[0].Expr == "" {
				t.Errorf("%q: %+v", p.Title, p)
			}
		}
	}
}
