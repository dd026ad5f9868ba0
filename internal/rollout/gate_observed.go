package rollout

var observedQuiet = Gate{
	Name:  "observed",
	Title: "Nothing that was observed would be refused",
	Doc: `Where the stage begins with the mode that refuses nothing, no statement named no tenant, an empty one or one that cannot be. Rows are
counted too, but only as an upper bound, and do not decide.`,
	Facts: []*Collector{&observed},
}
