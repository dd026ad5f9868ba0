package plan

import (
	"fmt"
	"strings"
	"time"
)

var sqitch = Layout{
	Name: "sqitch",
	Doc: `files for Sqitch: deploy, revert and verify scripts, and sqitch.plan

Sqitch runs psql, which sends each statement by itself: scripts begin and end their own transactions. A verify script fails where one of
the plan's questions is answered by no. For a project that exists already, append the lines of sqitch.plan to its own.`,
	files: func(m migration) map[string]string {
		name := pad(m.number, 4) + "_" + m.slug + ".sql"
		var verify strings.Builder
		for _, s := range m.steps {
			fmt.Fprintf(&verify, "SELECT 1 / CASE WHEN (%s) THEN 1 ELSE 0 END;\n", s.Done)
		}
		pin := "SET search_path = pg_catalog;\n"
		return map[string]string{
			"deploy/" + name: m.about() + pin + transaction(m, m.up),
			"revert/" + name: pin + transaction(m, m.down),
			"verify/" + name: pin + verify.String(),
		}
	},
	extra: func(all []migration, _ LayoutOptions) map[string]string {
		var b strings.Builder
		b.WriteString("%syntax-version=1.0.0\n%project=ringfence\n\n")
		for _, m := range all {
			fmt.Fprintf(&b, "%s_%s %s ringfence <ringfence@localhost> # %s\n", pad(m.number, 4), m.slug, m.time.Format(time.RFC3339), m.steps[0].ID)
		}
		return map[string]string{"sqitch.plan": b.String()}
	},
}
