package rollout

var stagingSoaked = Gate{
	Name:  "staging_soaked",
	Item:  6,
	Title: "The stage before has soaked",
	Doc:   `The stage before was watched for its whole soak with calls enough in every window, and nothing stopped it. Time without samples does not count.`,
	Facts: []*Collector{&earlierSoaked},
	Later: true,
}
