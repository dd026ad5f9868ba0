package audit

import "github.com/ringfencehq/ringfence/internal/decide"

var otherSetting = policyFault(Rule{
	ID:       "POL010",
	Name:     "policy-other-setting",
	Title:    "a setting that is not the tenant's opens the policy",
	Severity: High,
	Source:   "69, 74",
	Doc: `The policy has a way out that is no tenant: a flag such as app.bypass_rls = 'on', a role name in a setting, a share token that may be
empty; any SQL that runs as the application role can set it. Or it asks only who the person is, as author_id = auth.uid() does of a
new row: its parent may be any tenant's.

Give support and jobs a role of their own instead of a flag, and ask for the tenant beside the person.`,
}, decide.OtherSetting)
