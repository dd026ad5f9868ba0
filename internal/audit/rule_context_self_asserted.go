package audit

import (
	"strings"

	"github.com/ringfencehq/ringfence/internal/english"
)

var contextSelfAsserted = Rule{
	ID:       "CTX006",
	Name:     "context-self-asserted",
	Title:    "any SQL that runs as the application can choose the tenant",
	Severity: Info,
	Source:   "74; verified attacks that forge the context in one statement",
	Doc: `The tenant is a setting that the application's role may set to anything: SELECT set_config('app.tenant_id', ...) in an injected statement chooses
another tenant. Row level security protects against a forgotten filter, and not against injected SQL, unless the context is signed.

Where injected SQL is among the threats, sign the context (context: signed in ringfence.yaml).`,

	Check: func(in *Input, report func(Finding)) {
		for _, c := range in.Model.Contexts {
			if c.Kind != "setting" && c.Kind != "claim" || c.Signed {
				continue
			}
			f := Finding{
				Object: c.Name, ObjectType: "setting",
				Detail: "It is taken as it is by " + english.Count(c.Uses, "policy") + ".",
				Fix:    &Fix{Why: "a signed context (context: signed in ringfence.yaml) cannot be made up by SQL"},
			}
			if !strings.Contains(c.Name, ".") {
				f.Severity = Medium
				f.Detail += " It is one of PostgreSQL's own, which drivers, poolers and connection strings set for reasons of their own."
			}
			report(f)
		}
	},
}
