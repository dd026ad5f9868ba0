package rollout

var quietLoad = Gate{
	Name:  "load",
	Title: "The target is quiet enough",
	Doc: `Sessions that run something and that wait for locks are under their budgets at this minute, and no vacuum against wraparound is under way, which holds its lock
against everybody.`,
	Facts: []*Collector{&load},
}
