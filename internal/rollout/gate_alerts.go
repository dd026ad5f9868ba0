package rollout

var alertsArrive = Gate{
	Name:  "alerts",
	Item:  12,
	Title: "Alerts are loaded, and a test alert arrived",
	Doc:   `The rules are loaded where alerts are made, and a test alert came back within its deadline.`,
	Facts: []*Collector{&alertRules, &alertArrival},
}
