package rollout

var documentsCurrent = Gate{
	Name:  "documents",
	Title: "No document is superseded",
	Doc:   `The runbook and the reports name this plan and no other.`,
	Facts: []*Collector{&documents},
}
