package rollout

var quietLoad = Gate{
	Name:  "load",
	Title: "The target is quiet enough",
	Doc:   `Waiting sessions, rate of calls and lock waits are under their budgets at this minute.`,
	Facts: []*Collector{&load},
}
