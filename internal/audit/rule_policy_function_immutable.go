package audit

var policyFunctionImmutable = calledFault(Rule{
	ID:       "FUN005",
	Name:     "policy-function-immutable",
	Title:    "the policy calls a function that says it never changes, and reads the session",
	Severity: High,
	Source:   "81",
	Doc: `What is IMMUTABLE may be computed once and kept: in a prepared statement's plan the answer of one tenant's call stays for the next tenant on the same
connection.

ALTER FUNCTION ... STABLE.`,
}, func(_ *Input, c called) (string, Severity) {
	if c.function.Volatility != "immutable" || !readsSession(c.body) {
		return "", ""
	}
	return "It is IMMUTABLE, and reads settings or tables.", High
})
