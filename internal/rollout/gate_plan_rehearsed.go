package rollout

var planRehearsed = Gate{
	Name:  "plan_rehearsed",
	Item:  3,
	Title: "The plan was rehearsed on a clone",
	Doc: `Every step was applied to a copy of this target's schema and verified, twice, with the seconds of each; what each really locks is what the plan says,
and no transaction stops writers for long.`,
	Facts: []*Collector{&rehearsalApply, &statementsTraced, &lockHold},
}
