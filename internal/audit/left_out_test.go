package audit

import (
	"strconv"
	"strings"
	"testing"
)

// Every number of the catalogue of 150 rules is some rule's, or is left out for a reason; none is both.
func TestCatalogueIsCovered(t *testing.T) {
	by := map[int]string{}
	for _, r := range Rules() {
		for _, word := range strings.FieldsFunc(r.Source, func(c rune) bool { return c == ',' || c == ';' }) {
			if n, err := strconv.Atoi(strings.TrimSpace(word)); err == nil {
				by[n] = r.Name
			}
		}
	}
	for n := 1; n <= 150; n++ {
		reason, out := leftOut[n]
		if _, ok := by[n]; ok == out {
			t.Errorf("%d: rule %q, left out %q", n, by[n], reason)
		}
		if out && len(reason) < 20 {
			t.Errorf("%d is left out without a reason", n)
		}
	}
}

// What a rule's finding asks of the plan has the name of a step.
func TestFixesAreSteps(t *testing.T) {
	for _, r := range Rules() {
		if r.Fix != "" && !strings.Contains(stepNames, " "+r.Fix+" ") {
			t.Errorf("%s %s: %q is no kind of step", r.ID, r.Name, r.Fix)
		}
	}
}

// stepNames are the kinds of steps that the plan has; package plan stands above this one.
const stepNames = " application_role create_policy default_privileges drop_policy enable_rls force_rls foreign_key function_execute function_search_path grant not_null" +
	" publication_table repair_index replace_policy revoke revoke_grant_option revoke_membership role_attribute security_invoker tenant_index unique_swap unset_context_default updated_at_column "
