package attack

var noContext = Probe{
	Name: "no_context",
	Doc: `read a tenant's row in a session that never had a context

A fresh connection has the settings of its role and database, and nothing else. A policy that is true while the context is
NULL, or a default that names a tenant, opens here.`,
	Command: "SELECT", Kind: "isolation", Stranger: Unset,
	Try: tryRead,
}
