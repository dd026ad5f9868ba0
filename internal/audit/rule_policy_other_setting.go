package audit

import "github.com/ringfencehq/ringfence/internal/decide"

var otherSetting = policyFault(Rule{
	ID:       "POL010",
	Name:     "policy-other-setting",
	Title:    "a second setting opens the policy",
	Severity: High,
	Source:   "69, 74",
	Doc: `The policy has a way out that is no tenant: a flag such as app.bypass_rls = 'on', a role name in a setting, a share token that may be
empty. Any SQL that runs as the application role can set it.

Give support and jobs a role of their own instead of a flag, and remove the way out.`,
}, decide.OtherSetting)
