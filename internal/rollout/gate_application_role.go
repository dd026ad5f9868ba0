package rollout

var applicationRole = Gate{
	Name:  "application_role",
	Item:  9,
	Title: "The application's role is checked",
	Doc:   `No application role is a superuser, has BYPASSRLS, owns tables that are not forced, or can become such a role.`,
	Facts: []*Collector{&applicationRights},
	Fixed: true,
}
