package rollout

import "time"

// An Item is one line of what a role signs for: facts that were measured, or, where no collector can know it, what the signer says.
type Item struct {
	Role  string
	Text  string
	Facts []*Collector // none: the signer's own word, which the signature is
}

var (
	integration = Collector{Name: "integration", How: "the hook integration", Holds: 24 * time.Hour, Collect: hooked("integration", "the integration tests pass")}
	workflows   = Collector{Name: "workflows", How: "the hook workflows", Holds: 24 * time.Hour, Collect: hooked("workflows", "the key workflows work")}
	health      = Collector{Name: "health", How: "the hook health", Holds: time.Hour, Collect: hooked("health", "the application answers")}
)

// Items returns the items of all roles that sign, in the order in which they are read.
func Items() []Item {
	return []Item{
		{"technical_lead", "The change was reviewed, line by line", nil},
		{"technical_lead", "It is safe, and can be taken back", []*Collector{&rehearsalApply, &rehearsalRollback, &ladder}},
		{"technical_lead", "The tests pass", []*Collector{&integration}},
		{"technical_lead", "The documents are accurate", []*Collector{&documents}},
		{"technical_lead", "The runbook was tested", []*Collector{&rehearsalApply}},
		{"technical_lead", "The way back was tested", []*Collector{&rehearsalRollback}},
		{"technical_lead", "Monitoring is on", []*Collector{&alertRules}},
		{"database_administrator", "A backup is under an hour old", []*Collector{&backupAge, &backupRestore}},
		{"database_administrator", "The migration is safe here", []*Collector{&drift, &disk, &transactions, &replicas}},
		{"database_administrator", "The way back was tested", []*Collector{&rehearsalRollback, &ladder}},
		{"database_administrator", "Performance is acceptable", []*Collector{&earlierSoaked}},
		{"database_administrator", "The policies were reviewed", nil},
		{"security", "Isolation between tenants is verified", []*Collector{&isolation, &negativeControl, &applicationPath}},
		{"security", "The trail is complete", nil},
		{"security", "Monitoring is on", []*Collector{&alertRules, &alertArrival}},
		{"security", "The incident runbook was reviewed", nil},
		{"security", "Nothing critical is left", []*Collector{&applicationRights}},
		{"product_owner", "The risk is removed", []*Collector{&isolation}},
		{"product_owner", "The changes are the least that do it", nil},
		{"product_owner", "The way back is simple and tested", []*Collector{&rehearsalRollback}},
		{"product_owner", "Alerting is on", []*Collector{&alertRules, &alertArrival}},
		{"product_owner", "The team is ready", []*Collector{&onCallAnswer}},
	}
}

// said lists what a signer for the role says by signing.
func said(role string) []string {
	out := []string{}
	for _, i := range Items() {
		if i.Role == role && len(i.Facts) == 0 {
			out = append(out, i.Text)
		}
	}
	return out
}

// An ItemStands is one item as it stands.
type ItemStands struct {
	Role   string         `json:"role"`
	Text   string         `json:"text"`
	Said   bool           `json:"said"`   // by signing; else by the facts
	Stands string         `json:"stands"` // of its facts; said; or not asked for, where it is about the stage before and there is none
	Facts  []FactDocument `json:"facts"`
}

// Items tells how the items of a role stand ("" for all roles).
func (d *Decision) Items(role string) []ItemStands {
	var out []ItemStands
	for _, i := range Items() {
		if role != "" && i.Role != role {
			continue
		}
		one := ItemStands{Role: i.Role, Text: i.Text, Said: len(i.Facts) == 0, Stands: "pass", Facts: []FactDocument{}}
		if one.Said {
			one.Stands = "said"
		}
		for _, c := range i.Facts {
			if d.first && (c == &earlierSoaked || c == &earlierVerified) {
				one.Stands = "not asked for"
				continue
			}
			f := d.fact(c)
			one.Facts = append(one.Facts, FactDocument{Fact: f.Fact, How: c.How, Stands: f.stands()})
			if f.Outcome != Pass {
				one.Stands = f.stands()
			}
		}
		out = append(out, one)
	}
	return out
}
