package plan

var checkOption = Kind{
	Name: "check_option",
	Doc: `let a view's own filter hold for the rows that are written through it

What is written through a view has to fulfil the view's filter only where it has WITH CHECK OPTION: without it a tenant writes rows
of any other one through a view that shows its own alone. From this step on such writes are refused.`,
	Wave: 7,
	Lock: AccessExclusive, UndoLock: AccessExclusive,

	Do:   setOption("check_option", "cascaded"),
	Undo: resetOption("check_option"),
	Done: optionIs("check_option", "o.option_value = 'cascaded'"),
}
