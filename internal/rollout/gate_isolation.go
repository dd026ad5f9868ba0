package rollout

var isolationHolds = Gate{
	Name:  "isolation",
	Item:  8,
	Title: "Every way from a role to another tenant's row is proved or probed closed",
	Doc:   `On the rehearsed copy every isolation cell is proved, or probed with its negative control failing as it should, but for those accepted by name.`,
	Facts: []*Collector{&isolation, &negativeControl},
	Fixed: true,
}
