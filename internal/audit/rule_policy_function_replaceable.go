package audit

var policyFunctionReplaceable = calledFault(Rule{
	ID:       "FUN006",
	Name:     "policy-function-replaceable",
	Title:    "the application may replace a function that policies rest on",
	Severity: Critical,
	Source:   "82",
	Doc: `The application's role owns the function, or can act as its owner: CREATE OR REPLACE FUNCTION lets it answer what it likes, for every tenant.

Give the function to a role that the application cannot become.`,
}, func(in *Input, c called) (string, Severity) {
	for _, app := range in.Model.Applications() {
		if _, ok := ownership(in, app, c.function.Owner); ok {
			return c.function.Owner + " owns it.", Critical
		}
	}
	return "", ""
})
