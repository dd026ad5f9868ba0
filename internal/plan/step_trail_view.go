package plan

import "github.com/ringfencehq/ringfence/internal/trailsql"

// trailView reads Name, Role (the reader) and Columns (what a tenant is called, where it is not tenant).
var trailView = Kind{
	Name: "trail_view",
	Doc: `show the security trail under the application's own names

A view of the ten columns that people ask for, named as ringfence.yaml says: with tenant: restaurant they are
authenticated_restaurant_id and attempted_restaurant_id. It shows its reader what the table shows it.`,
	Wave:   3,
	Danger: []string{"trail"},

	Do:   func(t Target) []string { return t.trailView().Create(t.Version) },
	Undo: func(t Target) []string { return t.trailView().Drop() },
	Done: func(t Target) string { return t.trailView().Done() },
}

func (t Target) trailView() trailsql.View {
	v := trailsql.View{Name: t.Name.Name, Reader: t.Role}
	if len(t.Columns) > 0 {
		v.Tenant = t.Columns[0]
	}
	return v
}
