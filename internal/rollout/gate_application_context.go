package rollout

var applicationContext = Gate{
	Name:  "application_context",
	Item:  10,
	Title: "The context was tried through the application's own way in",
	Doc:   `Through the application's own DSN, and its pooler, the tenant is set for a transaction and gone after it.`,
	Facts: []*Collector{&applicationPath},
}
