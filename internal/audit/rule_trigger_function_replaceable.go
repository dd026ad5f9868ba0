package audit

var triggerFunctionReplaceable = Rule{
	ID:       "FUN013",
	Name:     "trigger-function-replaceable",
	Title:    "the application may replace a function that others' statements fire",
	Severity: High,
	Source:   "116; verified attack by a trigger of one's own",
	Doc: `The application's role owns the function of a trigger or event trigger, or one in an index, a CHECK, a default, a rule or a domain, or can act as its
owner. What it puts there runs in the sessions of whoever writes to the table, or changes the schema, with their rights; in an index also as the
table's owner, when the table is analysed.

Give the function to a role that the application cannot become.`,

	Check: func(in *Input, report func(Finding)) {
		look := func(function, of, table string) {
			f := in.Model.Snapshot.Function(function)
			if f == nil || f.System {
				return
			}
			for _, app := range in.Model.Applications() {
				if path, ok := ownership(in, app, f.Owner); ok {
					report(Finding{Object: f.Identity(), ObjectType: "function", Table: table, Role: app, Path: path, Detail: f.Owner + " owns the function of " + of + "."})
				}
			}
		}
		for i := range in.Ways {
			if w := &in.Ways[i]; w.Planted != nil && w.Path[len(w.Path)-2].Via != "trigger" {
				report(Finding{Object: w.Planted.Identity(), ObjectType: "function", Table: w.Relation.Identity(), Role: w.Role,
					Detail: w.Planted.Owner + " owns the function that " + w.Path[len(w.Path)-2].Name + " calls."})
			}
		}
		for _, t := range in.Model.TenantTables() {
			if owned(in, t.Relation.Owner) {
				continue // told by the rules about owners
			}
			for i := range t.Relation.Triggers {
				g := &t.Relation.Triggers[i]
				look(g.Function, "trigger "+g.Identity(t.Relation), t.Relation.Identity())
			}
		}
		for _, e := range in.Model.Snapshot.EventTriggers {
			look(e.Function, "event trigger "+e.Name, "")
		}
	},
}

// owned reports whether an application role can act as owner.
func owned(in *Input, owner string) bool {
	for _, app := range in.Model.Applications() {
		if _, ok := ownership(in, app, owner); ok {
			return true
		}
	}
	return false
}
