package rollout

var targetIdentity = Gate{
	Name:  "identity",
	Title: "The target is the one that was named",
	Doc:   `System identifier, database and major version are those of the stage.`,
	Facts: []*Collector{&identity},
	Fixed: true,
}
