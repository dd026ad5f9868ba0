package papers

import (
	"fmt"
	"slices"
	"strings"
)

var incident = Paper{File: "INCIDENT.md", Title: "Incident", Write: func(b *strings.Builder, in *Input) {
	b.WriteString("What to do where tenants may see each other's rows, or no longer see their own.\n\n## Detect\n\n" +
		"| Sign | Where |\n| --- | --- |\n" +
		"| CrossTenantAttempt, TrailIntegrityBroken, TrailLost fire | alerts |\n" +
		"| canary\\_tenants, rows\\_collapse, sqlstates | `ringfence rollout status`, as the watch writes them |\n" +
		"| a customer sees what is not theirs | support: take the time, the account and the page, and nothing else by mail |\n\n" +
		"## Contain\n\nIn this order; each is recorded with its reason.\n\n" +
		"1. Rows of others are seen: do **not** go back, which opens more. Stop the application, or the route, and keep row security on: `ringfence prove --attack` says which way is open.\n" +
		"2. Tenants do not see their own: `ringfence rollout return --stage " + in.goal() + " --rung no-force --reason \"…\"`, then `--rung policy-form`.\n" +
		"3. Only where the business stands still and the owner says so: `--rung insecure-disable`. Isolation is open from then on, and the minutes are counted.\n" +
		"4. Close again: `ringfence rollout advance --stage " + in.goal() + "` once it is green.\n\n## Whom to call\n\n")
	var rows [][]string
	for _, role := range []string{"on_call", "database_administrator", "security", "product_owner"} {
		var names []string
		for _, c := range in.Definition.Roster.Roles[role] {
			names = append(names, c.Name)
		}
		who := strings.Join(names, ", then ")
		if who == "" {
			who = "nobody is named in rollout.yaml"
		}
		rows = append(rows, []string{role, who})
	}
	table(b, []string{"Role", "Who"}, rows)
	b.WriteString("Severity 1 returns by itself and pages; nobody's answer in 5 minutes calls the next one. Severity 2 halts and asks, 15 minutes. Severity 3 goes on and files a ticket.\n\n" +
		"## Keep as evidence\n\n")
	keep := []string{"the rollout's directory, as it is: `ringfence rollout verify` shows that nothing was changed in it", "the trail: `ringfence trail export`, and `ringfence trail verify` before anything else",
		"a snapshot of the catalogue: `ringfence snapshot -o incident.json`", "the server's log of the time, and pg_stat_activity, before sessions are ended"}
	for _, k := range keep {
		fmt.Fprintf(b, "* %s\n", k)
	}
	b.WriteString("\n## After\n\nMark each violation in the trail as true or false, with a reason. Find out from the trail which tenants' rows were reached, by whom and when, before anybody is told that none were.\n")
	if tables := in.Bundle.State.Rollout.OpenAllowed; len(tables) > 0 {
		sorted := slices.Clone(tables)
		slices.Sort(sorted)
		fmt.Fprintf(b, "\nAn automatic return may have opened: %s. `ringfence rollout status` says which and for how long.\n", strings.Join(sorted, ", "))
	}
}}
