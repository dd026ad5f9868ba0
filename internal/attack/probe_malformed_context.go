package attack

var malformedContext = Probe{
	Name: "malformed_context",
	Doc: `read a tenant's row with a context that is no tenant

Blanks, wildcards, words for nothing and for everything, claims without the claim: each is tried.`,
	Command: "SELECT", Kind: "isolation", Stranger: Malformed,
	Try: tryRead,
}
