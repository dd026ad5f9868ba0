package audit

var rowSecuritySetting = Rule{
	ID:       "SET001",
	Name:     "row-security-setting",
	Title:    "row_security is switched off for sessions",
	Severity: Low,
	Fix:      "unset_context_default",
	Source:   "136",
	Doc: `With row_security = off a statement that a policy would filter fails instead. It is meant for back-ups. For an application it makes every query fail, and
somebody will grant BYPASSRLS to mend it.

Reset the setting.`,

	Check: func(in *Input, report func(Finding)) {
		for _, s := range in.Model.Snapshot.Settings {
			if s.Name != "row_security" || s.Value != "off" || s.Database != "" && s.Database != in.Model.Snapshot.Server.Database {
				continue
			}
			f := Finding{Object: object(s), ObjectType: "role", Severity: Info, Detail: "row_security is off there by default."}
			if s.Role == "" {
				f.ObjectType = "database"
			}
			if app, path, ok := in.holder(s.Role); ok {
				f.Severity, f.Role, f.Path = Low, app, path
			}
			f.Fix = &Fix{SQL: reset(s), Why: "policies filter again"}
			report(f)
		}
	},
}
