package plan

import "slices"

// Kinds returns every kind of step, in the order in which steps of one wave run.
func Kinds() []*Kind {
	return []*Kind{
		&repairIndex, &tenantIndex, &partitionedIndex, &uniqueIndex,
		&updatedAtFunction, &updatedAtColumn, &tenantColumn, &tenantFillTrigger,
		&applicationRole, &signedContext, &trailTable, &trailAccess, &trailView, &pinTables, &pinAccess, &revocationTable, &revocationAccess,
		&tenantBackfill, &updatedAtBackfill,
		&notNullCheck, &notNullValidate, &notNull,
		&foreignKey, &foreignKeyValidate, &foreignKeyDrop, &uniqueSwap, &exclusionSwap, &updatedAtTrigger,
		&securityInvoker, &securityBarrier, &checkOption, &functionSearchPath, &functionExecute, &matviewFunction, &serviceFunction,
		&grant, &revoke, &revokeExecute, &revokeGrantOption, &publicationTable, &defaultPrivileges, &defaultAccess, &revokeMembership, &roleAttribute, &unsetContextDefault,
		&createPolicy, &replacePolicy, &dropPolicy, &enableRLS,
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

// Dangers returns the names by which dangers are allowed, sorted.
func Dangers() []string {
	var out []string
	for _, k := range Kinds() {
		out = append(out, k.Danger...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
