package rollout

var capacityLeft = Gate{
	Name:  "capacity",
	Item:  11,
	Title: "There is room",
	Doc:   `Disk for the indexes, which the planner uses as the application; no long transaction, no lock in the way, replicas that follow.`,
	Facts: []*Collector{&disk, &indexPlanned, &transactions, &replicas},
}
