package rollout

var onCallReachable = Gate{
	Name:  "on_call",
	Item:  13,
	Title: "Somebody on call answered",
	Doc:   `A person of the roster answered a call made for this rollout.`,
	Facts: []*Collector{&onCallAnswer},
}
