package rollout

var noDrift = Gate{
	Name:  "no_drift",
	Item:  7,
	Title: "Nothing drifted since the plan was made",
	Doc:   `Each object the plan touches is as the plan expects it, or as a step of it leaves it.`,
	Facts: []*Collector{&drift},
	Fixed: true,
}
