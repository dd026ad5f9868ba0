package plan

var securityInvoker = Kind{
	Name: "security_invoker",
	Doc: `let a view run with the rights of who asks

A view reads its tables as its owner, whom policies may not bind: every tenant then reads all tenants' rows through it. From this step
on the one who asks needs the right to read the tables beneath, and their policies hold. PostgreSQL 15 and later.`,
	Wave:  7,
	Needs: 15,
	Lock:  AccessExclusive, UndoLock: AccessExclusive,

	Do:   setOption("security_invoker", "true"),
	Undo: resetOption("security_invoker"),
	Done: optionIs("security_invoker", "o.option_value::pg_catalog.bool"),
}
