package plan

// Kinds returns every kind of step, in the order in which steps of one wave run.
func Kinds() []*Kind {
	return []*Kind{
		&tenantIndex,
		&createPolicy,
		&enableRLS,
		&forceRLS,
	}
}

// KindByName returns the kind of that name, or nil.
func KindByName(name string) *Kind {
	for _, k := range Kinds() {
		if k.Name == name {
			return k
		}
	}
	return nil
}
