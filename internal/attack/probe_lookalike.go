package attack

var lookalike = Probe{
	Name: "lookalike",
	Doc: `be a tenant whose name looks like another's

Tenants are told apart by an equality that is not identity: without regard to case, by a prefix, by a pattern, with padding, or
after a cast that cuts. A tenant with such a name reads both.`,
	Command: "SELECT", Kind: "isolation", Writes: true, Quiet: true, Stranger: Lookalike,
	Applies: func(t *Target) bool { return len(t.lookalikes()) > 0 && !t.existing },
	Try:     tryRead,
}
