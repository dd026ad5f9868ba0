package plan

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// finish puts the drafts in order, numbers the groups, and binds each step to what it was planned on.
func (p *planner) finish() *Plan {
	slices.SortStableFunc(p.drafts, func(a, b draft) int {
		// Within the last waves a table's steps stay together; elsewhere a kind's do.
		if a.Wave == policyWave && b.Wave == policyWave {
			return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.rank, b.rank), cmp.Compare(a.Object, b.Object))
		}
		return cmp.Or(cmp.Compare(a.Wave, b.Wave), cmp.Compare(a.rank, b.rank), -cmp.Compare(a.depth, b.depth), cmp.Compare(a.Table, b.Table), cmp.Compare(a.Object, b.Object))
	})
	prints := p.snap.Fingerprints()
	plan := &Plan{
		Schema: SchemaVersion, Steps: []Step{}, Withheld: p.withheld, Summary: map[string]int{},
		Server: map[string]any{
			"version_num": p.snap.Server.VersionNum, "database": p.snap.Server.Database,
			"system_identifier": p.snap.Server.SystemIdentifier, "offline": p.snap.Server.Offline,
		},
	}
	if plan.Withheld == nil {
		plan.Withheld = []Withheld{}
	}
	slices.SortFunc(plan.Withheld, func(a, b Withheld) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Object, b.Object), cmp.Compare(a.Why, b.Why))
	})
	groups := map[string]int{}
	for _, d := range p.drafts {
		s := d.Step
		if d.group != "" {
			if groups[d.group] == 0 {
				groups[d.group] = len(groups) + 1
			}
			s.Transaction = fmt.Sprintf("group %d", groups[d.group])
		}
		p.bind(&s, prints)
		s.ID = s.hash()
		plan.Steps = append(plan.Steps, s)
		plan.Summary[s.Kind]++
	}
	plan.Summary["steps"], plan.Summary["withheld"] = len(plan.Steps), len(plan.Withheld)
	plan.Fingerprint = fingerprint(plan.Steps)
	return plan
}

// policyWave is the wave in which isolation begins: one transaction a table.
const policyWave = 8

// bind writes down the fingerprints of what the step touches; "" is what is not there.
func (p *planner) bind(s *Step, prints map[string]string) {
	objects := []string{s.Table}
	for identity := range s.Also {
		objects = append(objects, identity)
	}
	switch s.Kind {
	case "function_search_path", "function_execute", "security_invoker", "security_barrier", "check_option", "revoke", "revoke_execute", "revoke_grant_option", "grant":
		objects = append(objects, s.Object)
	case "application_role", "role_attribute", "unset_context_default":
		objects = append(objects, "role "+s.Object)
	}
	for _, o := range objects {
		if fp, ok := prints[o]; ok {
			s.Before[o] = fp
		}
	}
}

// hash is the step's id: its kind, and a hash of all that it does and is judged by. Equal plans have equal ids.
func (s Step) hash() string {
	s.ID = ""
	text, err := json.Marshal(s)
	if err != nil {
		panic("plan: a step has no JSON form: " + err.Error())
	}
	sum := sha256.Sum256(text)
	return s.Kind + "-" + hex.EncodeToString(sum[:6])
}

// fingerprint is the hash of the before-states of all steps: what the plan is bound to.
func fingerprint(steps []Step) string {
	all := map[string]string{}
	for _, s := range steps {
		for identity, fp := range s.Before {
			all[identity] = fp
		}
	}
	var b strings.Builder
	for _, identity := range sortedKeys(all) {
		fmt.Fprintf(&b, "%s\x00%s\x00", identity, all[identity])
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:])
}
