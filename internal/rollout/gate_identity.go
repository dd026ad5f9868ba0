package rollout

var targetIdentity = Gate{
	Name:  "identity",
	Title: "The target is the one that was named",
	Doc:   `System identifier, database and the mark written into it are those of the stage; its version, its timeline and the program that looks are kept with it.`,
	Facts: []*Collector{&identity},
	Fixed: true,
}
