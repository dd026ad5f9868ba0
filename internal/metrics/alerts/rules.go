package alerts

import (
	"fmt"
	"io"
	"strings"

	"github.com/goccy/go-yaml"
)

// Links say where an alert's runbook and dashboard are.
type Links struct {
	Runbook   string // URL of the page whose anchors are the alerts
	Dashboard string // URL of the dashboard
}

// The default links.
const (
	DefaultRunbook   = "https://github.com/ringfencehq/ringfence/blob/main/docs/runbook.md"
	DefaultDashboard = "/d/" + dashboardUID
)

// RulesFile is the name that the unit tests expect the rules under.
const RulesFile = "ringfence.rules.yml"

type ruleFile struct {
	Groups []ruleGroup `yaml:"groups"`
}

type ruleGroup struct {
	Name  string `yaml:"name"`
	Rules []rule `yaml:"rules"`
}

type rule struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for,omitempty"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func (a Alert) rule(l Links) rule {
	return rule{Alert: a.Name, Expr: a.Expr, For: a.For, Labels: map[string]string{"severity": string(a.Severity)}, Annotations: map[string]string{
		"summary": a.Summary, "description": strings.ReplaceAll(a.Meaning, "\n", " "),
		"runbook_url": l.Runbook + "#" + a.Anchor(), "dashboard_url": l.Dashboard,
	}}
}

// WriteRules writes the alerts as a Prometheus rule file.
func WriteRules(w io.Writer, l Links) error {
	g := ruleGroup{Name: "ringfence"}
	for _, a := range All() {
		g.Rules = append(g.Rules, a.rule(l))
	}
	return write(w, "# Alert rules of Ringfence, written by: ringfence monitor rules\n", ruleFile{[]ruleGroup{g}})
}

func write(w io.Writer, head string, doc any) error {
	raw, err := yaml.MarshalWithOptions(doc, yaml.IndentSequence(true))
	if err != nil {
		return fmt.Errorf("writing YAML: %w", err)
	}
	_, err = io.WriteString(w, head+string(raw))
	return err
}

type testFile struct {
	RuleFiles []string    `yaml:"rule_files"`
	Interval  string      `yaml:"evaluation_interval"`
	Tests     []testGroup `yaml:"tests"`
}

type testGroup struct {
	Name     string       `yaml:"name"`
	Interval string       `yaml:"interval"`
	Input    []testSeries `yaml:"input_series"`
	Alerts   []alertTest  `yaml:"alert_rule_test"`
}

type testSeries struct {
	Series string `yaml:"series"`
	Values string `yaml:"values"`
}

type alertTest struct {
	At       string     `yaml:"eval_time"`
	Alert    string     `yaml:"alertname"`
	Expected []expected `yaml:"exp_alerts"`
}

type expected struct {
	Labels      map[string]string `yaml:"exp_labels"`
	Annotations map[string]string `yaml:"exp_annotations"`
}

// WriteTests writes the rules' unit tests, for promtool test rules; the rule file stands beside under the name RulesFile.
func WriteTests(w io.Writer, l Links) error {
	out := testFile{RuleFiles: []string{RulesFile}, Interval: "1m"}
	for _, a := range All() {
		for _, c := range a.Cases {
			out.Tests = append(out.Tests, a.test(c, l))
		}
	}
	return write(w, "# Unit tests of Ringfence's alert rules, written by: ringfence monitor rules --tests\n# Run by: promtool test rules FILE, with "+RulesFile+" beside it\n", out)
}

func (a Alert) test(c Case, l Links) testGroup {
	g := testGroup{Name: a.Name + " " + c.Name, Interval: "1m", Input: []testSeries{}}
	for _, s := range c.Series {
		labels := `job="ringfence",instance="node-1"`
		if s.Labels != "" {
			labels += "," + s.Labels
		}
		g.Input = append(g.Input, testSeries{s.Metric.Name + s.Suffix + "{" + labels + "}", s.Values})
	}
	t := alertTest{At: c.At, Alert: a.Name, Expected: []expected{}}
	r := a.rule(l)
	for _, labels := range c.Labels {
		e := expected{Labels: map[string]string{"severity": string(a.Severity)}, Annotations: r.Annotations}
		for _, pair := range strings.Fields(labels) {
			k, v, _ := strings.Cut(pair, "=")
			e.Labels[k] = v
		}
		t.Expected = append(t.Expected, e)
	}
	g.Alerts = []alertTest{t}
	return g
}
