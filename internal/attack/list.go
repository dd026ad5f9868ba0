package attack

// All returns every probe, in the order they run: a session's own reading first, then what writes.
func All() []Probe {
	return []Probe{
		noContext, emptyContext, malformedContext, othersContext,
		read, readJoin, readAggregate, readForUpdate, cursor, cursorLeft, lookalike, secondSetting, setRole, setConfig,
		copyTo, explain, errorChannel, leakyFunction, leakproof,
		insertForged, updateByKey, blindUpdate, moveRow, stealRow, blindMove, deleteByKey, blindDelete, copyFrom, returning,
		merge, onConflictUpdate, onConflictWhere, onConflictNothing, uniqueOracle, exclusion,
		fkReference, fkCascade, fkUpdate, partition, parent, view, viewWrite, viewUpsert, function, functionNoContext, rule, trigger, escalate, shadow, sequence, serverFiles, notify, activity, advisoryLock, preparedTransaction, statementLeft, largeObject,
		matview, statistics, truncate, triggerTap, ddl, dropOwned,
	}
}
