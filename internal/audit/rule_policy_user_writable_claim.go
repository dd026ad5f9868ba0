package audit

import (
	"strings"

	"github.com/ringfencehq/ringfence/internal/expr"
)

var policyUserWritableClaim = contextFault(Rule{
	ID:       "POL024",
	Name:     "policy-user-writable-claim",
	Title:    "the policy trusts a claim that users write themselves",
	Severity: Critical,
	Fix:      "replace_policy",
	Source:   "61",
	Doc: `The policy reads user_metadata (raw_user_meta_data) of the token: the part of a user's record that the user himself may change by the sign-up API. Any
user makes himself a member of any tenant.

Read app_metadata, which only the server writes, or look the membership up in a table.`,
}, func(_ *Input, c expr.Context) string {
	if c.Kind != "claim" || !has(c.Path, "user_metadata") && !has(c.Path, "raw_user_meta_data") {
		return ""
	}
	return "It reads " + strings.Join(c.Path, ".") + "."
})
