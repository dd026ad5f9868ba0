package rollout

var rollbackRehearsed = Gate{
	Name:  "rollback_rehearsed",
	Item:  4,
	Title: "The way back was rehearsed",
	Doc: `After the rehearsal the rollback was run on the copy, and the catalogue was what it had been, object by object; and each rung of the automatic return was done
there, timed, and the copy proved after it. Until when the change can be taken back is stated.`,
	Facts: []*Collector{&rehearsalRollback, &ladder, &reversibleUntil},
}
