package audit

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/decide"
)

// A serverBug is a published fault of PostgreSQL that lets rows past policies, with the first minor release of each major that
// mends it. A major that is not named never had it, or is older than what Ringfence supports.
type serverBug struct {
	id     string
	what   string
	source string
	fixed  map[int]int // major → version_num of the first good minor
	bears  func(in *Input) []borne
}

// A borne is an object that a bug bears on, and how gravely.
type borne struct {
	object, kind, table string
	severity            Severity
	why                 string
}

// serverBugs is the table of known bugs. Sources: postgresql.org/support/security, and the release notes of the minors.
var serverBugs = []serverBug{
	{"CVE-2026-120154", "INSERT ... ON CONFLICT DO UPDATE ... WHERE is evaluated on a conflicting row before its policies are", "release notes of 15.20",
		map[int]int{14: 140025, 15: 150020, 16: 160016, 17: 170012, 18: 180007}, conflictReadable},
	{"CVE-2026-14666", "a cached plan keeps the policies of a role whose membership was revoked", "release notes of 15.19",
		map[int]int{14: 140024, 15: 150019, 16: 160015, 17: 170011, 18: 180006}, anyPolicy(Low)},
	{"CVE-2025-8713", "leaky operators read statistics of partitions and children whose parent has row level security", "release notes of 15.14",
		map[int]int{14: 140019, 15: 150014, 16: 160010, 17: 170006}, treePolicy},
	{"CVE-2024-10976", "a plan with a sub-query is used again under another role, with the first one's policies", "release notes of 15.9",
		map[int]int{14: 140014, 15: 150009, 16: 160005, 17: 170001}, rolePolicy},
	{"CVE-2023-39418", "MERGE does not enforce policies on the row it makes", "release notes of 15.4",
		map[int]int{15: 150004}, anyPolicy(Medium)},
	{"CVE-2023-2455", "an inlined function keeps the policies of the role that planned it", "release notes of 15.3",
		map[int]int{14: 140008, 15: 150003}, rolePolicy},
}

var serverKnownBugs = Rule{
	ID:       "VER001",
	Name:     "server-known-bugs",
	Title:    "the server has a published bug that lets rows past policies",
	Severity: Medium,
	Source:   "known defects by version; CVE numbers in the findings",
	Doc: `The server's minor release is older than the one that mends a published fault of row level security. No policy helps against it; for some a
change of the schema does, and the finding says so.

Install the newest minor release of the server's major version.

` + bugTable(),

	Check: func(in *Input, report func(Finding)) {
		v := in.Model.Snapshot.Server.VersionNum
		for _, b := range serverBugs {
			fixed, ok := b.fixed[v/10000]
			if !ok || v >= fixed {
				continue
			}
			for _, x := range b.bears(in) {
				report(Finding{
					Object: x.object, ObjectType: x.kind, Table: x.table, Severity: x.severity,
					Title:  b.id + ": " + b.what,
					Detail: fmt.Sprintf("The server is %d.%d; %d.%d mends it. %s", v/10000, v%10000, fixed/10000, fixed%10000, x.why),
					Fix:    &Fix{Why: "update the server to the newest minor release"},
				})
			}
		}
	},
}

// bugTable lists the known bugs for the rule's page, each with the minor releases that mend it and where that is published.
func bugTable() string {
	var b strings.Builder
	b.WriteString("| bug | what it does | mended in | source |\n|---|---|---|---|\n")
	for _, x := range serverBugs {
		var in []string
		for _, major := range slices.Sorted(maps.Keys(x.fixed)) {
			in = append(in, fmt.Sprintf("%d.%d", major, x.fixed[major]%10000))
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", x.id, x.what, strings.Join(in, ", "), x.source)
	}
	return strings.TrimRight(b.String(), "\n")
}

// anyPolicy says that a bug bears on every database that relies on policies.
func anyPolicy(s Severity) func(*Input) []borne {
	return func(in *Input) []borne {
		for _, t := range in.Model.TenantTables() {
			if t.Relation.RowSecurity {
				return []borne{{object: catalog.QuoteIdent(in.Model.Snapshot.Server.Database), kind: "database", severity: s}}
			}
		}
		return nil
	}
}

// conflictReadable: the bug reads a hidden row over a unique key that has not the tenant in it.
func conflictReadable(in *Input) []borne {
	var out []borne
	silent := in.constraints(decide.Proved)
	for _, t := range in.Model.TenantTables() {
		if !t.Relation.RowSecurity || len(t.Key) == 0 || in.canTouch(t.Relation, "INSERT") == nil || in.canTouch(t.Relation, "UPDATE") == nil {
			continue
		}
		for i := range t.Relation.Indexes {
			x := &t.Relation.Indexes[i]
			if x.Unique && x.Valid && !carries(x, t.Key) && !unguessable(x, t.Relation) && !silent[x.Name+" on "+t.Relation.Identity()] {
				out = append(out, borne{x.Identity(t.Relation), "index", t.Relation.Identity(), bySQL(in),
					"Its key has not the tenant in it. One led by the tenant closes the hole on every version."})
			}
		}
	}
	return out
}

// bySQL is how grave a bug is that needs SQL of the attacker's own: where the tenant is a setting that the same SQL may choose, it
// gives him little that he has not got.
func bySQL(in *Input) Severity {
	for _, c := range in.Model.Contexts {
		if (c.Kind == "setting" || c.Kind == "claim") && !c.Signed {
			return Medium
		}
	}
	return High
}

// treePolicy: the bug needs a parent with row level security.
func treePolicy(in *Input) []borne {
	var out []borne
	seen := map[string]bool{}
	for _, t := range in.Model.TenantTables() {
		for _, p := range t.Relation.Parents {
			if parent := in.Model.Snapshot.Relation(p); parent != nil && parent.RowSecurity && !seen[p] {
				seen[p] = true
				out = append(out, borne{p, string(parent.Kind), p, Medium, "It has row level security, and partitions or children."})
			}
		}
	}
	return out
}

// rolePolicy: the bug needs policies that differ by role.
func rolePolicy(in *Input) []borne {
	var out []borne
	for _, t := range in.Model.TenantTables() {
		for i := range t.Relation.Policies {
			if p := &t.Relation.Policies[i]; len(p.Roles) > 0 {
				out = append(out, borne{p.Identity(t.Relation), "policy", t.Relation.Identity(), bySQL(in), "It is for certain roles only."})
			}
		}
	}
	return out
}
