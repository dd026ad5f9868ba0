package audit

var policyFunctionNoExecute = calledFault(Rule{
	ID:       "FUN003",
	Name:     "policy-function-no-execute",
	Title:    "the policy calls a function that the application may not",
	Severity: Medium,
	Fix:      "function_execute",
	Source:   "78",
	Doc: `Functions in a policy run with the rights of who asks. The application role has no EXECUTE: every statement on the table fails with a permission error.

Grant EXECUTE to the application's role.`,
}, func(in *Input, c called) (string, Severity) {
	w := in.canTouch(c.rel)
	if !c.direct || w == nil || len(w.Path) > 0 || in.Model.Rights.ExecuteStored(w.Role, c.function) || (len(c.policy.Roles) > 0 && !has(c.policy.Roles, w.Role)) {
		return "", ""
	}
	return w.Role + " may not execute it.", Medium
})
