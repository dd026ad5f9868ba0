package audit

var policyFunctionDefiner = calledFault(Rule{
	ID:       "FUN008",
	Name:     "policy-function-definer",
	Title:    "a policy rests on a function that runs as its owner",
	Severity: Info,
	Source:   "84",
	Doc: `The function is SECURITY DEFINER: what it reads is not limited by the policies of the tables it reads. That is often right, for a membership table that
the application must not read; its body is part of the wall, and has to be read as such.`,
}, func(_ *Input, c called) (string, Severity) {
	if !c.function.SecurityDefiner {
		return "", ""
	}
	return "It runs as " + c.function.Owner + ".", Info
})
