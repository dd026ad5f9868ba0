package rollout

var rollbackRehearsed = Gate{
	Name:  "rollback_rehearsed",
	Item:  4,
	Title: "The way back was rehearsed",
	Doc:   `After the rehearsal the rollback was run on the copy, and the catalogue was what it had been, object by object.`,
	Facts: []*Collector{&rehearsalRollback},
}
