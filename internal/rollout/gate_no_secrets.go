package rollout

var noSecrets = Gate{
	Name:  "no_secrets",
	Item:  15,
	Title: "No secret is in any artefact",
	Doc:   `Plans, runbooks, migrations and documents hold no password, key or token.`,
	Facts: []*Collector{&secrets},
}
