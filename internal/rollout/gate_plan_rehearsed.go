package rollout

var planRehearsed = Gate{
	Name:  "plan_rehearsed",
	Item:  3,
	Title: "The plan was rehearsed on a clone",
	Doc:   `Every step was applied to a copy of this target's schema and verified, twice, with the seconds and the locks of each.`,
	Facts: []*Collector{&rehearsalApply},
}
