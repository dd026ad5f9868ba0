package attack

var parent = Probe{
	Name: "parent",
	Doc: `reach another tenant's row through the table it is a part of

A query of a parent, by inheritance or partitioning, is bound by the parent's policies only: those of the child do not count.`,
	Command: "SELECT", Kind: "isolation", Quiet: true, Writes: true,
	Ways: func(t *Target) []*Target {
		var out []*Target
		for _, name := range t.Table.Relation.Parents {
			if p := t.s.snap.Relation(name); p != nil {
				out = append(out, t.through("parent", p))
			}
		}
		return out
	},
	Try: tryReadOrWrite,
}
