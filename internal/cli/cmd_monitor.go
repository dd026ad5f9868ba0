package cli

import (
	"bytes"

	"github.com/spf13/cobra"

	"github.com/ringfencehq/ringfence/internal/metrics/alerts"
)

func monitorCmd(w *World) *cobra.Command {
	cmd := command("monitor", "watch what was proved, and be told when it is no longer so",
		`Prometheus rules and a Grafana dashboard, made from the same descriptions as the metrics themselves, so that no rule watches a
metric that nothing emits.

  ringfence monitor rules          -o ringfence.rules.yml    nine alert rules, with links to their runbook
  ringfence monitor rules --tests  -o ringfence.tests.yml    their unit tests: promtool test rules ringfence.tests.yml
  ringfence monitor dashboard      -o ringfence.json         to import into Grafana
  ringfence monitor run "$DSN" --listen 127.0.0.1:9090       look at the database on a clock, and tell people

docs/monitoring.md has the whole way; docs/metrics.md has every metric.`,
		func(cmd *cobra.Command, args []string) error { return cmd.Help() })
	cmd.Args = atMost(0, "a verb: rules, dashboard or run")
	cmd.AddCommand(monitorRulesCmd(w), monitorDashboardCmd(w), monitorRunCmd(w))
	return cmd
}

func monitorRulesCmd(w *World) *cobra.Command {
	var output string
	var tests bool
	l := alerts.Links{}
	cmd := command("rules", "write the alert rules for Prometheus, or their unit tests",
		`Writes nine alert rules: five that page, two for the shift, two that make a ticket. They fire on the first event too: on one
that came before the first scrape, and on one that a restart would hide.

  ringfence monitor rules         -o ringfence.rules.yml
  ringfence monitor rules --tests -o ringfence.tests.yml
  promtool check rules ringfence.rules.yml && promtool test rules ringfence.tests.yml

The tests read the rules from ringfence.rules.yml beside them. Give both the same links.`,
		func(cmd *cobra.Command, args []string) error {
			return w.deliver(output, func(b *bytes.Buffer) error {
				if tests {
					return alerts.WriteTests(b, l)
				}
				return alerts.WriteRules(b, l)
			})
		})
	cmd.Args = atMost(0, "no arguments")
	fl := cmd.Flags()
	fl.StringVarP(&output, "output", "o", "", "write to `FILE` instead of stdout")
	fl.BoolVar(&tests, "tests", false, "write the rules' unit tests, in promtool's format")
	fl.StringVar(&l.Runbook, "runbook-url", alerts.DefaultRunbook, "the `URL` of the runbook; alerts link to its headings")
	fl.StringVar(&l.Dashboard, "dashboard-url", alerts.DefaultDashboard, "the `URL` of the dashboard")
	return cmd
}

func monitorDashboardCmd(w *World) *cobra.Command {
	var output string
	cmd := command("dashboard", "write a dashboard for Grafana",
		`Writes a dashboard as JSON, to be imported: refusals over time and by severity, the tenants that others tried most (from the
trail's table, since no metric holds an id), the table against the backlog, what judging a message takes, and a panel for every
other metric there is.

  ringfence monitor dashboard -o ringfence.json

It asks for two data sources when it is opened: Prometheus, and the trail's database as a role that may read it.`,
		func(cmd *cobra.Command, args []string) error {
			return w.deliver(output, func(b *bytes.Buffer) error { return alerts.WriteDashboard(b) })
		})
	cmd.Args = atMost(0, "no arguments")
	cmd.Flags().StringVarP(&output, "output", "o", "", "write to `FILE` instead of stdout")
	return cmd
}
