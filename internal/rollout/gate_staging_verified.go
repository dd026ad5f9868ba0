package rollout

var stagingVerified = Gate{
	Name:  "staging_verified",
	Item:  5,
	Title: "The stage before is applied and verified",
	Doc:   `Every step's Done holds on the stage before this one, and its cells are proved or probed.`,
	Facts: []*Collector{&earlierVerified},
	Later: true,
}
