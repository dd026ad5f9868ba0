package plan

var defaultAccess = Kind{
	Name: "default_access",
	Doc: `make tables of the future reachable by nobody until they are granted

Default privileges that let the application read and write every new table open it before its policy is there, and for good where
the policy is forgotten. From this step on a migration that makes a table grants on it too, or the application is refused there.`,
	Wave:   7,
	Danger: []string{"default_access"},

	Do: defaultPrivileges.Do, Undo: defaultPrivileges.Undo, Done: defaultPrivileges.Done, Object: defaultPrivileges.Object,
}
