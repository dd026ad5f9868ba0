package attack

var emptyContext = Probe{
	Name: "empty_context",
	Doc: `read a tenant's row with an empty context

After a transaction that set it, a custom setting is the empty string, not NULL: what every pooled connection is left with.`,
	Command: "SELECT", Kind: "isolation", Stranger: Empty,
	Try: tryRead,
}
