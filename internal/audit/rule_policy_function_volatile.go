package audit

var policyFunctionVolatile = calledFault(Rule{
	ID:       "FUN004",
	Name:     "policy-function-volatile",
	Title:    "the policy calls a volatile function",
	Severity: Low,
	Source:   "80",
	Doc: `A volatile function is called again for every row, keeps the policy from using an index, and may answer differently within one statement. It is the
default where nothing was said.

ALTER FUNCTION ... STABLE, where it only reads.`,
}, func(_ *Input, c called) (string, Severity) {
	if c.function.Volatility != "volatile" {
		return "", ""
	}
	return "It is VOLATILE.", Low
})
